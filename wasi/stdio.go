package wasi

import (
	"context"
	"io"
)

// stream is a descriptor's input or output that is no file: no offset, no
// times, no size.
type stream struct {
	reader *pump     // nil: cannot be read
	writer io.Writer // nil: what is written is thrown away
	ino    uint64
}

// write writes b. Errors: EIO.
func (st *stream) write(b []byte) (int, Errno) {
	if st.writer == nil {
		return len(b), ESUCCESS
	}
	n, err := st.writer.Write(b)
	n = min(max(n, 0), len(b))
	if err != nil && n == 0 {
		return 0, EIO
	}
	return n, ESUCCESS
}

// pumpSize is how many bytes a pump reads ahead at most.
const pumpSize = 1 << 16

// pump reads from an io.Reader that may block, so that waiting for it can be
// given up: a goroutine does one Read at a time into the pump's own buffer and
// only when a guest wants input. A Read that is given up goes on, and what it
// brings is the next to be read; its goroutine ends with it.
type pump struct {
	src  io.Reader // nil: at its end
	buf  []byte
	data []byte // what is read and not yet taken; the goroutine's while busy
	err  error  // what the last Read ended with; the goroutine's while busy
	busy bool
	done chan struct{} // gets one value when the goroutine is through
}

// newPump returns a pump for src, which may be nil.
func newPump(src io.Reader) *pump {
	return &pump{src: src, done: make(chan struct{}, 1)}
}

// start begins a Read unless there is something to take or one is going on. It
// returns the channel that tells of its end, nil if reading would not wait.
func (p *pump) start() <-chan struct{} {
	if p.ready() {
		return nil
	}
	if !p.busy {
		if p.buf == nil {
			p.buf = make([]byte, pumpSize)
		}
		p.busy = true
		go p.read()
	}
	return p.done
}

// read is the goroutine: one Read that brings bytes or an end.
func (p *pump) read() {
	for tries := 0; tries < 100 && len(p.data) == 0 && p.err == nil; tries++ {
		var n int
		n, p.err = p.src.Read(p.buf)
		p.data = p.buf[:min(max(n, 0), len(p.buf))]
	}
	if len(p.data) == 0 && p.err == nil {
		p.err = io.ErrNoProgress
	}
	p.done <- struct{}{}
}

// finish takes note that the Read begun by start is over.
func (p *pump) finish() { p.busy = false }

// ready says whether take would not wait.
func (p *pump) ready() bool {
	if p.src == nil {
		return true
	}
	if p.busy {
		select {
		case <-p.done:
			p.busy = false
		default:
			return false
		}
	}
	return len(p.data) > 0 || p.err != nil
}

// take moves what is ready to b: 0 bytes at the end. Errors: EIO.
func (p *pump) take(b []byte) (int, Errno) {
	n := copy(b, p.data)
	p.data = p.data[n:]
	if n == 0 && p.err != nil && p.err != io.EOF {
		return 0, EIO
	}
	return n, ESUCCESS
}

// wait waits until something is ready or ctx is done. Errors: EINTR.
func (p *pump) wait(ctx context.Context) Errno {
	done := p.start()
	if done == nil {
		return ESUCCESS
	}
	select {
	case <-done:
		p.finish()
		return ESUCCESS
	case <-ctx.Done():
		return EINTR
	}
}
