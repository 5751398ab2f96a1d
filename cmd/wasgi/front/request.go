package front

import (
	"strconv"
	"strings"

	"github.com/valyala/fasthttp"
)

// request is the head of a request that has passed the gate, copied out of the connection's
// memory. What it is told of by a proxy is in it, where the proxy is trusted.
type request struct {
	method string
	minor  byte // of HTTP/1.x
	target target
	fields []field // all that the app is told of, as sent
	peer   peer    // whom it comes from

	length  int64  // of its body; -1: it comes in chunks
	codings string // of its transfer, other than chunks; "" for none
	expect  bool   // the client waits for a 100 before it sends the body
	close   bool   // the connection's last
}

// kind is a header that the server itself goes by.
type kind int

const (
	fieldOther kind = iota
	fieldHost
	fieldLength
	fieldType
	fieldCoding
	fieldConnection
	fieldHop // others that are the connection's alone, RFC 9110, section 7.6.1
	fieldTrailer
	fieldExpect
	fieldAuthorization
	fieldSingle // others that stand once, or their meaning is anybody's guess
	fieldProxy
	fieldForwarded
	fieldForwardedFor
	fieldForwardedProto
	fieldForwardedHost
	fieldForwardedOther
	kinds
)

// kindOf tells what a header is by its name, in any case.
func kindOf(name string) kind {
	switch len(name) {
	case 2:
		return named(name, "TE", fieldHop)
	case 4:
		return named(name, "Host", fieldHost)
	case 5:
		return max(named(name, "Proxy", fieldProxy), named(name, "Range", fieldSingle))
	case 6:
		return named(name, "Expect", fieldExpect)
	case 7:
		return max(named(name, "Trailer", fieldTrailer), named(name, "Upgrade", fieldHop))
	case 8:
		return named(name, "If-Range", fieldSingle)
	case 9:
		return named(name, "Forwarded", fieldForwarded)
	case 10:
		return max(named(name, "Connection", fieldConnection), named(name, "Keep-Alive", fieldHop))
	case 12:
		return named(name, "Content-Type", fieldType)
	case 13:
		return named(name, "Authorization", fieldAuthorization)
	case 14:
		return named(name, "Content-Length", fieldLength)
	}
	return kindOfLong(name)
}

func kindOfLong(name string) kind {
	switch len(name) {
	case 15:
		return named(name, "X-Forwarded-For", fieldForwardedFor)
	case 16:
		return max(named(name, "X-Forwarded-Host", fieldForwardedHost), named(name, "Proxy-Connection", fieldHop))
	case 17:
		return max(named(name, "X-Forwarded-Proto", fieldForwardedProto), named(name, "Transfer-Encoding", fieldCoding), named(name, "If-Modified-Since", fieldSingle))
	case 18:
		return named(name, "Proxy-Authenticate", fieldHop)
	case 19:
		return max(named(name, "Proxy-Authorization", fieldHop), named(name, "If-Unmodified-Since", fieldSingle))
	}
	if len(name) > len("X-Forwarded-") && strings.EqualFold(name[:len("X-Forwarded-")], "X-Forwarded-") {
		return fieldForwardedOther
	}
	return fieldOther
}

func named(name, want string, k kind) kind {
	if strings.EqualFold(name, want) {
		return k
	}
	return fieldOther
}

// framing is what the headers that the server goes by say.
type framing struct {
	seen   [kinds]int
	values [kinds]string // of those that stand once
	chunks bool
	open   bool // keep-alive is asked for
	r      *request
}

// read makes the request of a head that is whole, and refuses what is ambiguous. text is
// the head's, and is not kept. What r was before is forgotten.
func (r *request) read(h *head, text []byte, from peer, trust trust) error {
	all := string(text[:h.read])
	*r = request{method: all[h.line.name:h.method], minor: h.minor, peer: from, fields: r.fields[:0]}
	r.target.raw = all[h.target.name:h.target.end]
	f := framing{r: r}
	for _, s := range h.fields {
		if err := f.take(field{all[s.name:s.colon], all[s.value:s.end]}, trust); err != nil {
			return err
		}
	}
	if err := f.body(); err != nil {
		return err
	}
	if err := f.connection(); err != nil {
		return err
	}
	return f.host(trust)
}

// take reads one header, and keeps it if the app is to be told.
func (f *framing) take(h field, trust trust) error {
	if strings.IndexByte(h.name, '_') >= 0 {
		return nil // would stand for another header's name
	}
	k := kindOf(h.name)
	f.seen[k]++
	switch k {
	case fieldOther:
		f.r.fields = append(f.r.fields, h)
		return nil
	case fieldHost, fieldLength, fieldType, fieldAuthorization, fieldSingle:
		return f.once(k, h)
	case fieldCoding:
		return f.coding(h.value)
	case fieldConnection:
		return f.options(h.value)
	case fieldForwarded, fieldForwardedFor, fieldForwardedProto, fieldForwardedHost, fieldForwardedOther:
		if trust.takes(k) {
			f.values[k] = joined(f.values[k], h.value)
			f.r.fields = append(f.r.fields, h)
		}
	case fieldExpect:
		f.values[k] = joined(f.values[k], h.value)
	}
	return nil
}

func joined(list, value string) string {
	if list == "" {
		return value
	}
	return list + "," + value
}

// once takes a header that stands once.
func (f *framing) once(k kind, h field) error {
	if k == fieldSingle {
		for _, other := range f.r.fields {
			if strings.EqualFold(other.name, h.name) {
				return bad("the header " + h.name + " stands twice")
			}
		}
	} else if f.seen[k] > 1 {
		return bad("the header " + h.name + " stands twice")
	}
	f.values[k] = h.value
	f.r.fields = append(f.r.fields, h)
	return nil
}

// coding takes Transfer-Encoding, RFC 9112, section 6.1: chunks are the last coding, and
// are applied once. What is under them is the app's to decode. "identity", a word of old, is
// no coding.
func (f *framing) coding(value string) error {
	known := listed(value, func(coding string) bool {
		switch coding = strings.ToLower(coding); {
		case f.chunks:
			return false
		case coding == "chunked":
			f.chunks = true
		case coding == "gzip", coding == "x-gzip", coding == "deflate", coding == "compress", coding == "x-compress":
			f.r.codings = joined(f.r.codings, coding)
		case coding != "identity":
			return false
		}
		return true
	})
	if !known || strings.Trim(value, " \t,") == "" {
		return bad("the Transfer-Encoding is none that ends with chunks, or is unknown")
	}
	return nil
}

// options takes Connection.
func (f *framing) options(value string) error {
	if strings.EqualFold(value, "keep-alive") { // as most say
		f.open = true
		return nil
	}
	ok := listed(value, func(option string) bool {
		switch {
		case strings.EqualFold(option, "close"):
			f.r.close = true
		case strings.EqualFold(option, "keep-alive"):
			f.open = true
		}
		return isToken(option)
	})
	if !ok {
		return bad("the header Connection is malformed")
	}
	return nil
}

// body finds where the body ends, RFC 9112, section 6.3. More than one answer is none.
func (f *framing) body() error {
	length, lengthed := f.values[fieldLength], f.seen[fieldLength] > 0
	switch {
	case f.seen[fieldCoding] > 0 && f.r.minor == 0:
		return bad("a request of HTTP/1.0 has a Transfer-Encoding")
	case f.chunks && lengthed:
		return bad("the request has both Content-Length and Transfer-Encoding")
	case f.r.codings != "" && !f.chunks:
		return bad("the last Transfer-Encoding is not chunked")
	case f.chunks:
		f.r.length = -1
	case lengthed && !isDigits(length):
		return bad("the Content-Length is no number")
	case lengthed:
		n, err := strconv.ParseInt(length, 10, 64)
		if err != nil {
			return bad("the Content-Length is too large")
		}
		f.r.length = n
	}
	switch f.r.method {
	case fasthttp.MethodTrace, fasthttp.MethodConnect:
		if f.r.length != 0 {
			return bad("a " + f.r.method + " has a body")
		}
	}
	return nil
}

// connection finds whether it goes on after the request, and what the client expects. Who asks
// for a tunnel does not send requests in it.
func (f *framing) connection() error {
	if f.r.minor == 0 && !f.open || f.r.method == fasthttp.MethodConnect {
		f.r.close = true
	}
	expect := f.values[fieldExpect]
	switch {
	case expect == "" || f.r.minor == 0: // RFC 9110, section 10.1.1
		return nil
	case !strings.EqualFold(expect, "100-continue"):
		return refusal{status: fasthttp.StatusExpectationFailed, reason: "the server knows no expectation but 100-continue"}
	}
	f.r.expect = f.r.length != 0
	return nil
}

// host finds whom the request is for, RFC 9112, section 3.2 and 3.3.
func (f *framing) host(trust trust) error {
	named := f.seen[fieldHost] == 1
	if !named && f.r.minor > 0 {
		return bad("the header Host is missing")
	}
	if err := f.r.target.parse(f.r.method, f.values[fieldHost], named); err != nil {
		return err
	}
	if f.r.target.host == "" && f.r.minor > 0 {
		return bad("the header Host is empty")
	}
	return trust.apply(f)
}

// first returns the value of a header that the app is told of, "" where there is none.
func (r *request) first(name string) string {
	for _, f := range r.fields {
		if strings.EqualFold(f.name, name) {
			return f.value
		}
	}
	return ""
}

// all returns the values of a header that the app is told of.
func (r *request) all(name string) (values [][]byte) {
	for _, f := range r.fields {
		if strings.EqualFold(f.name, name) {
			values = append(values, []byte(f.value))
		}
	}
	return values
}

// requestOf returns the request that is answered. fasthttp knows little of it.
func requestOf(ctx *fasthttp.RequestCtx) *request { return &ctx.Conn().(*conn).request }

// headRoom is the longest head that fasthttp reads, in bytes.
const headRoom = mostMethod + 128

// head writes what fasthttp is to read of the request: what it needs to answer on the
// connection, and nothing that a client can make long or odd.
func (r *request) head(to []byte) []byte {
	to = append(append(to, r.method...), " / HTTP/1."...)
	to = append(append(to, '0'+r.minor), "\r\nHost: gate\r\n"...)
	switch {
	case r.close:
		to = append(to, "Connection: close\r\n"...)
	case r.minor == 0:
		to = append(to, "Connection: keep-alive\r\n"...)
	}
	return append(to, "\r\n"...)
}
