package front

import (
	"bytes"

	"github.com/valyala/fasthttp"

	"wasgi/tenants"
)

// chunked decodes a body that comes in chunks, RFC 9112, section 7.1. The zero value, with
// limits, is at its beginning.
type chunked struct {
	limits *tenants.HTTP
	state  chunkState
	left   int64 // bytes of the chunk
	// What the trailers have, which nobody is told: fields and bytes.
	fields, bytes int
}

type chunkState int

const (
	atSize chunkState = iota
	inChunk
	afterChunk
	atTrailers
	ended
)

// mostChunk is the longest chunk, in bytes: more than any body's limit.
const mostChunk = 1<<56 - 1

// lines takes the lines that text begins with, text being what follows what was taken
// before. It returns how many bytes they have. It stops before a chunk's bytes, of which
// passed is to be told, at the end, and where more of a line must come first.
func (d *chunked) lines(text []byte) (taken int, err error) {
	for d.state != inChunk && d.state != ended {
		line, ok, err := d.line(text[taken:])
		if !ok || err != nil {
			return taken, err
		}
		if err := d.take(line); err != nil {
			return taken, err
		}
		taken += len(line) + len("\r\n")
	}
	return taken, nil
}

// passed tells of n bytes of a chunk that were taken.
func (d *chunked) passed(n int64) {
	if d.left -= n; d.left == 0 {
		d.state = afterChunk
	}
}

// line returns the line that text begins with, if it is whole, and refuses one that is too
// long or can be none.
func (d *chunked) line(text []byte) (line []byte, ok bool, err error) {
	end := bytes.IndexByte(text, '\n')
	most := mostChunkLine
	if d.state == atTrailers {
		most = int(d.limits.HeaderLine)
	}
	switch {
	case end < 0 && d.state == afterChunk && len(text) > 0 && text[0] != '\r', end < 0 && len(text) > most+1, end > most+1:
		return nil, false, bad("a chunk of the body is malformed")
	case end < 0:
		return nil, false, nil
	case end == 0 || text[end-1] != '\r':
		return nil, false, bad("a line of the body does not end with CR and LF")
	}
	return text[:end-1], true, nil
}

// take judges a line.
func (d *chunked) take(line []byte) error {
	switch d.state {
	case atSize:
		size, err := parseChunk(line)
		d.left, d.state = size, inChunk
		if size == 0 {
			d.state = atTrailers
		}
		return err
	case afterChunk:
		d.state = atSize
		if len(line) > 0 {
			return bad("a chunk of the body is longer than it says")
		}
		return nil
	}
	if len(line) == 0 {
		d.state = ended
		return nil
	}
	return d.trailer(line)
}

// trailer judges a header line after the body, RFC 9110, section 6.5.1: none may change
// what the request is.
func (d *chunked) trailer(line []byte) error {
	d.fields++
	d.bytes += len(line)
	if d.fields > d.limits.HeaderCount {
		return over(fasthttp.StatusRequestHeaderFieldsTooLarge, limitHeaderCount, d.limits.HeaderCount)
	}
	if d.bytes > int(d.limits.HeaderBytes) {
		return over(fasthttp.StatusRequestHeaderFieldsTooLarge, limitHeaderBytes, int(d.limits.HeaderBytes))
	}
	f, err := parseField(line)
	if err != nil {
		return err
	}
	switch kindOf(string(line[:f.colon])) {
	case fieldHost, fieldLength, fieldCoding, fieldTrailer, fieldConnection, fieldAuthorization:
		return bad("a header stands after the body that cannot stand there")
	}
	return nil
}

// parseChunk reads the line before a chunk: its size in hexadecimal digits, and extensions,
// which nobody is told.
func parseChunk(line []byte) (int64, error) {
	var size int64
	digits := 0
	for digits < len(line) && isHex(line[digits]) {
		size = size<<4 | int64(unhex(line[digits]))
		if digits++; size > mostChunk {
			return 0, bad("a chunk of the body is too large")
		}
	}
	if digits == 0 || !isExtensions(line[digits:]) {
		return 0, bad("the size of a chunk is malformed")
	}
	return size, nil
}

// isExtensions tells whether b is *( ";" name [ "=" value ] ), with white space around the
// signs. RFC 9112, section 7.1.1.
func isExtensions(b []byte) bool {
	for len(b) > 0 {
		if b = skipSpace(b); len(b) == 0 || b[0] != ';' {
			return false
		}
		b = skipSpace(b[1:])
		name := tokenOf(b)
		b = b[len(name):]
		if len(name) == 0 {
			return false
		}
		rest := skipSpace(b)
		if len(rest) == 0 || rest[0] != '=' {
			continue
		}
		rest = skipSpace(rest[1:])
		value := tokenOf(rest)
		if len(value) == 0 {
			value = quotedOf(rest)
		}
		if len(value) == 0 {
			return false
		}
		b = rest[len(value):]
	}
	return true
}

func skipSpace(b []byte) []byte {
	for len(b) > 0 && isSpace(b[0]) {
		b = b[1:]
	}
	return b
}

// tokenOf returns the token that b begins with.
func tokenOf(b []byte) []byte {
	n := 0
	for n < len(b) && in(b[n], tokenLow, tokenHigh) {
		n++
	}
	return b[:n]
}

// quotedOf returns the quoted string that b begins with, RFC 9110, section 5.6.4.
func quotedOf(b []byte) []byte {
	if len(b) == 0 || b[0] != '"' {
		return nil
	}
	for n := 1; n < len(b); n++ {
		switch c := b[n]; {
		case c == '"':
			return b[:n+1]
		case c == '\\':
			if n++; n < len(b) && !isFieldValue(b[n:n+1]) {
				return nil
			}
		case !isFieldValue(b[n : n+1]):
			return nil
		}
	}
	return nil
}
