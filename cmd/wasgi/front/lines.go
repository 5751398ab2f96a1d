package front

import (
	"io"
	"sync"
	"time"
)

// How long and how much of the lines of a busy log is gathered before it is written.
const (
	gatherTime  = 10 * time.Millisecond
	gatherBytes = 64 << 10
)

// Lines writes lines to a log: at once where the last one is a while ago, or else together
// with those that come in the next moments. It is safe for concurrent use.
type Lines struct {
	mu       sync.Mutex
	to       io.Writer
	gathered []byte
	last     time.Time // when something was written
	due      bool      // Flush is to be called
}

// NewLines returns the lines of a log.
func NewLines(to io.Writer) *Lines { return &Lines{to: to} }

// Write implements io.Writer: p is a line, or more. An error may be that of earlier ones.
func (l *Lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gathered = append(l.gathered, p...)
	switch {
	case len(l.gathered) >= gatherBytes, !l.due && time.Since(l.last) >= gatherTime:
		return len(p), l.flush()
	case !l.due:
		l.due = true
		time.AfterFunc(gatherTime, func() { l.Flush() }) // nobody to tell
	}
	return len(p), nil
}

// Flush writes what is gathered. A nil l has nothing.
func (l *Lines) Flush() error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.due = false
	return l.flush()
}

// flush is Flush for who holds mu.
func (l *Lines) flush() error {
	if len(l.gathered) == 0 {
		return nil
	}
	_, err := l.to.Write(l.gathered)
	l.gathered, l.last = l.gathered[:0], time.Now()
	return err
}

// Turn writes what is gathered, and has what follows go elsewhere.
func (l *Lines) Turn(to io.Writer) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.flush()
	l.to = to
	return err
}

// AtOnce returns a writer to the same log whose lines do not wait, nor those before them.
func (l *Lines) AtOnce() io.Writer { return atOnce{l} }

type atOnce struct{ lines *Lines }

// Write implements io.Writer.
func (a atOnce) Write(p []byte) (int, error) {
	a.lines.mu.Lock()
	defer a.lines.mu.Unlock()
	a.lines.gathered = append(a.lines.gathered, p...)
	return len(p), a.lines.flush()
}
