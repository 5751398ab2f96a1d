package quotas

import (
	"fmt"
	"os"
	goruntime "runtime"
	"sync/atomic"
	"testing"
)

// Where guests keep all processors, a goroutine that waits for the network runs when a
// guest yields.
func TestYieldLooksAtTheNetwork(t *testing.T) {
	defer goruntime.GOMAXPROCS(goruntime.GOMAXPROCS(1))
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	defer out.Close()
	var heard atomic.Int64
	go func() {
		var b [1]byte
		for {
			if _, err := in.Read(b[:]); err != nil {
				return
			}
			heard.Add(1)
		}
	}()
	goruntime.Gosched() // it waits now
	turn := NewGate(1).NewFlow(1).NewTurn()
	if !begun(turn) {
		t.Fatal("want the only one let through")
	}
	for n := range int64(100) {
		if _, err := out.Write([]byte{1}); err != nil {
			t.Fatal(err)
		}
		took := turn.Yield()
		if heard.Load() == n {
			turn.Yield() // Go looks now and then for who has waited longest, first
		}
		if took <= 0 || heard.Load() != n+1 {
			t.Fatalf("yield %d took %v, %d were heard", n, took, heard.Load())
		}
	}
	if len(turn.flow.gate.bells) != 1 {
		t.Errorf("%d bells, want one that is used again", len(turn.flow.gate.bells))
	}
}

func TestYieldKeepsOnWhereAProcessorIsFree(t *testing.T) {
	for processors, places := range map[int]int{1: 2, 2: 1} {
		t.Run(fmt.Sprintf("%d processors, %d places", processors, places), func(t *testing.T) {
			defer goruntime.GOMAXPROCS(goruntime.GOMAXPROCS(processors))
			turn := NewGate(places).NewFlow(1).NewTurn()
			if !begun(turn) || turn.Yield() != 0 {
				t.Error("yielded though nobody needs that")
			}
		})
	}
}

func TestCollectorSeesCycles(t *testing.T) {
	c := newCollector()
	c.stops, c.cycles = 10, 5
	for n, step := range []struct {
		stops, cycles uint64
		want          bool
	}{
		{10, 5, false}, // rests
		{11, 5, true},  // has begun
		{11, 5, true},
		{12, 5, true}, // was not done yet: began to end, and went on
		{13, 6, false},
		{15, 7, false}, // a whole one unseen
		{16, 7, true},
		{18, 8, false}, // ended, and the next has begun: missed, for this time
		{19, 9, false},
	} {
		if got := c.see(step.stops, step.cycles); got != step.want {
			t.Errorf("step %d: got %v", n, got)
		}
	}
}

func TestCollectorRests(t *testing.T) {
	c := newCollector()
	goruntime.GC()
	if c.marking() {
		t.Error("marks after a collection")
	}
}
