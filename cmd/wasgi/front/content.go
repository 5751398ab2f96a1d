package front

import (
	"io"
	"net"

	"github.com/valyala/fasthttp"
)

// mostBuffered is how long a body is, in bytes, that leaves in one piece with its head by
// way of fasthttp's buffer.
const mostBuffered = 3 << 10

// setContent makes content, which must not change any more, the body. A longer one leaves
// with its head by one system call: fasthttp does that itself, but not on connections that
// are wrapped, as ours are.
func (s *Server) setContent(ctx *fasthttp.RequestCtx, content []byte) {
	own, ok := ctx.Conn().(*conn)
	if !ok || len(content) <= mostBuffered || ctx.IsHead() || !isPlainTCP(own) {
		ctx.Response.SetBodyRaw(content)
		return
	}
	r, ok := s.contents.Get().(*contentReader)
	if !ok {
		r = &contentReader{server: s}
	}
	r.conn, r.rest = own, content
	ctx.Response.SetBodyStream(r, len(content))
}

// contentReader is a body in memory. What is read of it fills a buffer behind the head;
// the connection holds that back, and sends it together with the rest.
type contentReader struct {
	server *Server
	conn   *conn
	held   []byte // copied: what was to be written while the rest was not read
	rest   []byte
	pieces [2][]byte
	vector net.Buffers
}

// Read implements io.Reader.
func (r *contentReader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.rest)
	if r.rest = r.rest[n:]; len(r.rest) > 0 {
		r.conn.behind = r
	}
	return n, nil
}

// Close implements io.Closer: the body is sent, or cannot be.
func (r *contentReader) Close() error {
	r.conn.behind = nil
	r.conn, r.held, r.rest, r.pieces, r.vector = nil, r.held[:0], nil, [2][]byte{}, nil
	r.server.contents.Put(r)
	return nil
}

// send sends what is held back, and all that is left behind it; it returns how much of
// the latter went out.
func (r *contentReader) send() (int64, error) {
	held, rest := len(r.held), len(r.rest)
	r.pieces = [2][]byte{r.held, r.rest}
	r.vector, r.rest, r.conn.behind = r.pieces[:], nil, nil
	sent, err := r.vector.WriteTo(r.conn.Conn)
	r.held = r.held[:0]
	return min(max(0, sent-int64(held)), int64(rest)), err
}

// Write implements net.Conn.
func (c *conn) Write(p []byte) (int, error) {
	r := c.behind
	switch {
	case r == nil:
		return c.Conn.Write(p)
	case len(r.held) == 0:
		r.held = append(r.held, p...)
		return len(p), nil
	}
	c.behind = nil
	if _, err := c.Conn.Write(r.held); err != nil {
		return 0, err
	}
	r.held = r.held[:0]
	return c.Conn.Write(p)
}
