package front

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync/atomic"
	"time"
)

// handshakeTimeout is how long a client's part of a TLS handshake may take.
const handshakeTimeout = 10 * time.Second

// secureListener hands out connections that speak TLS. The handshake is the first read's.
type secureListener struct {
	net.Listener
	certificates *Certificates
}

// Accept implements net.Listener.
func (l secureListener) Accept() (net.Conn, error) {
	raw, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	below := &unread{Conn: raw}
	return &secured{Conn: tls.Server(below, l.certificates.current.Load()), below: below, log: l.certificates.cfg.Log}, nil
}

// unread is a connection of which more was received than was wanted.
type unread struct {
	net.Conn
	rest []byte // is read first
}

// Read implements net.Conn.
func (u *unread) Read(p []byte) (int, error) {
	if len(u.rest) == 0 {
		return u.Conn.Read(p)
	}
	n := copy(p, u.rest)
	if u.rest = u.rest[n:]; len(u.rest) == 0 {
		u.rest = nil
	}
	return n, nil
}

// NetConn returns the connection below.
func (u *unread) NetConn() net.Conn { return u.Conn }

// secured is a client's connection by TLS. One goroutine reads from it.
type secured struct {
	*tls.Conn
	below *unread
	log   *slog.Logger

	ready  atomic.Bool       // the handshake is over, and what follows is set
	name   string            // of the host the client named in the handshake; "" for none
	client *x509.Certificate // the client's, nil for none
	timer  *time.Timer       // ends a handshake that takes too long
}

// securedKey is the name, in a handshake's context, of the *secured.
type securedKey struct{}

// Read implements net.Conn. A connection that ends without TLS's word for it has ended as
// well: HTTP tells itself where a request ends. A handshake that fails is the end too.
func (c *secured) Read(p []byte) (int, error) {
	if !c.ready.Load() {
		if err := c.handshake(); err != nil {
			c.log.Debug("TLS handshake", "client", c.RemoteAddr().String(), "error", err)
			return 0, io.EOF
		}
	}
	n, err := c.Conn.Read(p)
	if err == io.ErrUnexpectedEOF {
		err = io.EOF
	}
	return n, err
}

// handshake makes the connection secure, or closes it.
func (c *secured) handshake() error {
	c.timer = time.AfterFunc(handshakeTimeout, func() { c.NetConn().Close() })
	err := c.HandshakeContext(context.WithValue(context.Background(), securedKey{}, c))
	c.timer.Stop()
	if err != nil {
		c.answerPlain(err)
		return err
	}
	state := c.ConnectionState()
	if state.NegotiatedProtocol == challengeProtocol {
		return errors.New("it was an ACME server's question, and is answered")
	}
	c.name, _ = canonicalHost(state.ServerName)
	if len(state.VerifiedChains) > 0 {
		c.client = state.PeerCertificates[0]
	}
	c.ready.Store(true)
	return nil
}

// answerPlain tells a client that speaks HTTP without TLS what is wrong.
func (c *secured) answerPlain(err error) {
	var header tls.RecordHeaderError
	if !errors.As(err, &header) || header.Conn == nil {
		return
	}
	switch string(header.RecordHeader[:]) {
	case "GET /", "HEAD ", "POST ", "PUT /", "OPTIO", "DELET", "PATCH":
		io.WriteString(header.Conn, "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nthis port speaks HTTPS\n")
	}
}

// pause lets a handshake wait for the server as long as that takes: the client's time goes
// on when the function that it returns is called.
func (c *secured) pause() (goOn func()) {
	c.timer.Stop()
	begun := time.Now()
	return func() {
		c.timer.Reset(handshakeTimeout)
		if time.Since(begun) > handshakeTimeout/10 { // the deadline of the read is as good as over
			c.NetConn().SetReadDeadline(time.Now().Add(handshakeTimeout))
		}
	}
}

// hasCertificate tells whether the client has shown a certificate.
func hasCertificate(c net.Conn) bool {
	s := securedOf(c)
	return s != nil && s.client != nil
}

// securedOf returns the connection by TLS that c is, nil for none. Its handshake is over
// where a request came by it.
func securedOf(c net.Conn) *secured {
	if own, ok := c.(*conn); ok {
		c = own.Conn
	}
	s, _ := c.(*secured)
	return s
}
