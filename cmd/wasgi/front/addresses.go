package front

import (
	"errors"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"wasgi/quotas"
)

const limitConnections quotas.Limit = "connections_per_address"

// acceptPause is how long no connection is taken after one could not be.
const acceptPause = 10 * time.Millisecond

// addresses counts the connections of each client. The zero value has none.
type addresses struct {
	mu   sync.Mutex
	open map[netip.Prefix]int
}

// block is what counts as one client: an address, or what one subscriber has of IPv6.
func block(addr netip.Addr) netip.Prefix {
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	network, _ := addr.Prefix(bits) // of a valid address, bits within it
	return network
}

// add counts a connection more, or less, and returns how many there are.
func (a *addresses) add(addr netip.Addr, n int) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.open == nil {
		a.open = map[netip.Prefix]int{}
	}
	key := block(addr)
	a.open[key] += n
	now := a.open[key]
	if now <= 0 {
		delete(a.open, key)
	}
	return now
}

// counted counts the connection for its client. One that is over the limit is told so when
// it asks; where there are as many of those again, it tells that it is not to be served.
func (c *conn) counted() bool {
	if !c.peer.addr.IsValid() {
		return true
	}
	n := c.count.add(c.peer.addr, 1)
	c.over = n > c.http.PerAddress
	if n > 2*c.http.PerAddress {
		c.count.add(c.peer.addr, -1)
		return false
	}
	c.counts = c.peer.addr
	return true
}

func (c *conn) uncount() {
	if c.counts.IsValid() {
		c.count.add(c.counts, -1)
	}
}

// isPassing tells whether an error of accept is soon over.
func isPassing(err error) bool {
	for _, one := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED} {
		if errors.Is(err, one) {
			return true
		}
	}
	return false
}
