package front

import (
	"bytes"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
)

// httpTime is how a date is written in HTTP, RFC 9110, section 5.6.7.
const httpTime = "Mon, 02 Jan 2006 15:04:05 GMT"

// validators tell one state of a resource from another.
type validators struct {
	etag     string    // `"abc"` or `W/"abc"`, "" for none
	modified time.Time // to the second; zero for unknown
}

// judge returns the status that the preconditions of a request make of an answer: 304,
// 412, or 0 where it is to be given. RFC 9110, section 13.2.2.
func (v validators) judge(r *request) int {
	if !r.conditional() {
		return 0
	}
	match, none := r.all("If-Match"), r.all("If-None-Match")
	switch {
	case len(match) > 0:
		if !v.matches(match, false) {
			return fasthttp.StatusPreconditionFailed
		}
	case v.changedSince(r.first("If-Unmodified-Since")):
		return fasthttp.StatusPreconditionFailed
	}
	reads := r.method == fasthttp.MethodGet || r.method == fasthttp.MethodHead
	switch {
	case len(none) > 0 && v.matches(none, true) && reads:
		return fasthttp.StatusNotModified
	case len(none) > 0 && v.matches(none, true):
		return fasthttp.StatusPreconditionFailed
	case len(none) == 0 && reads && v.sameAs(r.first("If-Modified-Since")):
		return fasthttp.StatusNotModified
	}
	return 0
}

// conditional tells whether a request has a header that begins with "If-".
func (r *request) conditional() bool {
	for _, f := range r.fields {
		if name := f.name; len(name) > 3 && name[0]|0x20 == 'i' && name[1]|0x20 == 'f' && name[2] == '-' {
			return true
		}
	}
	return false
}

// changedSince tells whether the resource is younger than a date, if that is one.
func (v validators) changedSince(date string) bool {
	t, ok := parseTime(date)
	return ok && !v.modified.IsZero() && v.modified.After(t)
}

// sameAs tells whether the resource is not younger than a date, which is one.
func (v validators) sameAs(date string) bool {
	t, ok := parseTime(date)
	return ok && !v.modified.IsZero() && !v.modified.After(t)
}

// matches tells whether one of the tags in the values of a header is the resource's.
// Weakly compared, W/"a" and "a" are the same; strongly, no weak one is any.
func (v validators) matches(values [][]byte, weakly bool) bool {
	if bytes.Equal(bytes.Trim(values[0], " \t"), []byte{'*'}) {
		return true
	}
	for _, value := range values {
		for len(value) > 0 {
			var tag []byte
			if tag, value = cutETag(value); sameTag(tag, v.etag, weakly) {
				return true
			}
		}
	}
	return false
}

// cutETag cuts the first tag off a list of them; what is no tag ends the list.
func cutETag(list []byte) (tag, rest []byte) {
	list = bytes.TrimLeft(list, " \t,")
	opaque := bytes.TrimPrefix(list, []byte("W/"))
	if len(opaque) == 0 || opaque[0] != '"' {
		return nil, nil
	}
	end := bytes.IndexByte(opaque[1:], '"')
	if end < 0 {
		return nil, nil
	}
	n := len(list) - len(opaque) + end + 2
	return list[:n], list[n:]
}

func sameTag(tag []byte, own string, weakly bool) bool {
	if len(tag) == 0 || own == "" {
		return false
	}
	if weakly {
		return string(bytes.TrimPrefix(tag, []byte("W/"))) == string(bytes.TrimPrefix([]byte(own), []byte("W/")))
	}
	return string(tag) == own && own[0] == '"'
}

// partStands tells whether a part may be sent of a resource of which the client has
// another part: RFC 9110, section 13.1.5. A date has to be the resource's own.
func (v validators) partStands(ifRange string) bool {
	switch {
	case len(ifRange) == 0:
		return true
	case ifRange[0] == '"' || strings.HasPrefix(ifRange, "W/"):
		return sameTag([]byte(ifRange), v.etag, false)
	}
	t, ok := parseTime(ifRange)
	return ok && t.Equal(v.modified) && v.etag != "" && v.etag[0] == '"'
}

// parseTime reads a date in any of the three forms that there are.
func parseTime(date string) (time.Time, bool) {
	if len(date) < len("Sun Nov  6 08:49:37 1994") || len(date) > len("Wednesday, 06-Nov-94 08:49:37 GMT") {
		return time.Time{}, false
	}
	for _, layout := range []string{httpTime, "Monday, 02-Jan-06 15:04:05 GMT", time.ANSIC} {
		if t, err := time.Parse(layout, date); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}
