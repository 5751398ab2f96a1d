package tenants

import (
	"fmt"
	"net/netip"
	"time"

	"wasgi/quotas"
)

// HTTP is what a server's operator says of connections: [http] of the configuration. Each
// field's name there stands behind it. DefaultHTTP makes one.
type HTTP struct {
	HeaderBytes   quotas.Bytes  // header_bytes: of a request, its first line included
	HeaderLine    quotas.Bytes  // header_line: the longest header
	HeaderCount   int           // header_count: headers of a request
	Target        quotas.Bytes  // target: the longest path and query
	HeaderTimeout time.Duration // header_timeout: how long a request's headers may take
	BodyTimeout   time.Duration // body_timeout: how long each 16 KiB of its body may take
	WriteTimeout  time.Duration // write_timeout: how long a client may take nothing of what it is sent
	IdleTimeout   time.Duration // idle_timeout: between requests
	Connections   int           // connections: at once, of all clients; 0: what descriptors there are for
	// PerAddress are those that one address may have at once, or one network of 64 bits
	// of IPv6: connections_per_address.
	PerAddress int
	// A body of a request is kept until all of it has come, one of a response until its
	// client has taken it: up to Buffer in memory, and longer ones in files, all together up
	// to Spool.
	Buffer      quotas.Bytes // body_buffer
	Spool       quotas.Bytes // spool
	SpoolFolder string       // spool_folder: of these files; "": the system's
	// Trusted are the networks of the operator's proxies, whose word on the client is
	// believed; TrustUnix trusts those that come through a Unix socket: "unix" in trusted.
	Trusted   []netip.Prefix
	TrustUnix bool
	// Forwarded is how the proxies tell: ForwardedX or ForwardedRFC.
	Forwarded string
	// ProxyProtocol tells that the connections of trusted proxies begin with PROXY.
	ProxyProtocol bool // proxy_protocol
}

// Values of HTTP.Forwarded: the headers X-Forwarded-For, -Proto and -Host, or the header
// Forwarded of RFC 7239.
const (
	ForwardedX   = "x-forwarded"
	ForwardedRFC = "forwarded"
)

// Least and most of a connection's timeouts.
const (
	leastTimeout = 10 * time.Millisecond
	mostTimeout  = time.Hour
)

// DefaultHTTP returns what holds where the operator says nothing.
func DefaultHTTP() HTTP {
	return HTTP{
		HeaderBytes: 12 * quotas.KiB, HeaderLine: 8 * quotas.KiB, HeaderCount: 100, Target: 4 * quotas.KiB,
		HeaderTimeout: 10 * time.Second, BodyTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 75 * time.Second,
		PerAddress: 4096, Buffer: 64 * quotas.KiB, Spool: quotas.GiB, Forwarded: ForwardedX,
	}
}

// read takes [http] of a configuration.
func (h *HTTP) read(t *table) {
	t.sizeBetween("header_bytes", &h.HeaderBytes, quotas.KiB, quotas.MiB)
	t.sizeBetween("header_line", &h.HeaderLine, 256, quotas.MiB)
	t.integerBetween("header_count", &h.HeaderCount, 8, 10_000)
	t.sizeBetween("target", &h.Target, 64, quotas.MiB)
	t.durationBetween("header_timeout", &h.HeaderTimeout, leastTimeout, mostTimeout)
	t.durationBetween("body_timeout", &h.BodyTimeout, leastTimeout, mostTimeout)
	t.durationBetween("write_timeout", &h.WriteTimeout, leastTimeout, mostTimeout)
	t.durationBetween("idle_timeout", &h.IdleTimeout, leastTimeout, mostTimeout)
	t.integerBetween("connections", &h.Connections, 1, 1<<24)
	t.integerBetween("connections_per_address", &h.PerAddress, 1, 1<<20)
	t.sizeBetween("body_buffer", &h.Buffer, 8*quotas.KiB, quotas.GiB)
	t.sizeBetween("spool", &h.Spool, 0, 1<<20*quotas.GiB)
	t.str("spool_folder", &h.SpoolFolder)
	h.readTrust(t)
}

func (h *HTTP) readTrust(t *table) {
	var trusted []string
	t.strs("trusted", &trusted)
	for _, text := range trusted {
		if text == "unix" {
			h.TrustUnix = true
			continue
		}
		network, err := parseNetwork(text)
		if err != nil {
			t.fail(fmt.Errorf(`%s has %q: want a network like "10.0.0.0/8", an address, or "unix"`, t.path("trusted"), text))
			return
		}
		h.Trusted = append(h.Trusted, network)
	}
	t.str("forwarded", &h.Forwarded)
	if h.Forwarded != ForwardedX && h.Forwarded != ForwardedRFC {
		t.complain("forwarded", h.Forwarded, fmt.Sprintf("%q or %q", ForwardedX, ForwardedRFC))
	}
	t.boolean("proxy_protocol", &h.ProxyProtocol)
	if h.ProxyProtocol && len(h.Trusted) == 0 && !h.TrustUnix {
		t.complain("proxy_protocol", true, "trusted beside it: the networks that may tell")
	}
}

// parseNetwork reads a network, or an address for a network of one.
func parseNetwork(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	network, err := netip.ParsePrefix(text)
	return network.Masked(), err
}
