package front

import (
	"net"
	"strconv"
	"strings"

	"wasgi/abi"
)

// header is one request header on its way into the environ.
type header struct{ key, value string }

// environ packs the request as PEP 3333's environ, the one copy of it that is made.
// https://peps.python.org/pep-3333/#environ-variables
func environ(r *request, local net.Addr, script, tenant, id string) *abi.Pairs {
	e := &abi.Pairs{}
	e.Reserve(2048)
	t := r.target
	e.Add("REQUEST_METHOD", r.method)
	e.Add("SCRIPT_NAME", script)
	e.Add("PATH_INFO", strings.TrimPrefix(t.path, script))
	e.Add("QUERY_STRING", t.query)
	e.Add("REQUEST_URI", t.raw)
	e.Add("RAW_URI", t.raw)
	e.Add("wasgi.raw_target", t.raw)
	e.Add("SERVER_PROTOCOL", protocol(r))
	e.Add("SERVER_SOFTWARE", "wasgi")
	addAddresses(e, r, local)
	for _, header := range headers(r) {
		e.Add(header.key, header.value)
	}
	e.Add("wsgi.url_scheme", r.peer.scheme)
	if r.peer.scheme == schemeHTTPS {
		e.Add("HTTPS", "on")
	}
	e.Add("wasgi.request_id", id)
	e.Add("wasgi.tenant", tenant)
	return e
}

func protocol(r *request) string {
	if r.minor == 0 {
		return "HTTP/1.0"
	}
	return "HTTP/1.1"
}

// addAddresses adds both ends of the connection. A Unix socket's have no port, and
// the PEP wants SERVER_PORT all the same.
func addAddresses(e *abi.Pairs, r *request, local net.Addr) {
	name, port := r.target.host, "80"
	if r.peer.scheme == schemeHTTPS {
		port = "443"
	}
	if tcp, ok := local.(*net.TCPAddr); ok {
		if name == "" {
			name = tcp.IP.String()
		}
		if !r.peer.forwarded {
			port = strconv.Itoa(tcp.Port)
		}
	}
	if _, given, ok := cutPort(r.target.authority); ok && given != "" && r.peer.forwarded {
		port = given
	}
	if name == "" {
		name = "localhost"
	}
	e.Add("SERVER_NAME", name)
	e.Add("SERVER_PORT", port)
	if !r.peer.addr.IsValid() {
		e.Add("REMOTE_ADDR", "")
		return
	}
	e.Add("REMOTE_ADDR", r.peer.addr.String())
	if r.peer.port != 0 {
		e.Add("REMOTE_PORT", strconv.Itoa(int(r.peer.port)))
	}
}

// headers returns the keys of a request's headers. A repeated one is joined as RFC 9110,
// section 5.3 says, Cookie with ";" as section 4.2.3 of RFC 6265bis. What the PEP keeps out
// of HTTP_* has its own keys. Names with an underscore, and Proxy, which programs take for a
// setting of their own (httpoxy), are not there: the gate drops them.
func headers(r *request) []header {
	list := make([]header, 0, len(r.fields)+1)
	for _, f := range r.fields {
		switch kindOf(f.name) {
		case fieldLength:
			list = append(list, header{"CONTENT_LENGTH", strconv.FormatInt(r.length, 10)})
		case fieldType:
			if f.value != "" {
				list = append(list, header{"CONTENT_TYPE", f.value})
			}
		case fieldHost:
			list = append(list, header{"HTTP_HOST", r.target.authority})
		default:
			list = join(list, header{environKey(f.name), f.value})
		}
	}
	if r.codings != "" {
		list = append(list, header{"HTTP_TRANSFER_ENCODING", r.codings})
	}
	return list
}

func join(list []header, h header) []header {
	for i := range list {
		if list[i].key != h.key {
			continue
		}
		comma := ","
		if h.key == "HTTP_COOKIE" {
			comma = "; "
		}
		list[i].value += comma + h.value
		return list
	}
	return append(list, h)
}

func environKey(name string) string {
	key := make([]byte, 0, 64)
	key = append(key, "HTTP_"...)
	for i := range len(name) {
		c := name[i]
		switch {
		case c == '-':
			c = '_'
		case c >= 'a' && c <= 'z':
			c -= 'a' - 'A'
		}
		key = append(key, c)
	}
	return string(key)
}
