package front

import (
	"context"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"

	"wasgi/quotas"
	"wasgi/runtime"
)

// look is how often a request in flight is looked after.
const look = time.Second

// term is the context of a request in flight. It is done at the request's deadline, with
// a *quotas.Exceeded of quotas.LimitTimeout as its cause, or soon after its client has gone, with
// runtime.ErrGone, or when base is. One timer serves for the first two.
type term struct {
	context.Context
	cancel context.CancelCauseFunc
	most   time.Duration
	end    time.Time
	conn   net.Conn

	mu    sync.Mutex // held while timer is set
	timer *time.Timer
}

func newTerm(base context.Context, timeout time.Duration, conn net.Conn) *term {
	t := &term{most: timeout, end: time.Now().Add(timeout), conn: conn}
	t.Context, t.cancel = context.WithCancelCause(base)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.timer = time.AfterFunc(min(timeout, look), t.look)
	return t
}

// Deadline implements context.Context.
func (t *term) Deadline() (time.Time, bool) { return t.end, true }

// stop frees what the term holds; it is done then.
func (t *term) stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.timer.Stop()
	t.cancel(context.Canceled)
}

func (t *term) look() {
	t.mu.Lock()
	defer t.mu.Unlock()
	left := time.Until(t.end)
	switch {
	case left <= 0:
		t.cancel(&quotas.Exceeded{Limit: quotas.LimitTimeout, Detail: fmt.Sprintf("took longer than %v", t.most)})
	case hasGone(t.conn):
		t.cancel(runtime.ErrGone)
	default:
		t.timer.Reset(min(left, look))
	}
}

// hasGone tells whether the client has closed its side of the connection. One that
// waits for an answer does not do that; proxies take it for the end as well.
func hasGone(c net.Conn) bool {
	if own, ok := c.(*conn); ok {
		c = own.Conn
	}
	for {
		over, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		c = over.NetConn()
	}
	sys, ok := c.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := sys.SyscallConn()
	if err != nil {
		return true
	}
	gone := false
	err = raw.Control(func(fd uintptr) { gone = hungUp(int(fd)) })
	return gone || err != nil
}
