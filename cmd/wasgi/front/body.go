package front

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"

	"wasgi/abi"
	"wasgi/quotas"
	"wasgi/runtime"
)

// bodyAtHand is the longest body that travels with the environ, in bytes; a longer one is
// pulled by the app.
const bodyAtHand = 8 << 10

// bodyPolicy is how the body of a request is taken.
type bodyPolicy struct {
	most  int64  // bytes
	spool *spool // where it is kept until it is whole; nil: the app reads it while it comes
}

// addBody puts a short body into the environ, or returns where the app pulls it from. One
// that is too long is refused, where that is known, before it has come.
func addBody(e *abi.Pairs, c *conn, p bodyPolicy) (*requestBody, error) {
	length := c.request.length
	switch {
	case length > p.most:
		return nil, overLimit(quotas.LimitRequestBody, p.most)
	case length == 0:
		e.Add("wsgi.input", "")
		return nil, nil
	case length > 0 && length <= bodyAtHand && (p.spool != nil || !c.request.expect):
		_, err := io.ReadFull(&c.content, e.Grow("wsgi.input", int(length)))
		return nil, err
	case p.spool == nil:
		return &requestBody{from: &c.content, conn: c, most: p.most}, nil
	}
	return keepBody(e, c, p)
}

// keepBody waits for the whole body. One in chunks that turns out to be short is put into
// the environ too.
func keepBody(e *abi.Pairs, c *conn, p bodyPolicy) (*requestBody, error) {
	k, err := p.spool.keep(&limited{from: &c.content, most: p.most})
	if err != nil {
		return nil, err
	}
	if k.total() > bodyAtHand {
		return &requestBody{kept: k, conn: c, most: p.most}, nil
	}
	defer k.close()
	_, err = io.ReadFull(k, e.Grow("wsgi.input", int(k.total())))
	return nil, err
}

// limited is a body that must not have more than most bytes.
type limited struct {
	from io.Reader
	most int64
	read int64
}

// Read implements io.Reader.
func (l *limited) Read(p []byte) (int, error) {
	n, err := l.from.Read(p)
	if l.read += int64(n); l.read > l.most {
		return 0, overLimit(quotas.LimitRequestBody, l.most)
	}
	return n, err
}

// requestBody is a body that the app pulls: from where it is kept, or from the connection.
// It may be closed while it is read: the connection is then no longer the request's.
type requestBody struct {
	mu     sync.Mutex
	from   *content // nil where it is kept
	kept   *kept
	conn   *conn
	ctx    context.Context // tells the deadline
	most   int64           // bytes that are taken
	read   int64
	err    error // the first that is not the body's end
	closed bool
}

// Read implements io.Reader.
func (b *requestBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return 0, runtime.ErrGone
	}
	if b.kept != nil {
		return b.kept.Read(p)
	}
	deadline, _ := b.ctx.Deadline()
	n, err := b.from.read(p, deadline)
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

// reason tells the app why its body ends before its end.
func (b *requestBody) reason(err error) error {
	var timeout net.Error
	var no refusal
	switch {
	case err == nil, err == io.EOF:
		return err
	case b.ctx.Err() != nil:
		return runtime.Ended(b.ctx)
	case errors.As(err, &no) && no.limit == limitBodyTimeout, errors.As(err, &timeout) && timeout.Timeout():
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

// answered tells that the response is on its way: who waits for a 100 is not asked any more
// to send the body.
func (b *requestBody) answered() {
	if b == nil || b.from == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.from.mute = true
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

// release gives back a body that is kept: the app is done with it, though the response may
// be on its way for long.
func (b *requestBody) release() {
	if b == nil || b.kept == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kept.close()
}

// close ends all reading; a read under way ends with an error first.
func (b *requestBody) close() {
	if b == nil {
		return
	}
	if !b.mu.TryLock() {
		b.conn.interrupt()
		b.mu.Lock()
	}
	defer b.mu.Unlock()
	b.conn.resume()
	if b.kept != nil {
		b.kept.close()
	}
	b.closed = true
}
