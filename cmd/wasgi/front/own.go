package front

import (
	"fmt"
	"net"
	"net/netip"

	"wasgi/abi"
	"wasgi/tenants"
)

// OwnEnviron returns the environ of a GET request that no client has sent but the server
// itself. Target is a path below script, the tenant's SCRIPT_NAME, and may have a query.
func OwnEnviron(host, script, target, tenant, id string) (*abi.Pairs, error) {
	text := []byte("GET " + script + target + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n")
	limits := tenants.DefaultHTTP()
	var h head
	var r request
	whole, err := h.next(text, &limits)
	if err == nil && (!whole || h.read < len(text)) {
		err = bad("it is not one request")
	}
	self := peer{addr: netip.AddrFrom4([4]byte{127, 0, 0, 1}), port: 1, scheme: schemeHTTP}
	if err == nil {
		err = r.read(&h, text, self, trust{http: &limits})
	}
	if err != nil {
		return nil, fmt.Errorf("a request for %q: %w", target, err)
	}
	return environ(&r, &net.TCPAddr{IP: self.addr.AsSlice(), Port: 80}, script, tenant, id), nil
}
