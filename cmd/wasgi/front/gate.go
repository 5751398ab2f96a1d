package front

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	goruntime "runtime"
	"time"

	"github.com/pires/go-proxyproto"
	"github.com/valyala/fasthttp"

	"wasgi/quotas"
)

// Sizes of a connection's memory, in bytes.
const (
	firstBuffer = 2 << 10
	keptBody    = 4 << 10 // of a response's body, for the next
)

// mostUnread is the longest rest of a body that is read only to come to the next request,
// in bytes.
const mostUnread = 256 << 10

const limitHeaderTimeout quotas.Limit = "header_timeout"

// placeholder is what fasthttp reads in the place of a request that it is not to see. The
// handler then answers with what is in conn.refused.
const placeholder = "GET / HTTP/1.1\r\nHost: gate\r\n\r\n"

// errGateShut is what fasthttp reads where it wants more than the head of a request, which
// it has in full.
const errGateShut mistake = "more is read of a request than its head"

// Read implements net.Conn for fasthttp: the heads of the requests that come, none before it
// is whole and found to be good. It ends where the connection does, or where nothing that
// follows could be understood.
func (c *conn) Read(p []byte) (int, error) {
	if c.told == len(c.out) {
		if err := c.advance(); err != nil {
			return 0, err
		}
	}
	n := copy(p, c.out[c.told:])
	c.told += n
	return n, nil
}

// advance goes to the next request.
func (c *conn) advance() error {
	switch {
	case c.requests > 0 && !c.handled:
		return errGateShut
	case c.refused != nil || c.request.close || !c.content.skip():
		return io.EOF
	}
	c.release()
	err := c.receive()
	if err == nil && !c.over {
		c.began()
		c.out = c.request.head(c.out)
		return nil
	}
	return c.refuse(err)
}

// refuse makes a request that is refused the one that fasthttp is told of, or returns the
// error, if that is of the connection; without one the client has too many connections.
func (c *conn) refuse(err error) error {
	no := refusal{status: fasthttp.StatusTooManyRequests, limit: limitConnections, reason: limitConnections.Error()}
	if err != nil && !errors.As(err, &no) {
		return err
	}
	c.request.length = 0
	c.began()
	c.refused = &no
	c.linger.Store(true)
	c.out = append(c.out, placeholder...)
	return nil
}

// began makes what is in c.request the request that fasthttp is told of.
func (c *conn) began() {
	c.handled = false
	c.requests++
	c.content = newContent(c)
}

// release frees what an idle connection need not hold.
func (c *conn) release() {
	c.linger.Store(false)
	c.head.reset()
	c.out, c.told = c.out[:0], 0
	if c.ctx != nil {
		c.ctx.Response.ReleaseBody(keptBody)
	}
	if c.at < len(c.in) {
		return
	}
	c.in, c.at = c.in[:0], 0
	if cap(c.in) > firstBuffer {
		c.in = nil
	}
}

// thin frees what a connection need not hold while a response takes long.
func (c *conn) thin() {
	if c.at == len(c.in) {
		c.in, c.at = nil, 0
	}
}

// receive reads a head. A refusal is of a request that came; other errors are of the
// connection, on which nothing came.
func (c *conn) receive() error {
	c.request = request{peer: c.peer, close: true, fields: c.request.fields[:0]}
	if err := c.proxied(); err != nil {
		return err
	}
	if c.at < len(c.in) && c.requests > 0 {
		goruntime.Gosched() // pipelined: the clients that wait come first
	} else if c.at == len(c.in) {
		if _, err := c.fill(c.idleUntil()); err != nil {
			return io.EOF
		}
	}
	var end time.Time
	for {
		done, err := c.head.next(c.in[c.at:], c.http)
		if err != nil {
			return err
		}
		if done {
			break
		}
		if end.IsZero() {
			end = time.Now().Add(c.http.HeaderTimeout)
		}
		if _, err := c.fill(end); err != nil {
			return c.cutHead(err)
		}
	}
	err := c.request.read(&c.head, c.in[c.at:], c.peer, trust{c.http, c.trusted})
	c.at += c.head.read
	return err
}

// idleUntil is when a connection on which nothing comes ends. One that is set already, and
// has lost less than an eighth, holds.
func (c *conn) idleUntil() time.Time {
	wait := c.http.IdleTimeout
	if c.requests == 0 {
		wait = c.http.HeaderTimeout
	}
	now := time.Now()
	if left := c.readBy.Sub(now); left <= wait && left > wait-wait/8 {
		return c.readBy
	}
	return now.Add(wait)
}

// cutHead is what becomes of a head that ends in its middle.
func (c *conn) cutHead(err error) error {
	var timeout net.Error
	switch {
	case c.head.state <= atLine && len(c.in) == c.at+c.head.read: // an empty line, at most
		return io.EOF
	case errors.As(err, &timeout) && timeout.Timeout():
		return refusal{status: fasthttp.StatusRequestTimeout, limit: limitHeaderTimeout, reason: limitHeaderTimeout.Error()}
	case err == io.EOF:
		return bad("the request ends in the middle of its head")
	}
	return io.EOF
}

// fill receives more into the connection's memory, until a time.
func (c *conn) fill(until time.Time) (int, error) {
	if err := c.readUntil(until); err != nil {
		return 0, err
	}
	if c.at > 0 && (c.at == len(c.in) || len(c.in) == cap(c.in)) {
		c.in = c.in[:copy(c.in, c.in[c.at:])]
		c.at = 0
	}
	if len(c.in) == cap(c.in) {
		more := make([]byte, len(c.in), max(firstBuffer, 2*cap(c.in)))
		copy(more, c.in)
		c.in = more
	}
	n, err := c.Conn.Read(c.in[len(c.in):cap(c.in)])
	c.in = c.in[:len(c.in)+n]
	if n > 0 {
		return n, nil
	}
	return 0, err
}

// proxied reads the header of the PROXY protocol, in version 1 or 2, that a trusted proxy
// sends before all else: before the handshake, too, where TLS is spoken.
func (c *conn) proxied() error {
	if !c.preface {
		return nil
	}
	c.preface = false
	if err := c.readUntil(time.Now().Add(c.http.HeaderTimeout)); err != nil {
		return err
	}
	from, secure := c.Conn, securedOf(c)
	if secure != nil {
		from = secure.below
	}
	r := bufio.NewReaderSize(from, firstBuffer)
	header, err := proxyproto.Read(r)
	var broken net.Error
	switch {
	case errors.As(err, &broken), err != nil && secure != nil: // no TLS to answer by
		return io.EOF
	case err != nil:
		return bad("the PROXY protocol's header is malformed or missing")
	}
	rest, _ := r.Peek(r.Buffered()) // what is buffered is there
	if secure != nil {
		secure.below.rest = bytes.Clone(rest)
	} else {
		c.in, c.at = append(c.in[:0], rest...), 0
	}
	if source, ok := header.SourceAddr.(*net.TCPAddr); ok && header.Command.IsProxy() {
		at := source.AddrPort()
		c.peer = peer{addr: at.Addr().Unmap(), port: at.Port(), scheme: c.peer.scheme, forwarded: true}
		c.trusted = trusts(c.http, c.peer)
		if !c.trusted && !c.counted() {
			return io.EOF
		}
	}
	return nil
}
