package front

import (
	"context"
	"io"
	"sync"
	"time"

	"wasgi/quotas"
	"wasgi/runtime"
)

// streamAhead is how far an app may be ahead of its client, in bytes.
const streamAhead = 64 << 10

// stream is a body between the app, which writes, and the connection, which reads. A
// writer that is too far ahead waits for the reader, no longer than its request's time.
type stream struct {
	closed func(sent int64, err error) error // called once, by Close, which returns its error
	wait   func(block func())                // around what may take the writer long; nil: nothing is
	stop   func() bool                       // ends the watch on the deadline

	mu    sync.Mutex
	moved sync.Cond // something below has changed
	ahead []byte
	read  int64
	ended bool  // the writer is done
	err   error // why, if not because the body is whole
	gone  bool  // the reader is
}

func newStream(run context.Context, wait func(func()), closed func(int64, error) error) *stream {
	s := &stream{closed: closed, wait: wait}
	if wait == nil {
		s.wait = func(block func()) { block() }
	}
	s.moved.L = &s.mu
	s.stop = context.AfterFunc(run, func() {
		time.AfterFunc(graceTimeout, func() { s.finish(runtime.Ended(run)) })
		s.mu.Lock()
		s.moved.Broadcast()
		s.mu.Unlock()
	})
	return s
}

// write appends a copy of block, piece by piece as there is room for it.
func (s *stream) write(block []byte) error {
	for len(block) > 0 {
		n, err := s.add(block)
		if err != nil {
			return err
		}
		if block = block[n:]; n == 0 {
			s.wait(s.room)
		}
	}
	return nil
}

// add appends what there is room for.
func (s *stream) add(block []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.gone:
		return 0, runtime.ErrGone
	case s.ended:
		return 0, quotas.LimitTimeout
	}
	n := min(len(block), streamAhead-len(s.ahead))
	s.ahead = append(s.ahead, block[:n]...)
	s.moved.Broadcast()
	return n, nil
}

// room waits until there is some, or nobody reads any more.
func (s *stream) room() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.ahead) >= streamAhead && !s.gone && !s.ended {
		s.moved.Wait()
	}
}

// last appends what ends a body and is short: there is room for it.
func (s *stream) last(end []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.gone && !s.ended {
		s.ahead = append(s.ahead, end...)
	}
}

// finish ends the body; err tells why, if it is not whole.
func (s *stream) finish(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		s.ended, s.err = true, err
		s.moved.Broadcast()
	}
}

// Read implements io.Reader for the connection.
func (s *stream) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.ahead) == 0 && !s.ended {
		s.moved.Wait()
	}
	if len(s.ahead) == 0 {
		if s.err != nil {
			return 0, s.err
		}
		return 0, io.EOF
	}
	n := copy(p, s.ahead)
	s.ahead = s.ahead[:copy(s.ahead, s.ahead[n:])]
	s.read += int64(n)
	s.moved.Broadcast()
	return n, nil
}

// Close implements io.Closer: the connection has sent the body, or given up.
func (s *stream) Close() error {
	s.stop()
	s.mu.Lock()
	first := !s.gone
	s.gone = true
	err := s.err
	if !s.ended {
		err = runtime.ErrGone
	}
	s.moved.Broadcast()
	read := s.read
	s.mu.Unlock()
	if !first {
		return nil
	}
	return s.closed(read, err)
}
