package front

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"wasgi/abi"
	"wasgi/quotas"
	"wasgi/runtime"
)

// bodyAtHand is how much of a body is read before its request is handled; a shorter
// body travels with the environ, a longer one is pulled by the app.
const bodyAtHand = 8 << 10

// addBody puts a body that is at hand into the environ, or returns where to pull it
// from. One of more than most bytes is refused, where it is known, before it has come.
func addBody(e *abi.Pairs, ctx *fasthttp.RequestCtx, most int64) (*requestBody, error) {
	length := ctx.Request.Header.ContentLength()
	stream := ctx.Request.BodyStream()
	switch {
	case int64(length) > most:
		return nil, overLimit(quotas.LimitRequestBody, most)
	case length == -1 && stream != nil, length > bodyAtHand:
		return &requestBody{stream: stream, conn: ctx.Conn(), most: most, rest: length}, nil
	case length > 0 && stream != nil:
		if _, err := io.ReadFull(stream, e.Grow("wsgi.input", length)); err != nil {
			return nil, err
		}
		unread(ctx.Conn(), false)
	case length > 0:
		copy(e.Grow("wsgi.input", length), ctx.Request.Body())
	default:
		e.Add("wsgi.input", "")
		unread(ctx.Conn(), false)
	}
	return nil, nil
}

// requestBody is a body that the app pulls from the connection. It may be closed while
// it is read: the connection is then no longer the request's.
type requestBody struct {
	mu     sync.Mutex
	stream io.Reader // nil once closed
	conn   net.Conn
	ctx    context.Context // tells the deadline
	most   int64           // bytes that are taken
	read   int64
	err    error           // the first that is not the body's end
	rest   int             // bytes not read; -1 where they come in chunks, 0 at the end
	gate   <-chan struct{} // nil, or closed when stream may be read again
}

// Read implements io.Reader.
func (b *requestBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stream == nil {
		return 0, runtime.ErrGone
	}
	if b.gate != nil {
		<-b.gate
	}
	deadline := time.Now().Add(readTimeout)
	if end, ok := b.ctx.Deadline(); ok && end.Before(deadline) {
		deadline = end
	}
	b.conn.SetReadDeadline(deadline)
	n, err := b.stream.Read(p)
	if b.rest > 0 {
		b.rest -= n
	}
	switch {
	case err == io.EOF && (b.rest > 0 || b.rest < 0 && cutOff(b.conn)):
		err = io.ErrUnexpectedEOF // which fasthttp does not tell from a body's end
	case err == io.EOF:
		b.rest = 0
	}
	if b.read += int64(n); b.read > b.most {
		n, err = 0, overLimit(quotas.LimitRequestBody, b.most)
	} else {
		err = b.reason(err)
	}
	if err != io.EOF && b.err == nil {
		b.err = err
	}
	return n, err
}

// waitFor holds further reads until gate is closed: once its handler has returned,
// fasthttp looks at the state of the body's stream before it sends a response's.
func (b *requestBody) waitFor(gate <-chan struct{}) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gate = gate
}

// broken returns the error that left the connection in the middle of the body, after
// which nothing on it can be understood.
func (b *requestBody) broken() error {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

// reason tells the app why its body ends before its end.
func (b *requestBody) reason(err error) error {
	var timeout net.Error
	switch {
	case err == nil, err == io.EOF:
		return err
	case b.ctx.Err() != nil:
		return runtime.Ended(b.ctx)
	case errors.As(err, &timeout) && timeout.Timeout():
		return runtime.ErrGone
	}
	return abi.ErrorBody
}

// until sets the context whose deadline ends each read. A nil b is a request without
// a body to pull.
func (b *requestBody) until(run context.Context) {
	if b != nil {
		b.ctx = run
	}
}

// close ends all reading; a read under way ends with an error first. What the app has
// left of the body is the server's to discard, no slower than any read.
func (b *requestBody) close() {
	if b == nil {
		return
	}
	if !b.mu.TryLock() {
		b.conn.SetReadDeadline(time.Now())
		b.mu.Lock()
	}
	b.stream = nil
	unread(b.conn, b.rest != 0)
	b.conn.SetReadDeadline(time.Now().Add(readTimeout))
	b.mu.Unlock()
}

// chunksLeft tells whether the rest of a chunked body would have to be read before the
// connection could be used again.
func (b *requestBody) chunksLeft() bool {
	if b == nil {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.rest < 0
}
