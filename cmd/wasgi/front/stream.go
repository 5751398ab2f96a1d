package front

import (
	"context"
	"sync"
	"time"

	"wasgi/quotas"
	"wasgi/runtime"
)

// How far an app may be ahead of its client in memory, in bytes: so far where all that is
// kept has room for it, and so far in any case.
const (
	streamAhead = 64 << 10
	leastAhead  = 1 << 10
)

// writerPatience is how long a writer waits for a client that takes what it gets, before it uses
// the file.
const writerPatience = 2 * time.Millisecond

// asidePiece is how much goes to the file at once, in bytes.
const asidePiece = 256 << 10

// spoolShare is the part of the spool that one response may have.
const spoolShare = 16

// stream is a body between the app, which writes, and the connection, which reads. What is
// not read yet is in memory while it is little and new, else in a file, never in both. A
// writer that is further ahead than there is room waits for the reader, no longer than its
// request's time.
type stream struct {
	streamConfig
	stop func() bool // ends the watch on the deadline

	mu    sync.Mutex
	moved sync.Cond          // something below has changed
	ahead []byte             // ahead[at:] is not read
	block *[streamAhead]byte // what ahead is of, where it is large
	at    int
	large bool      // ahead has streamAhead of what all may have in memory
	since time.Time // when ahead was empty last
	old   *time.Timer
	timed bool // old is running
	file  aside
	read  int64
	ended bool  // the writer is done
	err   error // why, if not because the body is whole
	gone  bool  // the reader is
}

// streamConfig is what a stream is made of.
type streamConfig struct {
	spool  *spool
	holds  bool                              // the writer waits for the reader rather than use the file
	wait   func(block func())                // around what may take the writer long; nil: nothing is
	closed func(sent int64, err error) error // called once, by Close, which returns its error
}

func newStream(run context.Context, cfg streamConfig) *stream {
	s := &stream{streamConfig: cfg, file: aside{spool: cfg.spool}}
	if s.wait == nil {
		s.wait = func(block func()) { block() }
	}
	s.moved.L = &s.mu
	s.stop = context.AfterFunc(run, func() {
		time.AfterFunc(graceTimeout, func() { s.finish(runtime.Ended(run)) })
		s.wake()
	})
	return s
}

func (s *stream) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.moved.Broadcast()
}

// write appends a copy of block, piece by piece as there is room for it.
func (s *stream) write(block []byte) error {
	for len(block) > 0 {
		n, err := s.add(block)
		if err != nil {
			return err
		}
		if block = block[n:]; n == 0 {
			s.wait(func() { n = s.pass(block) })
			block = block[n:]
		}
	}
	return nil
}

// add appends what there is room for in memory.
func (s *stream) add(block []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.gone:
		return 0, runtime.ErrGone
	case s.ended:
		return 0, quotas.LimitTimeout
	}
	n := min(len(block), s.room(len(block)))
	s.put(block[:n])
	return n, nil
}

// room is how much may be added to what is in memory, where want would be good. The caller
// holds mu.
func (s *stream) room(want int) int {
	if s.file.left() > 0 {
		return 0
	}
	unread := len(s.ahead) - s.at
	if unread+want > leastAhead && !s.large {
		s.large = take(&s.spool.memory, streamAhead, mostAtHand)
	}
	if s.large {
		return streamAhead - unread
	}
	return max(0, leastAhead-unread)
}

// put appends to what is in memory. The caller holds mu.
func (s *stream) put(block []byte) {
	if len(block) == 0 {
		return
	}
	if s.at == len(s.ahead) {
		s.since = time.Now()
	}
	s.makeRoom(len(block))
	s.ahead = append(s.ahead, block...)
	if s.large && !s.timed {
		s.watch(stale)
	}
	s.moved.Broadcast()
}

// makeRoom moves what is in memory to where n bytes more can follow it. The caller holds mu.
func (s *stream) makeRoom(n int) {
	switch unread := s.ahead[s.at:]; {
	case len(s.ahead)+n <= cap(s.ahead):
		return
	case s.large && s.block == nil:
		s.block = s.spool.block()
		s.ahead = append(s.block[:0], unread...)
	default:
		s.ahead = append(s.ahead[:0], unread...)
	}
	s.at = 0
}

// watch has age called. The caller holds mu.
func (s *stream) watch(in time.Duration) {
	s.timed = true
	if s.old == nil {
		s.old = time.AfterFunc(in, s.age)
		return
	}
	s.old.Reset(in)
}

// age gives back memory that is not used, or by a client that is slow. Where there is no
// room for a file, it tries again.
func (s *stream) age() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.timed = false
	switch left := stale - time.Since(s.since); {
	case s.gone || !s.large:
	case len(s.ahead)-s.at <= leastAhead:
		s.shrink(s.ahead[s.at:])
	case left > 0:
		s.watch(left)
	case s.spill() != nil:
		s.watch(stale)
	}
}

// shrink leaves little in memory. The caller holds mu.
func (s *stream) shrink(rest []byte) {
	if s.large {
		s.spool.memory.Add(-streamAhead)
	}
	s.ahead, s.at, s.large = append([]byte(nil), rest...), 0, false
	if s.block != nil {
		s.spool.blocks.Put(s.block)
		s.block = nil
	}
}

// spill moves what is in memory to the file. The caller holds mu.
func (s *stream) spill() error {
	if s.at == len(s.ahead) {
		return nil
	}
	if err := s.file.add(s.ahead[s.at:]); err != nil {
		return err
	}
	s.shrink(nil)
	return nil
}

// pass waits for room in memory or puts a part of block into the file, and returns how much
// that was.
func (s *stream) pass(block []byte) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.gone && !s.ended && s.room(1) == 0 {
		left := writerPatience - time.Since(s.since)
		switch {
		case s.holds:
		case s.file.left() == 0 && left > 0:
			time.AfterFunc(left, s.wake)
		default:
			if n := s.setAside(block); n > 0 {
				return n
			}
		}
		s.moved.Wait()
	}
	return 0
}

// setAside puts what is in memory and then block, or a part of it, into the file; it
// returns how much that was, 0 where there is no room. The caller holds mu.
func (s *stream) setAside(block []byte) int {
	block = block[:min(len(block), asidePiece)]
	if s.file.size+int64(len(s.ahead)-s.at+len(block)) > int64(s.spool.http.Spool)/spoolShare {
		return 0
	}
	if s.spill() != nil || s.file.add(block) != nil {
		return 0
	}
	s.moved.Broadcast()
	return len(block)
}

// last appends what ends a body and is short: there is room for it.
func (s *stream) last(end []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.gone || s.ended || len(end) == 0:
	case s.file.left() == 0:
		s.put(end)
	default:
		if err := s.file.add(end); err != nil {
			s.ended, s.err = true, err
		}
		s.moved.Broadcast()
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
	s.shrink(nil)
	s.file.close()
	if s.timed {
		s.old.Stop()
	}
	s.moved.Broadcast()
	read := s.read
	s.mu.Unlock()
	if !first {
		return nil
	}
	return s.closed(read, err)
}
