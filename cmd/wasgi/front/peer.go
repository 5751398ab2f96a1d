package front

import (
	"net"
	"net/netip"
	"strings"

	"wasgi/tenants"
)

// Values of scheme.
const (
	schemeHTTP  = "http"
	schemeHTTPS = "https"
)

// peer is the client, as far as the connection tells, or a proxy that is trusted.
type peer struct {
	addr      netip.Addr // the zero Addr where it has none, as behind a Unix socket
	port      uint16     // 0: not known
	scheme    string     // that the client speaks
	forwarded bool       // a proxy's word
}

func (p peer) String() string {
	switch {
	case !p.addr.IsValid():
		return ""
	case p.port == 0:
		return p.addr.String()
	}
	return netip.AddrPortFrom(p.addr, p.port).String()
}

// peerOf returns the other end of a connection.
func peerOf(a net.Addr) peer {
	p := peer{scheme: schemeHTTP}
	if tcp, ok := a.(*net.TCPAddr); ok {
		at := tcp.AddrPort()
		p.addr, p.port = at.Addr().Unmap().WithZone(""), at.Port()
	}
	return p
}

// trust says which headers that tell of the client are believed, on one connection.
type trust struct {
	http *tenants.HTTP
	on   bool // the other end is a proxy of the operator's
}

// trusts tells whether p is a proxy of the operator's.
func trusts(h *tenants.HTTP, p peer) bool {
	if !p.addr.IsValid() {
		return h.TrustUnix
	}
	for _, network := range h.Trusted {
		if network.Contains(p.addr) {
			return true
		}
	}
	return false
}

// takes tells whether a header of that kind is believed: the operator says which one the
// proxies set, for who sets one may let another through.
func (t trust) takes(k kind) bool {
	return t.on && (k == fieldForwarded) == (t.http.Forwarded == tenants.ForwardedRFC)
}

// hop is what one proxy says of the client before it; "" for what it does not say.
type hop struct{ node, proto, host string }

// apply replaces what the connection tells by what the proxies do.
func (t trust) apply(f *framing) error {
	if !t.on {
		return nil
	}
	hops, err := t.hops(f)
	if err != nil || len(hops) == 0 {
		return err
	}
	r, last := f.r, hops[len(hops)-1]
	t.find(&r.peer, hops)
	if proto := strings.ToLower(last.proto); proto == schemeHTTP || proto == schemeHTTPS {
		r.peer.scheme, r.peer.forwarded = proto, true
	}
	if last.host != "" {
		host, ok := canonicalHost(last.host)
		if !ok {
			return bad("the host that the proxy tells is no host name")
		}
		r.target.authority, r.target.host, r.peer.forwarded = last.host, host, true
	}
	return nil
}

// find sets the client: of the nodes, from the nearest, the first that is no proxy of the
// operator's. What is beyond that one may be anybody's word.
func (t trust) find(p *peer, hops []hop) {
	for i := len(hops) - 1; i >= 0 && trusts(t.http, *p); i-- {
		at, ok := parseNode(hops[i].node)
		if !ok {
			return
		}
		p.addr, p.port, p.forwarded = at.addr, at.port, true
	}
}

// parseNode reads an address, with or without a port.
func parseNode(node string) (peer, bool) {
	if at, err := netip.ParseAddrPort(node); err == nil {
		return peer{addr: at.Addr().Unmap().WithZone(""), port: at.Port()}, true
	}
	at, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(node, "["), "]"))
	return peer{addr: at.Unmap().WithZone("")}, err == nil
}

// hops returns what the proxies say, the nearest last.
func (t trust) hops(f *framing) ([]hop, error) {
	if t.http.Forwarded == tenants.ForwardedRFC {
		return parseForwarded(f.values[fieldForwarded])
	}
	var hops []hop
	listed(f.values[fieldForwardedFor], func(node string) bool {
		hops = append(hops, hop{node: node})
		return true
	})
	proto, host := lastOf(f.values[fieldForwardedProto]), lastOf(f.values[fieldForwardedHost])
	if len(hops) == 0 && (proto != "" || host != "") {
		hops = append(hops, hop{})
	}
	if len(hops) > 0 {
		hops[len(hops)-1].proto, hops[len(hops)-1].host = proto, host
	}
	return hops, nil
}

func lastOf(list string) string {
	return strings.Trim(list[strings.LastIndexByte(list, ',')+1:], " \t")
}

// parseForwarded reads the header Forwarded, RFC 7239, section 4.
func parseForwarded(text string) ([]hop, error) {
	var hops []hop
	b := skipSpace([]byte(text))
	for len(b) > 0 {
		var h hop
		var err error
		if h, b, err = parseHop(b); err != nil {
			return nil, err
		}
		hops = append(hops, h)
		if len(b) == 0 {
			break
		}
		b = skipSpace(b[1:]) // behind the comma
	}
	return hops, nil
}

// parseHop reads pairs up to a comma, or the end.
func parseHop(b []byte) (hop, []byte, error) {
	var h hop
	for len(b) > 0 && b[0] != ',' {
		name := tokenOf(b)
		if b = b[len(name):]; len(name) == 0 || len(b) == 0 || b[0] != '=' {
			return h, nil, bad("the header Forwarded is malformed")
		}
		b = b[1:]
		value := tokenOf(b)
		if len(value) == 0 {
			value = quotedOf(b)
		}
		b = skipSpace(b[len(value):])
		if len(value) == 0 || len(b) > 0 && b[0] != ';' && b[0] != ',' || !h.set(string(name), unquote(value)) {
			return h, nil, bad("the header Forwarded is malformed")
		}
		if len(b) > 0 && b[0] == ';' {
			b = skipSpace(b[1:])
		}
	}
	return h, b, nil
}

// set takes a pair; each may stand once in an element.
func (h *hop) set(name, value string) bool {
	var to *string
	switch strings.ToLower(name) {
	case "for":
		to = &h.node
	case "proto":
		to = &h.proto
	case "host":
		to = &h.host
	default:
		return true
	}
	if *to != "" {
		return false
	}
	*to = value
	return true
}

// unquote returns the text of a token or a quoted string.
func unquote(b []byte) string {
	if len(b) == 0 || b[0] != '"' {
		return string(b)
	}
	var text strings.Builder
	for i := 1; i < len(b)-1; i++ {
		if b[i] == '\\' {
			i++
		}
		text.WriteByte(b[i])
	}
	return text.String()
}
