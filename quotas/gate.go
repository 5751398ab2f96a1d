package quotas

import (
	"container/heap"
	"context"
	goruntime "runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Gate lets a number of guests run at once and shares the processor among tenants, by
// weight, however many guests of a tenant want to run. It is start-time fair queueing:
// each tenant's flow counts the CPU time it has used, divided by its weight, and who
// has used least runs next. It is safe for concurrent use.
type Gate struct {
	mu      sync.Mutex
	free    int
	running []*Turn
	waiting flowHeap // flows of which a guest waits, the one that used least first
	clock   time.Duration
	all     bool    // places are all that Go has processors
	bells   []*bell // that nobody waits for

	collector *collector
}

// Credit is how far behind the others a flow that was idle may start, margin how far
// ahead of a waiting one a flow may run before it gives way, and quantum how long a
// guest runs while another of its own flow waits. All are CPU time.
const (
	credit  = 4 * time.Millisecond
	margin  = 2 * time.Millisecond
	quantum = 5 * time.Millisecond
)

// NewGate returns a gate for n guests at once, at least 1. How many processors Go has is not
// changed any more.
func NewGate(n int) *Gate {
	return &Gate{free: max(1, n), all: n >= goruntime.GOMAXPROCS(0), collector: newCollector()}
}

// Flow is a tenant's part in a Gate.
type Flow struct {
	gate *Gate

	// Guarded by the gate's mutex.
	weight float64
	used   time.Duration // weighed
	queue  []*Turn       // guests that wait, in order
	runs   int           // guests that run
	index  int           // in the heap, -1: not there
}

// NewFlow returns a tenant's part, of a weight above 0; 1 is usual.
func (g *Gate) NewFlow(weight float64) *Flow {
	return &Flow{gate: g, weight: weight, index: -1}
}

// SetWeight changes the weight from here on.
func (f *Flow) SetWeight(weight float64) {
	f.gate.mu.Lock()
	defer f.gate.mu.Unlock()
	f.weight = weight
}

// Turn is one guest's place at the gate. One goroutine uses it at a time.
type Turn struct {
	flow    *Flow
	granted chan struct{}
	ran     time.Duration // CPU time since it was let through
	wanted  atomic.Bool   // its place is, by one who is far behind
}

// NewTurn returns a place at the gate, outside.
func (f *Flow) NewTurn() *Turn { return &Turn{flow: f, granted: make(chan struct{}, 1)} }

// Begin waits until the guest may run, or ctx is done, whose error it then returns.
func (t *Turn) Begin(ctx context.Context) error {
	f := t.flow
	g := f.gate
	g.mu.Lock()
	if f.runs == 0 && len(f.queue) == 0 {
		f.used = max(f.used, g.clock-credit)
	}
	if g.free > 0 && len(g.waiting) == 0 {
		g.let(t)
		g.mu.Unlock()
		return nil
	}
	g.wait(t)
	g.mu.Unlock()
	select {
	case <-t.granted:
		return nil
	case <-ctx.Done():
		return t.giveUp(ctx)
	}
}

// giveUp takes t out of the queue, or through the gate and back if that came first.
func (t *Turn) giveUp(ctx context.Context) error {
	f := t.flow
	f.gate.mu.Lock()
	defer f.gate.mu.Unlock()
	n := slices.Index(f.queue, t)
	if n < 0 {
		<-t.granted
		f.gate.leave(t)
		return ctx.Err()
	}
	f.queue = slices.Delete(f.queue, n, n+1)
	if len(f.queue) == 0 {
		heap.Remove(&f.gate.waiting, f.index)
	}
	return ctx.Err()
}

// End lets the next guest in; d is the CPU time that was not told yet.
func (t *Turn) End(d time.Duration) {
	g := t.flow.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	t.spend(d)
	g.leave(t)
}

// spend counts CPU time that t has used.
func (t *Turn) spend(d time.Duration) {
	f := t.flow
	f.used += time.Duration(float64(d) / f.weight)
	t.ran += d
	if f.index >= 0 {
		heap.Fix(&f.gate.waiting, f.index)
	}
}

// Spent tells what CPU time the guest has used since it was last told, and lets another
// run first where that is fair: it returns when the guest may go on, and tells whether
// it has waited.
func (t *Turn) Spent(d time.Duration) bool {
	g := t.flow.gate
	g.mu.Lock()
	t.spend(d)
	g.tell()
	if !g.givesWay(t) {
		t.wanted.Store(false)
		g.mu.Unlock()
		return false
	}
	g.wait(t)
	g.leave(t)
	g.mu.Unlock()
	<-t.granted
	return true
}

// Wanted tells whether another guest is to run in place of t at once: Spent then lets it.
// It takes no lock.
func (t *Turn) Wanted() bool { return t.wanted.Load() }

// givesWay tells whether another guest is to run in place of t.
func (g *Gate) givesWay(t *Turn) bool {
	if len(g.waiting) == 0 {
		return false
	}
	next := g.waiting[0]
	if next == t.flow {
		return t.ran >= quantum
	}
	return t.flow.used > next.used+margin
}

// wait puts t at the end of its flow's queue.
func (g *Gate) wait(t *Turn) {
	f := t.flow
	f.queue = append(f.queue, t)
	if f.index < 0 {
		heap.Push(&g.waiting, f)
	}
	for _, r := range g.running {
		if r.flow.used > f.used+margin {
			r.wanted.Store(true)
		}
	}
}

// let lets t run.
func (g *Gate) let(t *Turn) {
	g.free--
	t.ran = 0
	t.wanted.Store(false)
	t.flow.runs++
	g.running = append(g.running, t)
}

// leave takes t from the running and lets the next ones in.
func (g *Gate) leave(t *Turn) {
	g.tell() // while t is among those that run: it may be the only one
	n := slices.Index(g.running, t)
	g.running[n] = g.running[len(g.running)-1]
	g.running = g.running[:len(g.running)-1]
	t.flow.runs--
	g.free++
	g.tell()
	for g.free > 0 && len(g.waiting) > 0 {
		f := g.waiting[0]
		next := f.queue[0]
		f.queue = slices.Delete(f.queue, 0, 1)
		if len(f.queue) == 0 {
			heap.Pop(&g.waiting)
		}
		g.let(next)
		next.granted <- struct{}{}
	}
}

// tell moves the clock on to what the flows that want to run have used at least.
func (g *Gate) tell() {
	least, any := time.Duration(0), false
	for _, t := range g.running {
		if !any || t.flow.used < least {
			least, any = t.flow.used, true
		}
	}
	if len(g.waiting) > 0 && (!any || g.waiting[0].used < least) {
		least, any = g.waiting[0].used, true
	}
	if any {
		g.clock = max(g.clock, least)
	}
}

// flowHeap implements heap.Interface: the flow that has used least is first.
type flowHeap []*Flow

func (h flowHeap) Len() int           { return len(h) }
func (h flowHeap) Less(i, j int) bool { return h[i].used < h[j].used }
func (h flowHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push implements heap.Interface.
func (h *flowHeap) Push(x any) {
	f := x.(*Flow)
	f.index = len(*h)
	*h = append(*h, f)
}

// Pop implements heap.Interface.
func (h *flowHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	last.index = -1
	return last
}
