package runtime

import (
	"context"
	"fmt"
	goruntime "runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"wasgi/quotas"
)

// PoolConfig says what a pool keeps.
type PoolConfig struct {
	Max         int  // most instances at once, at least 1
	MaxRequests int  // requests after which an instance is replaced; 0: never
	Fresh       bool // each request meets the app as it was imported
	Queue       int  // most calls of Acquire that wait at once; 0: any number
	// QueueTimeout is how long a call waits where there are instances and all are busy;
	// 0: as long as its context lets it. The first instance is always waited for.
	QueueTimeout time.Duration
	// New makes an instance with its app loaded. The pool calls it from goroutines
	// of its own, at most Max at a time.
	New func(context.Context) (*Instance, error)
	// Counts are added to; nil: nobody asks. Pools may share them.
	Counts *PoolCounts
	// NotReset is told why an instance could not be taken back to its snapshot: it is
	// replaced. May be nil.
	NotReset func(*Instance, error)
}

// PoolCounts are what pools have done so far. They are safe for concurrent use.
type PoolCounts struct {
	Ready    atomic.Int64 // calls of Acquire that found an instance ready
	Resets   atomic.Int64 // instances taken back to their snapshot
	Pages    atomic.Int64 // of memory that this has put back, of quotas.ImagePage
	NotReset atomic.Int64 // instances that could not be taken back
}

// Pool keeps the instances of one app: as many as are asked for at once, up to a
// limit, made when they are needed. It is safe for concurrent use.
type Pool struct {
	cfg  PoolConfig
	stop context.CancelFunc // ends the making of instances
	ctx  context.Context

	mu      sync.Mutex
	idle    []*Instance // last used is last
	open    int         // instances there are or that are being made
	making  int         // of those, the ones being made
	waiters []chan grant
	proven  bool // one was made
	closed  bool
	empty   chan struct{} // closed when the pool is closed and open is 0
}

// grant is what ends a wait: an instance, or why there is none.
type grant struct {
	instance *Instance
	err      error
}

// NewPool returns a pool that holds no instance yet.
func NewPool(cfg PoolConfig) *Pool {
	if cfg.Counts == nil {
		cfg.Counts = new(PoolCounts)
	}
	ctx, stop := context.WithCancel(context.Background())
	return &Pool{cfg: cfg, ctx: ctx, stop: stop, empty: make(chan struct{})}
}

// Acquire returns an instance that is the caller's until Release. It waits for one
// where all are busy, in the order of the calls, until ctx is done. An instance that
// could not be made is its error, and so is a *quotas.Exceeded where the queue is full or
// the wait too long.
func (p *Pool) Acquire(ctx context.Context) (*Instance, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, ErrClosed
	}
	if n := len(p.idle); n > 0 {
		i := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		p.cfg.Counts.Ready.Add(1)
		return i, nil
	}
	if p.cfg.Queue > 0 && len(p.waiters) >= p.cfg.Queue {
		p.mu.Unlock()
		return nil, &quotas.Exceeded{Limit: quotas.LimitQueue, RetryAfter: time.Second,
			Detail: fmt.Sprintf("%d requests wait already", p.cfg.Queue)}
	}
	wait := make(chan grant, 1)
	p.waiters = append(p.waiters, wait)
	if p.open == p.making {
		p.grow()
	} else {
		time.AfterFunc(growAfter, p.growLater)
	}
	busy := p.open > p.making
	p.mu.Unlock()
	if busy && p.cfg.QueueTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, p.cfg.QueueTimeout, &quotas.Exceeded{Limit: quotas.LimitQueueTimeout,
			Detail: fmt.Sprintf("all instances were busy for %v", p.cfg.QueueTimeout), RetryAfter: time.Second})
		defer cancel()
	}
	return p.wait(ctx, wait)
}

func (p *Pool) wait(ctx context.Context, wait chan grant) (*Instance, error) {
	select {
	case g := <-wait:
		return g.instance, g.err
	case <-ctx.Done():
	}
	p.mu.Lock()
	for n, w := range p.waiters {
		if w == wait {
			p.waiters = append(p.waiters[:n], p.waiters[n+1:]...)
			break
		}
	}
	p.mu.Unlock()
	select {
	case g := <-wait: // granted in the same moment: pass it on
		if g.instance != nil {
			p.Release(g.instance)
		}
	default:
	}
	return nil, context.Cause(ctx)
}

// growAfter is how long a request waits for one of the instances there are before another
// is made for it: most are done with theirs by then, and an app that keeps something in
// memory finds it again.
const growAfter = 5 * time.Millisecond

func (p *Pool) growLater() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.grow()
}

// grow makes an instance for each waiter that none is being made for, up to the
// limit. The first of all is made alone: the import is its work, on which others would only
// wait, and where it fails it would fail for each. The caller holds mu.
func (p *Pool) grow() {
	for p.open < p.cfg.Max && p.making < len(p.waiters) && !p.closed && (p.proven || p.making == 0) {
		p.begin()
	}
}

// begin makes one more instance. The caller holds mu.
func (p *Pool) begin() {
	p.open++
	p.making++
	go p.make()
}

func (p *Pool) make() {
	i, err := p.cfg.New(p.ctx)
	p.mu.Lock()
	p.making--
	if err == nil {
		if !p.proven {
			p.proven = true
			time.AfterFunc(growAfter, p.growLater)
		}
		p.keep(i)
		return
	}
	defer p.mu.Unlock()
	p.dropped()
	if w := p.next(); w != nil {
		w <- grant{err: err}
	}
	p.grow()
}

// next takes the longest waiting out of the queue. The caller holds mu.
func (p *Pool) next() chan grant {
	if len(p.waiters) == 0 {
		return nil
	}
	w := p.waiters[0]
	p.waiters = p.waiters[1:]
	return w
}

// keep hands a sound instance to who waits, or puts it with the idle ones; a closed
// pool closes it. The caller holds mu; keep lets go of it.
func (p *Pool) keep(i *Instance) {
	if p.closed {
		p.mu.Unlock()
		p.discard(i)
		return
	}
	defer p.mu.Unlock()
	if w := p.next(); w != nil {
		w <- grant{instance: i}
		return
	}
	i.idle = time.Now()
	p.idle = append(p.idle, i)
}

// IdleSince returns when the instance that has been idle longest was last used, and
// whether there is one.
func (p *Pool) IdleSince() (time.Time, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) == 0 {
		return time.Time{}, false
	}
	return p.idle[0].idle, true
}

// DropIdle closes the instance that has been idle longest and tells whether there was one.
func (p *Pool) DropIdle() bool {
	p.mu.Lock()
	if len(p.idle) == 0 {
		p.mu.Unlock()
		return false
	}
	i := p.idle[0]
	p.idle = slices.Delete(p.idle, 0, 1)
	p.mu.Unlock()
	p.discard(i)
	return true
}

// DropIdleSince closes the instances that have been idle since then or longer, and returns
// how many that were.
func (p *Pool) DropIdleSince(then time.Time) (n int) {
	for since, ok := p.IdleSince(); ok && !since.After(then); since, ok = p.IdleSince() {
		if !p.DropIdle() {
			break
		}
		n++
	}
	return n
}

// discard closes an instance and then counts it out.
func (p *Pool) discard(i *Instance) {
	i.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dropped()
}

// dropped counts an instance that is no more. The caller holds mu.
func (p *Pool) dropped() {
	p.open--
	if p.closed && p.open == 0 {
		close(p.empty)
	}
}

// Release gives an instance back. One that is condemned, or has served its number of
// requests, is closed, and another is made in its place before it is asked for. A pool of
// fresh instances takes it back to its snapshot first, which takes a moment.
func (p *Pool) Release(i *Instance) {
	if p.reusable(i) {
		p.mu.Lock()
		p.keep(i)
		return
	}
	p.discard(i)
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed && p.open < p.cfg.Max {
		p.begin()
	}
}

func (p *Pool) reusable(i *Instance) bool {
	if i.Condemned() || p.cfg.MaxRequests > 0 && i.served >= p.cfg.MaxRequests {
		return false
	}
	if !p.cfg.Fresh || i.served == 0 {
		return true
	}
	goruntime.Gosched() // who sends the response comes first
	return i.Resettable() && p.reset(i)
}

// reset takes an instance back to its snapshot, and tells whether it could be.
func (p *Pool) reset(i *Instance) bool {
	pages, err := i.Reset(p.ctx)
	if err != nil {
		p.cfg.Counts.NotReset.Add(1)
		if p.cfg.NotReset != nil {
			p.cfg.NotReset(i, err)
		}
		return false
	}
	p.cfg.Counts.Resets.Add(1)
	p.cfg.Counts.Pages.Add(int64(pages))
	return true
}

// Close takes no more requests, closes the idle instances, and each busy one when it
// is released. Who waits gets ErrClosed. It does not wait; Closed does.
func (p *Pool) Close() {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return
	}
	p.closed = true
	p.stop()
	for w := p.next(); w != nil; w = p.next() {
		w <- grant{err: ErrClosed}
	}
	idle := p.idle
	p.idle = nil
	if p.open == 0 {
		close(p.empty)
	}
	p.mu.Unlock()
	for _, i := range idle {
		p.discard(i)
	}
}

// Closed is closed once the pool is and its last instance is gone.
func (p *Pool) Closed() <-chan struct{} { return p.empty }

// PoolStats is a count of a pool's instances at one moment.
type PoolStats struct {
	Open    int // there are or are being made
	Idle    int // of those, ready
	Waiting int // calls of Acquire that wait
}

// Stats returns the counts.
func (p *Pool) Stats() PoolStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return PoolStats{Open: p.open, Idle: len(p.idle), Waiting: len(p.waiters)}
}
