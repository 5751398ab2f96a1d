package front

import (
	"errors"
	"io"
	"net"
	"time"

	"github.com/valyala/fasthttp"

	"wasgi/quotas"
)

const limitBodyTimeout quotas.Limit = "body_timeout"

// bodyStep is how much of a body must come within the body's timeout, in bytes.
const bodyStep = 16 << 10

// content is the body of a request as it comes from the connection: decoded, and nothing of
// what follows. It is one goroutine's at a time.
type content struct {
	c      *conn
	left   int64 // bytes to come where the length is known
	chunks *chunked
	ask    bool // the client waits for a 100
	mute   bool // it gets none any more: the response is on its way
	err    error

	patience time.Duration // how long the client may still be waited for
	step     int64         // bytes that give it new patience
}

func newContent(c *conn) content {
	b := content{c: c, left: c.request.length, ask: c.request.expect}
	if c.request.length < 0 {
		b.left, b.chunks = 0, &chunked{limits: c.http}
	}
	return b
}

// whole tells whether all of the body has been read.
func (b *content) whole() bool {
	return b.left == 0 && (b.chunks == nil || b.chunks.state == ended)
}

// Read implements io.Reader. A refusal is of a body that is none; other errors but io.EOF are
// of the connection. Whoever waited for a 100 is told to go on.
func (b *content) Read(p []byte) (int, error) { return b.read(p, time.Time{}) }

// read is Read that waits no longer than until, where that is set.
func (b *content) read(p []byte, until time.Time) (int, error) {
	if b.err != nil || b.whole() {
		return 0, b.end()
	}
	if len(p) == 0 {
		return 0, nil
	}
	if b.ask {
		b.ask = false
		if !b.mute && b.c.at == len(b.c.in) {
			if _, err := b.c.Write([]byte("HTTP/1.1 100 Continue\r\n\r\n")); err != nil {
				return 0, b.failed(err)
			}
		}
	}
	if b.chunks != nil {
		return b.readChunks(p, until)
	}
	n, err := b.raw(p[:min(int64(len(p)), b.left)], until)
	b.left -= int64(n)
	return n, err
}

func (b *content) end() error {
	if b.err == nil {
		return io.EOF
	}
	return b.err
}

// failed keeps an error: nothing can be read after it.
func (b *content) failed(err error) error {
	var timeout net.Error
	switch {
	case err == io.EOF:
		err = bad("the request ends in the middle of its body")
	case errors.As(err, &timeout) && timeout.Timeout() && b.patience <= 0:
		err = refusal{status: fasthttp.StatusRequestTimeout, limit: limitBodyTimeout, reason: limitBodyTimeout.Error()}
	}
	b.err = err
	return err
}

// readChunks reads what the next chunk has.
func (b *content) readChunks(p []byte, until time.Time) (int, error) {
	c, d := b.c, b.chunks
	for d.state != inChunk {
		taken, err := d.lines(c.in[c.at:])
		c.at += taken
		switch {
		case err != nil:
			return 0, b.failed(err)
		case d.state == ended:
			return 0, io.EOF
		case d.state == inChunk:
			continue
		}
		if _, err := b.wait(until, c.fill); err != nil {
			return 0, b.failed(err)
		}
	}
	n, err := b.raw(p[:min(int64(len(p)), d.left)], until)
	d.passed(int64(n))
	return n, err
}

// raw takes bytes that were received, or receives them.
func (b *content) raw(p []byte, until time.Time) (int, error) {
	c := b.c
	if c.at < len(c.in) {
		n := copy(p, c.in[c.at:])
		c.at += n
		return n, nil
	}
	n, err := b.wait(until, func(end time.Time) (int, error) {
		if err := c.readUntil(end); err != nil {
			return 0, err
		}
		return c.Conn.Read(p)
	})
	if n > 0 {
		return n, nil
	}
	return 0, b.failed(err)
}

// wait receives, as long as the client has not tried the server's patience.
func (b *content) wait(until time.Time, receive func(time.Time) (int, error)) (int, error) {
	if b.step <= 0 {
		b.step, b.patience = bodyStep, b.c.http.BodyTimeout
	}
	start := time.Now()
	end := start.Add(b.patience)
	if !until.IsZero() && until.Before(end) {
		end = until
	}
	n, err := receive(end)
	b.patience -= time.Since(start)
	b.step -= int64(n)
	return n, err
}

// skip reads what is left of the body, so that the next request can be read; it tells
// whether that was possible.
func (b *content) skip() bool {
	if b.c == nil || b.whole() {
		return true
	}
	if !b.skippable() {
		return false
	}
	end := time.Now().Add(lingerTime)
	for n, p := 0, make([]byte, 4<<10); !b.whole() && n < mostUnread; {
		more, err := b.read(p, end)
		if n += more; err != nil {
			return err == io.EOF
		}
	}
	return b.whole()
}

// skippable tells whether the rest of the body is worth reading. A client that waits for a
// 100 may go on with its next request, or with the body: nobody knows.
func (b *content) skippable() bool {
	return b.whole() || b.err == nil && !b.ask && b.chunks == nil && b.left <= mostUnread
}
