package front

import (
	"bytes"
	"net"

	"github.com/valyala/fasthttp"

	"wasgi/abi"
)

// Bodies that are whole with their first block, in bytes: so long is one that the connection
// has in memory, and one that is compressed, or kept in a cache, as a whole.
const (
	shortBody = 4 << 10
	wholeBody = 1 << 20
)

// take passes a block on: as the whole body, or to the stream. The caller holds mu.
func (r *response) take(block []byte, whole bool) error {
	switch {
	case r.bare:
		r.takeBare(whole)
		return abi.Enough
	case r.stream == nil && whole && len(block) <= wholeBody && (r.length < 0 || r.sent == r.length):
		return r.takeWhole(block)
	case r.stream == nil:
		r.openStream(r.squeezed(r.size(whole)))
		r.goOn(nil)
	}
	return r.pass(block, whole)
}

// pass gives a block to the stream. The caller holds mu.
func (r *response) pass(block []byte, whole bool) error {
	err := r.outside(func() error {
		if r.squeeze.on() {
			return r.squeeze.write(block, whole, r.giveWay, r.stream.write)
		}
		return r.stream.write(block)
	})
	if whole && !r.over {
		r.over = true
		r.stream.finish(r.shortage())
	}
	return err
}

// outside calls f, which may take long, without mu. The caller holds it.
func (r *response) outside(f func() error) error {
	r.mu.Unlock()
	defer r.mu.Lock()
	return f()
}

// giveWay lets other guests run.
func (r *response) giveWay() {
	if r.req.Wait != nil {
		r.req.Wait(func() {})
	}
}

// takeWhole hands over a response with its whole body. The caller holds mu.
func (r *response) takeWhole(block []byte) error {
	if !r.squeeze.begin(&r.ctx.Response.Header, int64(len(block))) {
		return r.handOver(block)
	}
	r.squeeze.open()
	var body []byte
	err := r.outside(func() error {
		return r.squeeze.write(block, true, r.giveWay, func(part []byte) error {
			body = append(body, part...)
			return nil
		})
	})
	r.squeeze.free()
	switch {
	case err != nil:
		r.over = true
		return err
	case r.ctx == nil:
		return r.lost()
	}
	return r.handOver(body)
}

// handOver hands over a response with the body as it is sent. A long one is a stream, so
// that it goes to a file where its client is slow. The caller holds mu.
func (r *response) handOver(body []byte) error {
	if len(body) <= shortBody {
		r.ctx.Response.SetBody(body)
		r.end()
		return nil
	}
	if r.keeps {
		r.whole = bytes.Clone(body)
	}
	r.openStream(len(body))
	r.ctx.Response.ImmediateHeaderFlush = false // there is more to go with it
	n, err := r.stream.add(body)
	r.goOn(nil)
	if err == nil {
		err = r.pass(body[n:], true)
	}
	return err
}

// shortage is the error of a body that ends before its Content-Length.
func (r *response) shortage() error {
	if r.length >= 0 && r.sent < r.length {
		return errShort
	}
	return nil
}

// end hands over a response without a stream. The caller holds mu.
func (r *response) end() {
	r.over = true
	r.goOn(nil)
}

// takeBare tells the length of the body that is not sent, where it is known.
func (r *response) takeBare(whole bool) {
	if r.ctx == nil {
		return
	}
	size := int64(-1)
	if !r.ctx.Response.SkipBody && (r.length >= 0 || whole && r.ctx.IsHead()) {
		size = max(r.length, r.sent)
	}
	h := &r.ctx.Response.Header
	if compressed := r.ctx.IsHead() && r.squeeze.begin(h, size); size >= 0 && !compressed {
		h.SetContentLength(int(size))
	}
	if h.StatusCode() == fasthttp.StatusNotModified {
		r.squeeze.unchanged(r.ctx)
	}
	r.sent = 0
	r.end()
}

// size is the body's length, -1 where it is not known.
func (r *response) size(whole bool) int {
	if r.length < 0 && whole {
		return int(r.sent)
	}
	return int(r.length)
}

// squeezed begins to compress a body of size, if it is to be, and returns what is then known
// of its size.
func (r *response) squeezed(size int) int {
	if !r.squeeze.begin(&r.ctx.Response.Header, int64(size)) {
		return size
	}
	r.squeeze.open()
	return -1
}

// openStream makes the body a stream. The caller holds mu.
func (r *response) openStream(size int) {
	r.tellLimits()
	r.stream = newStream(r.run, streamConfig{spool: r.spool, holds: r.holds, wait: r.req.Wait, closed: r.streamClosed})
	r.body.answered()
	if size < 0 && !r.ctx.Request.Header.IsHTTP11() {
		r.hijack()
	} else {
		r.ctx.Response.ImmediateHeaderFlush = true
		r.ctx.Response.SetBodyStream(r.stream, size)
	}
}

// hijack sends a body of unknown length to a client of HTTP/1.0, which knows no chunks:
// there the connection's end is the body's. RFC 9112, section 6.3.
func (r *response) hijack() {
	r.ctx.Response.Header.SetContentLength(-2) // fasthttp's word for just that
	r.ctx.Response.SetConnectionClose()
	head, body, own := bytes.Clone(r.ctx.Response.Header.Header()), r.stream, r.ctx.Conn().(*conn)
	r.ctx.HijackSetNoResponse(true)
	r.ctx.Hijack(func(net.Conn) {
		defer body.Close()
		if _, err := own.Write(head); err == nil {
			own.ReadFrom(body) // an error ends the body early, as the client sees
		}
	})
}

// streamClosed runs on the connection's goroutine when the stream is sent, or lost.
func (r *response) streamClosed(sent int64, err error) error {
	r.body.close()
	if err == nil {
		err = r.body.broken()
	}
	reason := ""
	if err != nil {
		reason = err.Error()
	}
	if over := exceeded(err); over != nil {
		r.access.failed = over.Limit
	}
	r.access.done(r.access.status, sent, reason)
	return err
}
