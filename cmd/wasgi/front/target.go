package front

import (
	"bytes"
	"errors"
	"net"
	"strings"

	"github.com/valyala/fasthttp"
)

// target is what a request line and its Host ask for.
type target struct {
	raw       string // as sent
	authority string // Host as sent, or that of an absolute-form target
	host      string // canonical: lower-case, without port and final dot
	path      string // percent-decoded bytes
	query     string // as sent, without "?"
}

// parseTarget reads the request target, RFC 9112, section 3.2, copied out of ctx.
func parseTarget(ctx *fasthttp.RequestCtx) (target, error) {
	t := target{raw: string(ctx.Request.Header.RequestURI()), authority: string(ctx.Request.Header.Host())}
	origin := t.raw
	if rest, ok := cutScheme(t.raw); ok {
		end := strings.IndexAny(rest, "/?")
		if end < 0 {
			end = len(rest)
		}
		if t.authority, origin = rest[:end], rest[end:]; t.authority == "" {
			return t, errors.New("the request target names no host")
		}
		if origin == "" || origin[0] == '?' {
			origin = "/" + origin
		}
	}
	if origin == "" || origin[0] != '/' {
		return t, errors.New(`the request target must be a path that starts with "/"`)
	}
	path, query, _ := strings.Cut(origin, "?")
	t.path, t.query = unescape(path), query
	var ok bool
	if t.host, ok = canonicalHost(t.authority); !ok {
		return t, errors.New("the Host header is no host name")
	}
	return t, nil
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
		return host, ok && net.ParseIP(inner) != nil
	}
	host = strings.TrimSuffix(host, ".")
	if len(host) > 253 || strings.Contains(host, "..") || strings.HasPrefix(host, ".") || strings.HasSuffix(host, ".") {
		return "", false
	}
	for _, c := range []byte(host) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && c != '.' && c != '-' && c != '_' {
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

// unescape decodes %XX and leaves alone what is not that, as Python's unquote does.
func unescape(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]) {
			b = append(b, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
			continue
		}
		b = append(b, s[i])
	}
	return string(b)
}

func isHex(c byte) bool { return bytes.IndexByte([]byte("0123456789abcdefABCDEF"), c) >= 0 }

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	}
	return c - 'a' + 10
}
