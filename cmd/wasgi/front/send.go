package front

import (
	"io"
	"math"
	"syscall"

	"golang.org/x/sys/unix"
)

// sendPiece is how much of a body is sent at once where a copy has to be made, in bytes: so
// much of it is in memory while its client takes nothing.
const sendPiece = 8 << 10

// streamOf returns the stream that r reads, and how much of it.
func streamOf(r io.Reader) (*stream, *io.LimitedReader) {
	limit, ok := r.(*io.LimitedReader)
	if !ok {
		limit = &io.LimitedReader{R: r, N: math.MaxInt64}
	}
	s, _ := limit.R.(*stream)
	return s, limit
}

// send sends a stream to its end, or up to a limit. What the client does not take at once
// stays the stream's, which puts it aside where that takes long.
func (c *conn) send(s *stream, limit *io.LimitedReader) (sent int64, err error) {
	some := c.sendPieces
	if socket, ok := c.Conn.(syscall.Conn); ok {
		if some, err = c.sendSocket(socket); err != nil {
			return 0, err
		}
	}
	for limit.N > 0 && err == nil {
		var n int64
		n, err = some(s, limit.N)
		sent += n
		limit.N -= n
	}
	if err == io.EOF {
		err = nil
	}
	return sent, err
}

// sendPieces sends by way of memory of its own.
func (c *conn) sendPieces(s *stream, most int64) (sent int64, err error) {
	piece := make([]byte, min(most, sendPiece))
	for sent < most && err == nil {
		var n int
		if n, err = s.Read(piece[:min(most-sent, sendPiece)]); err == nil {
			n, err = c.Write(piece[:n])
		}
		sent += int64(n)
	}
	return sent, err
}

// sendSocket returns what sends some of a stream through a socket, and has none of it in
// memory while it waits for the client.
func (c *conn) sendSocket(socket syscall.Conn) (func(*stream, int64) (int64, error), error) {
	raw, err := socket.SyscallConn()
	if err != nil {
		return nil, err
	}
	to, sendsFiles := socket.(io.ReaderFrom)
	step := int64(writeStep) // taken within the deadline that is set
	return func(s *stream, most int64) (sent int64, err error) {
		waited, err := s.ready()
		if err != nil {
			return 0, err
		}
		memory := s.inMemory()
		if waited || step >= writeStep || !memory {
			c.writing()
			step = 0
		}
		switch {
		case memory:
			sent, err = offer(raw, s, most)
		case !sendsFiles: // a Unix socket
			sent, err = c.sendPieces(s, min(most, sendPiece))
		default:
			sent, err = s.offerFile(func(file *io.LimitedReader) (int64, error) { return to.ReadFrom(file) }, min(most, fileStep))
		}
		step += sent
		return sent, err
	}, nil
}

// offer waits until a socket takes something of what a stream has in memory, or that has
// gone elsewhere.
func offer(raw syscall.RawConn, s *stream, most int64) (sent int64, err error) {
	waits := raw.Write(func(fd uintptr) bool {
		var n int
		n, err = s.offer(func(p []byte) (int, error) { return writeSome(int(fd), p[:min(int64(len(p)), most, writeStep)]) })
		sent = int64(n)
		if err != unix.EAGAIN {
			return true
		}
		err = nil
		return false
	})
	if err == nil {
		err = waits
	}
	return sent, err
}

func writeSome(fd int, p []byte) (n int, err error) {
	for {
		if n, err = unix.Write(fd, p); err != unix.EINTR {
			return n, err
		}
	}
}
