package front

import (
	"net"
	"sync"
	"time"

	"wasgi/tenants"
)

// listener hands out connections that have a gate, and close gently: as many as there are
// places for at once. Further ones wait.
type listener struct {
	net.Listener
	http   *tenants.HTTP
	count  *addresses
	places chan struct{} // of all listeners: taken ones are in it
	closed chan struct{}
	once   sync.Once
}

func (s *Server) listener(l net.Listener) *listener {
	boundUnsent(l)
	return &listener{Listener: l, http: &s.cfg.HTTP, count: &s.addresses, places: s.places, closed: make(chan struct{})}
}

// Accept implements net.Listener. It goes on where the process has no descriptor left, or
// the client was gone at once: that is over in moments.
func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		switch {
		case err == nil:
			if own := l.conn(c); own != nil {
				return l.place(own)
			}
		case isPassing(err):
			time.Sleep(acceptPause)
		default:
			return nil, err
		}
	}
}

// conn puts a gate before a connection; nil where its client has too many.
func (l *listener) conn(c net.Conn) *conn {
	own := &conn{Conn: c, http: l.http, count: l.count, peer: peerOf(c.RemoteAddr())}
	if securedOf(own) != nil {
		own.peer.scheme = schemeHTTPS
	}
	own.trusted = trusts(l.http, own.peer)
	own.preface = own.trusted && l.http.ProxyProtocol
	if !own.trusted && !own.counted() {
		c.Close()
		return nil
	}
	return own
}

// place waits until there is a place for a connection. Those that come meanwhile wait in the
// system's queue.
func (l *listener) place(c *conn) (net.Conn, error) {
	select {
	case l.places <- struct{}{}:
		c.places = l.places
		return c, nil
	case <-l.closed:
		c.Close()
		return nil, net.ErrClosed
	}
}

// leave makes room for another connection.
func (c *conn) leave() {
	if c.places != nil {
		<-c.places
	}
}

// Close implements net.Listener.
func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}
