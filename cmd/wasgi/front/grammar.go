package front

import (
	"encoding/binary"
	"strings"
)

// Sets of ASCII, a bit for each character: those below 64, and those from there.
const (
	digits  uint64 = (1<<10 - 1) << '0'
	letters uint64 = (1<<26-1)<<('A'-64) | (1<<26-1)<<('a'-64)

	tokenLow  = digits | 1<<'!' | 1<<'#' | 1<<'$' | 1<<'%' | 1<<'&' | 1<<'\'' | 1<<'*' | 1<<'+' | 1<<'-' | 1<<'.'
	tokenHigh = letters | 1<<('^'-64) | 1<<('_'-64) | 1<<('`'-64) | 1<<('|'-64) | 1<<('~'-64)

	// What a name of RFC 3986, section 3.2.2, may have, but for escapes, a comma and an
	// asterisk: some take these for a list, or for any host.
	hostLow  = digits | 1<<'-' | 1<<'.' | 1<<'!' | 1<<'$' | 1<<'&' | 1<<'\'' | 1<<'(' | 1<<')' | 1<<'+' | 1<<';' | 1<<'='
	hostHigh = letters | 1<<('_'-64) | 1<<('~'-64)
)

// in tells whether c is in a set.
func in(c byte, low, high uint64) bool {
	return c < 64 && low>>c&1 != 0 || c >= 64 && c < 128 && high>>(c-64)&1 != 0
}

// isToken tells whether b is a token, RFC 9110, section 5.6.2.
func isToken[text string | []byte](b text) bool {
	for i := 0; i < len(b); i++ {
		if !in(b[i], tokenLow, tokenHigh) {
			return false
		}
	}
	return len(b) > 0
}

// isFieldValue tells whether b has only what a field's value may have, RFC 9110, section
// 5.5: no control character but the tab.
func isFieldValue[text string | []byte](b text) bool {
	for i := 0; i < len(b); i++ {
		if c := b[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// isPlain is isFieldValue for most of the text of a head: eight bytes at a time, as long as
// none is a control character.
func isPlain(b []byte) bool {
	const ones, tops uint64 = 0x0101010101010101, 0x8080808080808080
	for ; len(b) >= 8; b = b[8:] {
		word := binary.LittleEndian.Uint64(b)
		del := word ^ ones*0x7f
		if ((word-ones*' ')&^word|(del-ones)&^del)&tops != 0 {
			break
		}
	}
	return isFieldValue(b)
}

// isDigits tells whether b is a decimal number of any size.
func isDigits(b string) bool {
	for i := 0; i < len(b); i++ {
		if b[i] < '0' || b[i] > '9' {
			return false
		}
	}
	return len(b) > 0
}

// listed calls each with the elements of a comma-separated list, in order, until it
// returns false. It tells whether it never did.
func listed(value string, each func(string) bool) bool {
	for element := range strings.SplitSeq(value, ",") {
		if element = strings.Trim(element, " \t"); element != "" && !each(element) {
			return false
		}
	}
	return true
}

// isSpace tells whether c is white space in a line, RFC 9110, section 5.6.3.
func isSpace(c byte) bool { return c == ' ' || c == '\t' }

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	}
	return c - 'a' + 10
}
