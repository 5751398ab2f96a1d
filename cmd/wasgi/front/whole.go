package front

import (
	"bytes"
	"net"

	"github.com/valyala/fasthttp"
)

// leastTail is the shortest body, in bytes, that fasthttp's buffer may have no room for behind
// a head.
const leastTail = 3 << 10

const errTail mistake = "the head of a response was not written whole"

// takeTail takes a longer body in memory from the response, to send it with the head by one
// system call: fasthttp does that itself, but for connections that are wrapped, as ours are.
func (c *conn) takeTail(ctx *fasthttp.RequestCtx) {
	r := &ctx.Response
	if ctx.IsHead() || r.SkipBody || r.IsBodyStream() || isBodiless(r.StatusCode()) {
		return
	}
	switch c.Conn.(type) {
	case *net.TCPConn, *net.UnixConn:
		if body := r.Body(); len(body) >= leastTail {
			r.SkipBody, c.tail = true, body // the head tells its length all the same
		}
	}
}

// isBodiless tells whether a response with that status never has a body.
func isBodiless(status int) bool {
	return status < 200 || status == fasthttp.StatusNoContent || status == fasthttp.StatusNotModified
}

// writeWhole sends a head and, behind it, the body that was taken. fasthttp writes a head at
// once, whether it goes through its buffer or is too long for that.
func (c *conn) writeWhole(head []byte) (int, error) {
	body := c.tail
	c.tail = nil
	if !bytes.HasSuffix(head, []byte("\r\n\r\n")) {
		return 0, errTail
	}
	c.writing()
	n := min(len(body), writeStep)
	c.parts = [2][]byte{head, body[:n]}
	c.pieces = c.parts[:]
	_, err := c.pieces.WriteTo(c.Conn)
	c.parts, c.pieces = [2][]byte{}, nil
	if err == nil && n < len(body) {
		_, err = c.Write(body[n:])
	}
	if err != nil {
		return 0, err
	}
	return len(head), nil
}
