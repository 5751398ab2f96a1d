package front

import (
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// What is read of a body that nobody wants, after the response: a client that is still
// sending would else lose the response with the connection. RFC 9112, section 9.6.
const (
	lingerTime  = 2 * time.Second
	lingerBytes = 64 << 20
)

// listener hands out connections that close gently.
type listener struct{ net.Listener }

func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c}, nil
}

// conn is a client's connection.
type conn struct {
	net.Conn
	unread atomic.Bool // the client may be sending a body that is not read
	ended  atomic.Bool // the client sends no more

	behind *contentReader // what is written waits for it; nil: for nothing
}

// Read implements net.Conn.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err == io.EOF {
		c.ended.Store(true)
	}
	return n, err
}

// cutOff tells whether the client's last bytes have been read, and more was wanted.
func cutOff(c net.Conn) bool {
	own, ok := c.(*conn)
	return ok && own.ended.Load()
}

// unread notes on a connection whether its client may be sending a body in vain.
func unread(c net.Conn, is bool) {
	if own, ok := c.(*conn); ok {
		own.unread.Store(is)
	}
}

// ReadFrom implements io.ReaderFrom: what a stream has goes out at once, and a file
// without being copied.
func (c *conn) ReadFrom(r io.Reader) (int64, error) {
	to, ok := c.Conn.(io.ReaderFrom)
	if !ok {
		return io.Copy(struct{ io.Writer }{c.Conn}, r)
	}
	if part, ok := r.(*io.LimitedReader); ok {
		switch body := part.R.(type) {
		case *os.File:
			return c.sendFile(to, body, part)
		case *contentReader:
			n, err := body.send()
			part.N -= n
			return n, err
		}
	}
	return to.ReadFrom(r)
}

// filePiece is how much of a file a client may take writeTimeout for, in bytes.
const filePiece = 256 << 10

// sendFile sends the part of f that is left, piece by piece.
func (c *conn) sendFile(to io.ReaderFrom, f *os.File, part *io.LimitedReader) (sent int64, err error) {
	for part.N > 0 && err == nil {
		c.SetWriteDeadline(time.Now().Add(writeTimeout))
		piece := min(part.N, filePiece)
		var n int64
		n, err = to.ReadFrom(&io.LimitedReader{R: f, N: piece})
		part.N -= n
		sent += n
		if n < piece {
			break // the file has become shorter
		}
	}
	return sent, err
}

// Close closes the connection; where a body is under way, first the sending side only,
// until the client has seen the response or the time is over.
func (c *conn) Close() error {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if ok && c.unread.Load() && half.CloseWrite() == nil {
		c.Conn.SetReadDeadline(time.Now().Add(lingerTime))
		io.CopyN(io.Discard, c.Conn, lingerBytes) // whatever ends it, the connection goes
	}
	return c.Conn.Close()
}
