package front

import (
	"bytes"
	"net"
	"strconv"
	"strings"

	"github.com/valyala/fasthttp"

	"wasgi/abi"
)

// header is one request header on its way into the environ.
type header struct {
	name  []byte // as an environ key: HTTP_USER_AGENT
	value []byte
}

// environ packs the request as PEP 3333's environ, the one copy of it that is made.
// https://peps.python.org/pep-3333/#environ-variables
func environ(ctx *fasthttp.RequestCtx, t target, script, tenant, id string) *abi.Pairs {
	e := &abi.Pairs{}
	e.Reserve(2048)
	h := &ctx.Request.Header
	e.AddBytes([]byte("REQUEST_METHOD"), h.Method())
	e.Add("SCRIPT_NAME", script)
	e.Add("PATH_INFO", strings.TrimPrefix(t.path, script))
	e.Add("QUERY_STRING", t.query)
	e.Add("REQUEST_URI", t.raw)
	e.Add("RAW_URI", t.raw)
	e.AddBytes([]byte("SERVER_PROTOCOL"), h.Protocol())
	e.Add("SERVER_SOFTWARE", "wasgi")
	addAddresses(e, ctx, t)
	addContent(e, h)
	for _, header := range headers(h.RawHeaders(), t.authority) {
		e.AddBytes(header.name, header.value)
	}
	e.Add("wsgi.url_scheme", scheme(ctx))
	e.Add("wasgi.request_id", id)
	e.Add("wasgi.tenant", tenant)
	return e
}

func scheme(ctx *fasthttp.RequestCtx) string {
	if securedOf(ctx.Conn()) != nil {
		return "https"
	}
	return "http"
}

// addAddresses adds both ends of the connection. A Unix socket's have no port, and
// the PEP wants SERVER_PORT all the same.
func addAddresses(e *abi.Pairs, ctx *fasthttp.RequestCtx, t target) {
	name, port := t.host, "80"
	if local, ok := ctx.LocalAddr().(*net.TCPAddr); ok {
		port = strconv.Itoa(local.Port)
		if name == "" {
			name = local.IP.String()
		}
	}
	if name == "" {
		name = "localhost"
	}
	e.Add("SERVER_NAME", name)
	e.Add("SERVER_PORT", port)
	if remote, ok := ctx.RemoteAddr().(*net.TCPAddr); ok {
		e.Add("REMOTE_ADDR", remote.IP.String())
		e.Add("REMOTE_PORT", strconv.Itoa(remote.Port))
		return
	}
	e.Add("REMOTE_ADDR", "")
}

// addContent adds what the PEP keeps out of HTTP_*. A chunked body has no length.
func addContent(e *abi.Pairs, h *fasthttp.RequestHeader) {
	if length := h.Peek("Content-Length"); len(length) > 0 && h.ContentLength() >= 0 {
		e.Add("CONTENT_LENGTH", strconv.Itoa(h.ContentLength()))
	}
	if kind := h.ContentType(); len(kind) > 0 {
		e.AddBytes([]byte("CONTENT_TYPE"), kind)
	}
}

// headers returns the HTTP_* keys of a request's raw header lines. A repeated header
// is joined as RFC 9110, section 5.3 says, Cookie with ";" as section 4.2.3 of RFC
// 6265bis. Left out are names with an underscore, which would stand for another
// header's, and Proxy, which programs take for a setting of their own (httpoxy).
func headers(raw []byte, authority string) []header {
	list := make([]header, 0, 16)
	for len(raw) > 0 {
		var line []byte
		line, raw, _ = bytes.Cut(raw, []byte{'\n'})
		name, value, ok := bytes.Cut(bytes.TrimRight(line, "\r"), []byte{':'})
		if !ok || len(name) == 0 || bytes.IndexByte(name, '_') >= 0 {
			continue
		}
		key := environKey(name)
		switch string(key) {
		case "HTTP_CONTENT_LENGTH", "HTTP_CONTENT_TYPE", "HTTP_PROXY":
			continue
		case "HTTP_HOST":
			value = []byte(authority)
		}
		list = join(list, header{key, bytes.Trim(value, " \t")})
	}
	return list
}

func join(list []header, h header) []header {
	for i := range list {
		if !bytes.Equal(list[i].name, h.name) {
			continue
		}
		if string(h.name) == "HTTP_HOST" {
			return list
		}
		comma := ","
		if string(h.name) == "HTTP_COOKIE" {
			comma = "; "
		}
		list[i].value = bytes.Join([][]byte{list[i].value, h.value}, []byte(comma))
		return list
	}
	return append(list, h)
}

func environKey(name []byte) []byte {
	key := make([]byte, 0, len("HTTP_")+len(name))
	key = append(key, "HTTP_"...)
	for _, c := range name {
		switch {
		case c == '-':
			c = '_'
		case c >= 'a' && c <= 'z':
			c -= 'a' - 'A'
		}
		key = append(key, c)
	}
	return key
}
