package front

import (
	"io"
	"math"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"wasgi/tenants"
)

// What is read of a body that nobody wants, after the response: a client that is still
// sending would else lose the response with the connection. RFC 9112, section 9.6.
const (
	lingerTime  = 2 * time.Second
	lingerBytes = 64 << 20
)

// How much of a response must be taken within the write timeout, and is copied at once, in
// bytes.
const (
	writeStep  = 64 << 10
	fileStep   = 256 << 10
	copyBuffer = 8 << 10
)

// conn is a client's connection. fasthttp reads from it heads of requests, one by one, each
// written anew for what the gate has let through (gate.go); bodies are read past fasthttp
// (content.go).
type conn struct {
	net.Conn
	http    *tenants.HTTP
	count   *addresses
	peer    peer // as far as the connection tells, or the PROXY protocol
	trusted bool
	preface bool       // the PROXY protocol's header is to come
	over    bool       // its client has more connections than it may
	counts  netip.Addr // as whose connection it is counted; the zero Addr: nobody's

	in       []byte // received; in[at:] is not taken
	at       int
	head     head
	out      []byte // the head that fasthttp reads; out[told:] it has not read
	told     int
	request  request  // the latest
	refused  *refusal // in place of the request
	handled  bool     // the request has come to the handler
	requests int
	content  content // of the latest request

	line   *access     // of the latest request in the access log
	tail   []byte      // a body to be sent behind the head that is written next
	parts  [2][]byte   // of pieces
	pieces net.Buffers // that one system call sends

	readBy  time.Time // the deadlines that are set
	writeBy time.Time
	ctx     *fasthttp.RequestCtx // of the requests; nil before the first
	linger  atomic.Bool          // the client may be sending what is not read
	places  chan struct{}        // closing leaves one; nil: it has none
	closed  atomic.Bool
	shut    atomic.Bool // a read under way is to end
}

// RemoteAddr implements net.Conn: where a proxy tells the client by the PROXY protocol, that
// one's.
func (c *conn) RemoteAddr() net.Addr {
	if !c.peer.forwarded {
		return c.Conn.RemoteAddr()
	}
	return &net.TCPAddr{IP: c.peer.addr.AsSlice(), Port: int(c.peer.port)}
}

// Write implements net.Conn. A client that takes nothing for the write timeout is given up.
// What is written first of a response whose body is in tail is its head.
func (c *conn) Write(p []byte) (int, error) {
	if c.tail != nil {
		return c.writeWhole(p)
	}
	sent := 0
	for {
		c.writing()
		n, err := c.Conn.Write(p[sent:min(len(p), sent+writeStep)])
		if sent += n; err != nil || sent == len(p) {
			return sent, err
		}
	}
}

// writing sets the deadline of a write anew, where the last one has lost an eighth.
func (c *conn) writing() {
	most := c.http.WriteTimeout
	if now := time.Now(); c.writeBy.Sub(now) < most-most/8 {
		c.writeBy = now.Add(most)
		c.Conn.SetWriteDeadline(c.writeBy) // an error shows in the write
	}
}

// ReadFrom implements io.ReaderFrom: what a stream has goes out at once, and a file without
// a copy.
func (c *conn) ReadFrom(r io.Reader) (int64, error) {
	if body, most := streamOf(r); body != nil {
		return c.send(body, most)
	}
	to, ok := c.Conn.(io.ReaderFrom)
	file, limit := fileOf(r)
	if !ok || file == nil {
		return io.CopyBuffer(struct{ io.Writer }{c}, struct{ io.Reader }{r}, make([]byte, copyBuffer))
	}
	for sent := int64(0); ; {
		c.writing()
		n, err := to.ReadFrom(&io.LimitedReader{R: file, N: min(limit.N, fileStep)})
		limit.N -= n
		if sent += n; n == 0 || err != nil {
			return sent, err
		}
	}
}

// fileOf returns the file that r reads, and how much of it.
func fileOf(r io.Reader) (*os.File, *io.LimitedReader) {
	limit, ok := r.(*io.LimitedReader)
	if !ok {
		limit = &io.LimitedReader{R: r, N: math.MaxInt64}
	}
	file, _ := limit.R.(*os.File)
	return file, limit
}

// Deadlines are the gate's: those that fasthttp sets are not taken.

func (c *conn) SetDeadline(time.Time) error      { return nil }
func (c *conn) SetReadDeadline(time.Time) error  { return nil }
func (c *conn) SetWriteDeadline(time.Time) error { return nil }

// settle is called when a response is there, and its body not one that is still sent: where
// what is left of the request stands in the way of the next, the connection ends.
func (c *conn) settle(ctx *fasthttp.RequestCtx) {
	c.takeTail(ctx)
	c.linger.Store(c.refused != nil || !c.content.whole())
	if c.refused != nil || !c.content.skippable() {
		ctx.SetConnectionClose()
	}
}

// readUntil sets the deadline of reading.
func (c *conn) readUntil(end time.Time) error {
	if end != c.readBy {
		if err := c.Conn.SetReadDeadline(end); err != nil {
			return err
		}
		c.readBy = end
	}
	if c.shut.Load() {
		return os.ErrDeadlineExceeded
	}
	return nil
}

// interrupt ends a read under way, and others until resume.
func (c *conn) interrupt() {
	c.shut.Store(true)
	c.Conn.SetReadDeadline(time.Now()) // an error is the connection's end
}

func (c *conn) resume() {
	c.readBy = time.Time{}
	c.shut.Store(false)
}

// Close closes the connection; where the client is still sending, first the sending side
// only, until the client has seen the response or the time is over.
func (c *conn) Close() error {
	if c.closed.Swap(true) {
		return nil
	}
	c.uncount()
	defer c.leave()
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if ok && c.linger.Load() && half.CloseWrite() == nil {
		c.Conn.SetReadDeadline(time.Now().Add(lingerTime))
		io.CopyN(io.Discard, c.Conn, lingerBytes) // whatever ends it, the connection goes
	}
	return c.Conn.Close()
}
