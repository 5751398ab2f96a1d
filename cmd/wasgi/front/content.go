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
// with its head by one system call: fasthttp does that itself, but for connections that
// are wrapped, as ours are.
func setContent(ctx *fasthttp.RequestCtx, content []byte) {
	own, ok := ctx.Conn().(*conn)
	if !ok || len(content) <= mostBuffered || ctx.IsHead() || !isPlainTCP(own) {
		ctx.Response.SetBodyRaw(content)
		return
	}
	ctx.Response.SetBodyStream(&contentReader{own, content}, len(content))
}

// contentReader is a body in memory. What is read of it fills a buffer behind the head;
// the connection holds that back, and sends it together with the rest.
type contentReader struct {
	conn *conn
	rest []byte
}

// Read implements io.Reader.
func (r *contentReader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	r.conn.hold = len(r.rest) > 0
	return n, nil
}

// sendContent sends what is held back and the rest of a body.
func (c *conn) sendContent(r *contentReader) (int64, error) {
	n, held := len(r.rest), len(c.held)
	pieces := net.Buffers{c.held, r.rest}
	c.held, r.rest = nil, nil
	sent, err := pieces.WriteTo(c.Conn)
	return min(max(0, sent-int64(held)), int64(n)), err
}

// Write implements net.Conn.
func (c *conn) Write(p []byte) (int, error) {
	if c.hold {
		c.hold, c.held = false, append(c.held, p...)
		return len(p), nil
	}
	if len(c.held) == 0 {
		return c.Conn.Write(p)
	}
	held := c.held
	c.held = nil
	if _, err := c.Conn.Write(held); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}
