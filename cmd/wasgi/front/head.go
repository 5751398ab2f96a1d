package front

import (
	"bytes"
	"strconv"

	"github.com/valyala/fasthttp"

	"wasgi/quotas"
	"wasgi/tenants"
)

// refusal is why a request is answered with a failure before anyone has looked whose it
// is. What follows on its connection is not read.
type refusal struct {
	status int
	reason string
	limit  quotas.Limit // that was met, "" for none
}

func (r refusal) Error() string { return r.reason }

// bad refuses what is no HTTP, or what two servers may read differently.
func bad(reason string) error { return refusal{status: fasthttp.StatusBadRequest, reason: reason} }

// over refuses what is larger than the operator lets it be.
func over(status int, limit quotas.Limit, most int) error {
	return refusal{status: status, limit: limit, reason: limit.Error() + ": more than " + strconv.Itoa(most)}
}

// Limits of the server, as in its configuration.
const (
	limitHeaderBytes quotas.Limit = "header_bytes"
	limitHeaderLine  quotas.Limit = "header_line"
	limitHeaderCount quotas.Limit = "header_count"
	limitTarget      quotas.Limit = "target"
)

// Longest of what has no limit of its own, in bytes.
const (
	mostMethod    = 64
	mostChunkLine = 256
)

// field is a header line.
type field struct{ name, value string }

// headLine is a header line in the text of a head: where its name and its value are.
type headLine struct{ name, colon, value, end int }

// head is the head of a request while it comes, RFC 9112, sections 2 to 5. Each line is
// judged when it is whole. The zero value is one of which nothing has come.
type head struct {
	read   int // bytes that were judged: whole lines
	seen   int // bytes that were looked at for the end of a line
	line   headLine
	method int // its end
	target headLine
	minor  byte // of HTTP/1.x
	fields []headLine
	state  headState
}

type headState int

const (
	beforeLine headState = iota // one empty line may stand before the request line
	atLine
	atFields
	whole
)

func (h *head) reset() {
	fields := h.fields[:0]
	*h = head{fields: fields}
}

// next judges the lines that text has in full; text is all of the head that has come. It
// returns true when the head is whole: text[:h.read] is it.
func (h *head) next(text []byte, l *tenants.HTTP) (bool, error) {
	for h.state != whole {
		end := bytes.IndexByte(text[h.seen:], '\n')
		if end < 0 {
			h.seen = len(text)
			return false, h.unfinished(text, l)
		}
		end += h.seen
		if end == h.read || text[end-1] != '\r' {
			return false, bad("a line does not end with CR and LF")
		}
		if end >= int(l.HeaderBytes) {
			return false, over(fasthttp.StatusRequestHeaderFieldsTooLarge, limitHeaderBytes, int(l.HeaderBytes))
		}
		if err := h.take(text, end-1, l); err != nil {
			return false, err
		}
		h.read, h.seen = end+1, end+1
	}
	return true, nil
}

// unfinished refuses a line that is too long already, or cannot become one.
func (h *head) unfinished(text []byte, l *tenants.HTTP) error {
	size := len(text) - h.read
	switch {
	case h.state < atFields && size > 0 && text[h.read] != '\r' && !in(text[h.read], tokenLow, tokenHigh):
		return bad("the request line is malformed")
	case h.state < atFields && size > mostMethod+int(l.Target)+len("  HTTP/1.1\r"):
		return over(fasthttp.StatusRequestURITooLong, limitTarget, int(l.Target))
	case h.state == atFields && size > int(l.HeaderLine)+1:
		return over(fasthttp.StatusRequestHeaderFieldsTooLarge, limitHeaderLine, int(l.HeaderLine))
	case len(text) >= int(l.HeaderBytes):
		return over(fasthttp.StatusRequestHeaderFieldsTooLarge, limitHeaderBytes, int(l.HeaderBytes))
	}
	return nil
}

// take judges the line text[h.read:end].
func (h *head) take(text []byte, end int, l *tenants.HTTP) error {
	switch {
	case h.state == atFields && end == h.read:
		h.state = whole
		return nil
	case h.state == atFields:
		return h.takeField(text, end, l)
	case h.state == beforeLine && end == h.read:
		h.state = atLine
		return nil
	}
	h.state = atFields
	return h.takeLine(text, end, l)
}

// takeLine judges the request line: a method, a target and a version, with one space
// between them. RFC 9112, section 3.
func (h *head) takeLine(text []byte, end int, l *tenants.HTTP) error {
	line := text[h.read:end]
	method := bytes.IndexByte(line, ' ')
	version := bytes.LastIndexByte(line, ' ')
	switch {
	case method <= 0 || version == method:
		return bad("the request line is malformed")
	case method > mostMethod || !isToken(line[:method]):
		return bad("the method is malformed")
	case version-method-1 > int(l.Target):
		return over(fasthttp.StatusRequestURITooLong, limitTarget, int(l.Target))
	case !isTarget(line[method+1 : version]):
		return bad("the request target has characters that it cannot have")
	}
	switch string(line[version+1:]) {
	case "HTTP/1.1":
		h.minor = 1
	case "HTTP/1.0":
	default:
		return bad("the version is neither HTTP/1.0 nor HTTP/1.1")
	}
	h.line = headLine{name: h.read, end: end}
	h.method = h.read + method
	h.target = headLine{name: h.read + method + 1, end: h.read + version}
	return nil
}

// isTarget tells whether b has no control character and no space.
func isTarget(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c == 0x7f {
			return false
		}
	}
	return len(b) > 0
}

// takeField judges a header line. RFC 9112, section 5.
func (h *head) takeField(text []byte, end int, l *tenants.HTTP) error {
	line := text[h.read:end]
	switch {
	case len(line) > int(l.HeaderLine):
		return over(fasthttp.StatusRequestHeaderFieldsTooLarge, limitHeaderLine, int(l.HeaderLine))
	case len(h.fields) >= l.HeaderCount:
		return over(fasthttp.StatusRequestHeaderFieldsTooLarge, limitHeaderCount, l.HeaderCount)
	}
	f, err := parseField(line)
	if err != nil {
		return err
	}
	h.fields = append(h.fields, headLine{h.read, h.read + f.colon, h.read + f.value, h.read + f.end})
	return nil
}

// parseField returns where the name of a header line ends, and where its value is, without
// the white space around it. A line that goes on the one before, as in HTTP/1.0, is none.
func parseField(line []byte) (headLine, error) {
	colon := bytes.IndexByte(line, ':')
	if colon < 0 || !isToken(line[:colon]) {
		return headLine{}, bad("the name of a header is malformed")
	}
	if !isPlain(line[colon+1:]) {
		return headLine{}, bad("the value of a header has a control character")
	}
	f := headLine{colon: colon, value: colon + 1, end: len(line)}
	for f.value < f.end && isSpace(line[f.value]) {
		f.value++
	}
	for f.end > f.value && isSpace(line[f.end-1]) {
		f.end--
	}
	return f, nil
}
