package quotas

import (
	"context"
	"errors"
	"math/rand/v2"
	goruntime "runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// begun tells whether t comes through the gate without being let by another.
func begun(t *Turn) bool {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return t.Begin(ctx) == nil
}

func TestGateLetsItsNumberRun(t *testing.T) {
	g := NewGate(2)
	f := g.NewFlow(1)
	a, b, c := f.NewTurn(), f.NewTurn(), f.NewTurn()
	if !begun(a) || !begun(b) || begun(c) {
		t.Fatal("want two of three let through")
	}
	a.End(0)
	if !begun(c) {
		t.Fatal("the third is not let through after one has left")
	}
	b.End(0)
	c.End(0)
	if g.free != 2 || len(g.running) != 0 || len(g.waiting) != 0 || len(f.queue) != 0 {
		t.Errorf("left over: %+v", g)
	}
}

func TestGateOfNoneIsOfOne(t *testing.T) {
	f := NewGate(0).NewFlow(1)
	if !begun(f.NewTurn()) || begun(f.NewTurn()) {
		t.Error("want one let through")
	}
}

func TestGateGivesUpWaiting(t *testing.T) {
	g := NewGate(1)
	f := g.NewFlow(1)
	a := f.NewTurn()
	begun(a)
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	if err := f.NewTurn().Begin(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if f.index != -1 || len(f.queue) != 0 {
		t.Errorf("still waits: %+v", f)
	}
	a.End(0)
}

// share runs guests that never wait for anything until CPU time of total was used, in
// slices, and returns what each flow got. Time is counted, not taken.
func share(g *Gate, guests [][]*Turn, total time.Duration) []time.Duration {
	const slice = 100 * time.Microsecond
	got := make([]atomic.Int64, len(guests))
	var sum atomic.Int64
	var wg sync.WaitGroup
	for n, turns := range guests {
		for _, turn := range turns {
			wg.Go(func() {
				turn.Begin(context.Background())
				for sum.Add(int64(slice)) < int64(total) {
					got[n].Add(int64(slice))
					turn.Spent(slice)
					goruntime.Gosched() // or one that was let in runs late
				}
				turn.End(0)
			})
		}
	}
	wg.Wait()
	var all []time.Duration
	for n := range got {
		all = append(all, time.Duration(got[n].Load()))
	}
	return all
}

func turns(f *Flow, n int) (all []*Turn) {
	for range n {
		all = append(all, f.NewTurn())
	}
	return all
}

// Tenants share by weight, not by how many guests they have.
func TestGateSharesByWeight(t *testing.T) {
	g := NewGate(2)
	guests := [][]*Turn{turns(g.NewFlow(1), 2), turns(g.NewFlow(1), 8), turns(g.NewFlow(2), 3)}
	const total = 20 * time.Second
	got := share(g, guests, total)
	for n, want := range []time.Duration{total / 4, total / 4, total / 2} {
		if got[n] < want*8/10 || got[n] > want*12/10 {
			t.Errorf("flow %d got %v, want about %v of %v: %v", n, got[n], want, total, got)
		}
	}
	if g.free != 2 || len(g.waiting) != 0 {
		t.Errorf("left over: %+v", g)
	}
}

// waits returns once a guest waits at the gate.
func waits(g *Gate) {
	for {
		g.mu.Lock()
		n := len(g.waiting)
		g.mu.Unlock()
		if n > 0 {
			return
		}
		goruntime.Gosched()
	}
}

// A flow that was idle is let in after a moment, and has no claim on what it did not use.
func TestGateKeepsNoClaims(t *testing.T) {
	const slice = 100 * time.Microsecond
	g := NewGate(1)
	hog, late := g.NewFlow(1).NewTurn(), g.NewFlow(1).NewTurn()
	begun(hog)
	hog.Spent(10 * time.Second)
	done := make(chan struct{})
	go func() {
		defer close(done)
		late.Begin(context.Background())
		for !late.Spent(slice) {
		}
		late.End(0)
	}()
	waits(g)
	if ran := 10*time.Second - late.flow.used; ran != credit {
		t.Errorf("the late one starts %v behind, want %v", ran, credit)
	}
	if !hog.Spent(slice) {
		t.Error("the hog does not give way")
	}
	g.mu.Lock()
	lead := late.flow.used - hog.flow.used
	g.mu.Unlock()
	if lead <= margin || lead > margin+slice {
		t.Errorf("the late one was %v ahead when the other was let in again, want %v and a slice", lead, margin)
	}
	hog.End(0)
	<-done
}

func TestGateRotatesWithinAFlow(t *testing.T) {
	g := NewGate(1)
	f := g.NewFlow(1)
	a, b := f.NewTurn(), f.NewTurn()
	begun(a)
	ran := make(chan struct{})
	go func() {
		b.Begin(context.Background())
		close(ran)
		b.End(0)
	}()
	waits(g)
	spent := time.Millisecond
	for ; !a.Spent(time.Millisecond); spent += time.Millisecond {
	}
	if spent != quantum {
		t.Errorf("the other guest of the tenant runs after %v, want %v", spent, quantum)
	}
	<-ran
	a.End(0)
}

// Turns come, run, wait and give up in any order, and nothing is lost.
func TestGateUnderChance(t *testing.T) {
	g := NewGate(3)
	var running atomic.Int64
	var wg sync.WaitGroup
	for range 5 {
		f := g.NewFlow(0.5 + rand.Float64())
		for range 4 {
			turn := f.NewTurn()
			wg.Go(func() {
				for range 300 {
					ctx, cancel := context.WithTimeout(context.Background(), time.Duration(rand.IntN(200))*time.Microsecond)
					if turn.Begin(ctx) == nil {
						if running.Add(1) > 3 {
							t.Error("more than three run")
						}
						running.Add(-1)
						for range rand.IntN(4) {
							turn.Spent(time.Duration(rand.IntN(1000)) * time.Microsecond)
						}
						turn.End(time.Microsecond)
					}
					cancel()
				}
			})
		}
	}
	wg.Wait()
	if g.free != 3 || len(g.running) != 0 || len(g.waiting) != 0 {
		t.Errorf("left over: free %d, running %d, waiting %d", g.free, len(g.running), len(g.waiting))
	}
}

// A tenant that was alone has used much; who comes then starts beside it, not behind.
func TestGateFollowsWhoWasAlone(t *testing.T) {
	g := NewGate(1)
	alone, late := g.NewFlow(1).NewTurn(), g.NewFlow(1).NewTurn()
	for range 100 {
		begun(alone)
		alone.End(30 * time.Millisecond)
	}
	begun(late)
	if behind := alone.flow.used - late.flow.used; behind > credit {
		t.Errorf("who comes is %v behind, want at most %v", behind, credit)
	}
	late.End(0)
}
