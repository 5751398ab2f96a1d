package front

import (
	"net/netip"
	"strings"

	"github.com/valyala/fasthttp"
)

// target is what a request line and its Host ask for.
type target struct {
	raw       string // as sent
	authority string // Host as sent, without a user
	host      string // canonical: lower-case, without port and final dot
	path      string // percent-decoded bytes
	query     string // as sent, without "?"
	rest      string // path and query as sent; "" where the target is none of a resource
}

// origin returns path and query, each byte that cannot stand in an address percent-encoded.
func (t *target) origin() string {
	const digits = "0123456789ABCDEF"
	b := make([]byte, 0, 1+len(t.rest))
	if t.rest == "" || t.rest[0] != '/' {
		b = append(b, '/')
	}
	for i := range len(t.rest) {
		if c := t.rest[i]; c <= ' ' || c > '~' || strings.IndexByte(`"<>\^`+"`{|}", c) >= 0 {
			b = append(b, '%', digits[c>>4], digits[c&15])
		} else {
			b = append(b, c)
		}
	}
	return string(b)
}

// isServer tells whether the server is asked, and none of its resources.
func (t *target) isServer() bool { return t.raw == "*" }

// parse reads the target, in the form that belongs to the method, RFC 9112, section 3.2.
// host is the header; named tells that there is one, which the target then must agree with.
func (t *target) parse(method, host string, named bool) error {
	t.authority = host
	var err error
	switch {
	case method == fasthttp.MethodConnect: // a host and no path: an app is asked at its root
		if err = t.agree(t.raw, named); err == nil && strings.LastIndexByte(t.raw, ':') <= strings.LastIndexByte(t.raw, ']') {
			err = bad("the target of a CONNECT has no port")
		}
		t.path = "/"
		return err
	case t.isServer() && method == fasthttp.MethodOptions:
	case t.raw[0] == '/':
		t.rest = t.raw
	default:
		err = t.absolute(named)
	}
	if err != nil {
		return err
	}
	var ok bool
	if t.host, ok = canonicalHost(t.authority); !ok {
		return bad("the Host header is no host name")
	}
	return t.split()
}

// absolute reads a target that is a whole URI.
func (t *target) absolute(named bool) error {
	rest, ok := cutScheme(t.raw)
	if !ok {
		return bad(`the request target must be a path that starts with "/"`)
	}
	end := strings.IndexAny(rest, "/?#\\")
	if end < 0 {
		end = len(rest)
	}
	authority := rest[:end]
	if user, host, ok := strings.Cut(authority, "@"); ok {
		if !isUser(user) {
			return bad("the user in the request target is malformed")
		}
		authority = host
	}
	if authority == "" {
		return bad("the request target names no host")
	}
	if t.rest = rest[end:]; t.rest == "" {
		t.rest = "/"
	}
	if t.rest[0] != '/' && t.rest[0] != '?' {
		return bad("the request target has no path behind its host")
	}
	return t.agree(authority, named)
}

// agree takes the host of the target, which the header Host must name too: who goes by the
// one must not come to another than who goes by the other.
func (t *target) agree(authority string, named bool) error {
	host, ok := canonicalHost(authority)
	if !ok || host == "" {
		return bad("the host in the request target is no host name")
	}
	other, ok := canonicalHost(t.authority)
	_, port, _ := cutPort(authority)
	_, otherPort, _ := cutPort(t.authority)
	if named && (!ok || other != host || port != otherPort && port != "" && otherPort != "") {
		return bad("the request target and the Host header name different hosts")
	}
	t.authority, t.host = authority, host
	return nil
}

// split finds path and query. The path's escapes must be some; in queries browsers leave
// other uses of "%" alone.
func (t *target) split() error {
	path, query, _ := strings.Cut(t.rest, "?")
	t.query = query
	if path == "" {
		path = "/"
	}
	var ok bool
	if t.path, ok = unescape(path); !ok {
		return bad("the path has a malformed escape")
	}
	if strings.IndexByte(path, '\\') >= 0 {
		return bad("the path has a backslash")
	}
	return nil
}

// isUser tells whether text can stand before "@" in an authority, RFC 3986, section 3.2.1.
func isUser(text string) bool {
	for i := range len(text) {
		if c := text[i]; !in(c, hostLow|1<<':'|1<<'%'|1<<','|1<<'*', hostHigh) {
			return false
		}
	}
	return true
}

func cutScheme(raw string) (string, bool) {
	for _, scheme := range []string{"http://", "https://"} {
		if len(raw) >= len(scheme) && strings.EqualFold(raw[:len(scheme)], scheme) {
			return raw[len(scheme):], true
		}
	}
	return "", false
}

// canonicalHost returns a Host's one spelling. It refuses what no host can be, and
// accepts the empty Host of HTTP/1.0.
func canonicalHost(authority string) (string, bool) {
	host := authority
	if name, port, ok := cutPort(authority); ok {
		if strings.Trim(port, "0123456789") != "" || len(port) > 5 {
			return "", false
		}
		host = name
	}
	if inner, ok := strings.CutPrefix(host, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		ip, err := netip.ParseAddr(inner)
		return "[" + ip.String() + "]", ok && err == nil && ip.Is6() && ip.Zone() == ""
	}
	host = strings.TrimSuffix(host, ".")
	if len(host) > 253 || strings.Contains(host, "..") || strings.HasPrefix(host, ".") || strings.HasSuffix(host, ".") {
		return "", false
	}
	for i := range len(host) {
		if !in(host[i], hostLow, hostHigh) {
			return "", false
		}
	}
	return strings.ToLower(host), host != "" || authority == ""
}

// cutPort cuts at the colon before the port, if there is one.
func cutPort(authority string) (host, port string, ok bool) {
	i := strings.LastIndexByte(authority, ':')
	if i < 0 || strings.HasSuffix(authority, "]") {
		return authority, "", false
	}
	return authority[:i], authority[i+1:], true
}

// unescape decodes %XX, and tells whether each "%" begins one; it leaves others alone.
func unescape(s string) (string, bool) {
	if strings.IndexByte(s, '%') < 0 {
		return s, true
	}
	ok := true
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]) {
			b = append(b, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
			continue
		}
		ok = ok && s[i] != '%'
		b = append(b, s[i])
	}
	return string(b), ok
}
