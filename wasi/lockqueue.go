package wasi

import (
	"slices"
	"time"
)

const (
	// grantTime is how long a range is kept for the sandbox that was woken to
	// lock it.
	grantTime = 50 * time.Millisecond
	// queueTime is how long after it was last refused a sandbox keeps its place
	// in the queue. SQLite comes back within 100 ms.
	queueTime = 250 * time.Millisecond
)

// refusal is what an owner wanted and did not get. The zero value is nothing.
type refusal struct {
	table *lockTable
	want  span
	since time.Time // when it was first refused, its place in the queue
	last  time.Time // when it was last
}

// waiter is an owner that sleeps until it can have what it was refused, or that
// was woken to come and lock it.
type waiter struct {
	refusal
	owner *lockOwner
	wake  chan struct{} // closed when it can
	until time.Time     // until when that is kept for it; zero: it sleeps
}

// refuse notes that o did not get s.
func (t *lockTable) refuse(o *lockOwner, s span) Errno {
	now := time.Now()
	if o.refused.table != t || now.Sub(o.refused.last) > queueTime {
		o.refused.since = now
	}
	o.refused.table, o.refused.want, o.refused.last = t, s, now
	return EAGAIN
}

// wait queues o for what it was refused last. The channel is closed when o can
// have it and it is kept for o for a moment; nil: o was refused nothing. The
// caller calls done when it stops waiting.
func (o *lockOwner) wait() (wake <-chan struct{}, done func()) {
	t := o.refused.table
	if t == nil {
		return nil, func() {}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.dequeue(o)
	w := &waiter{refusal: o.refused, owner: o, wake: make(chan struct{})}
	i, _ := slices.BinarySearchFunc(t.queue, w, func(a, b *waiter) int { return a.since.Compare(b.since) })
	t.queue = slices.Insert(t.queue, i, w)
	t.wakeNext()
	return w.wake, func() { t.stopWaiting(w) }
}

// stopWaiting takes w out of the queue, unless it was woken.
func (t *lockTable) stopWaiting(w *waiter) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if w.until.IsZero() {
		t.dequeue(w.owner)
	}
}

// dequeue takes o out of the queue.
func (t *lockTable) dequeue(o *lockOwner) {
	t.queue = slices.DeleteFunc(t.queue, func(w *waiter) bool { return w.owner == o })
}

// wakeNext wakes those who can lock what they wait for, who waited longest
// first.
func (t *lockTable) wakeNext() {
	if len(t.queue) == 0 {
		return
	}
	now := time.Now()
	t.queue = slices.DeleteFunc(t.queue, func(w *waiter) bool { return !w.until.IsZero() && now.After(w.until) })
	for _, w := range t.queue {
		if !w.until.IsZero() || t.kept(w.owner, w.want) {
			continue
		}
		if _, found := t.conflict(w.owner, w.want); !found {
			w.until = now.Add(grantTime)
			close(w.wake)
		}
	}
}

// kept says whether s is kept for another owner than o.
func (t *lockTable) kept(o *lockOwner, s span) bool {
	return slices.ContainsFunc(t.queue, func(w *waiter) bool {
		return w.owner != o && w.want.excludes(s) && !w.until.IsZero() && time.Now().Before(w.until)
	})
}

// settle takes note that o has locked s: o need not wait for it any more.
func (t *lockTable) settle(o *lockOwner, s span) {
	t.queue = slices.DeleteFunc(t.queue, func(w *waiter) bool {
		return w.owner == o && s.first <= w.want.first && w.want.last <= s.last
	})
	if s.write {
		o.refused = refusal{}
	}
}
