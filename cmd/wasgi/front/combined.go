package front

import (
	"strconv"
	"strings"
)

// combined appends the line of the access log in Apache's combined format,
//
//	"%h %l %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-agent}i\""
//
// escaped as Apache does it: no byte of a client's can end a field, or the line.
func (a *access) combined(b []byte) []byte {
	b = appendField(b, addressOf(a.remote))
	b = append(b, " - - ["...)
	b = a.start.AppendFormat(b, "02/Jan/2006:15:04:05 -0700")
	b = append(b, `] "`...)
	if a.method != "" {
		b = appendEscaped(b, a.method)
		b = append(b, ' ')
		b = appendEscaped(b, a.target)
		b = append(b, ' ')
		b = appendEscaped(b, a.proto)
	} else {
		b = append(b, '-') // a request that could not be read
	}
	b = append(b, `" `...)
	b = strconv.AppendInt(b, int64(a.sent.status), 10)
	b = append(b, ' ')
	if a.sent.bytes == 0 {
		b = append(b, '-')
	} else {
		b = strconv.AppendInt(b, a.sent.bytes, 10)
	}
	b = append(b, ` "`...)
	b = appendField(b, a.referer)
	b = append(b, `" "`...)
	b = appendField(b, a.agent)
	return append(b, "\"\n"...)
}

// addressOf returns the address of HOST:PORT, "" for what is none, as of a Unix socket.
func addressOf(remote string) string {
	at := strings.LastIndexByte(remote, ':')
	if at < 0 {
		return ""
	}
	return strings.Trim(remote[:at], "[]")
}

// appendField appends a value, "-" for none.
func appendField(b []byte, value string) []byte {
	if value == "" {
		return append(b, '-')
	}
	return appendEscaped(b, value)
}

func appendEscaped(b []byte, value string) []byte {
	const digits = "0123456789abcdef"
	done := 0
	for i := range len(value) {
		c := value[i]
		if c >= ' ' && c <= '~' && c != '"' && c != '\\' {
			continue
		}
		b = append(append(b, value[done:i]...), '\\')
		if at := strings.IndexByte("\"\\\b\n\r\t\v", c); at >= 0 {
			b = append(b, `"\bnrtv`[at])
		} else {
			b = append(b, 'x', digits[c>>4], digits[c&15])
		}
		done = i + 1
	}
	return append(b, value[done:]...)
}
