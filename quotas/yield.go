package quotas

import (
	"os"
	goruntime "runtime"
	"syscall"
	"time"
)

// How long guests step aside for Go's collector: while it marks, in turns of aside and at
// most so long, and then while it sweeps.
const (
	aside     = 200 * time.Microsecond
	swept     = 600 * time.Microsecond
	mostAside = 3 * time.Millisecond
)

// Yield lets goroutines run that have become ready, and looks for connections that have,
// where guests keep all processors; else it does nothing. Go looks at the network where a
// processor has nothing to do, and every 10 ms: too late, where all are kept busy.
// The goroutine should not be locked to its thread. It returns how long that took. t is let
// through.
func (t *Turn) Yield() time.Duration {
	g := t.flow.gate
	g.mu.Lock()
	if g.free > 0 || !g.all {
		g.mu.Unlock()
		return 0
	}
	b := g.bell()
	g.mu.Unlock()
	start := time.Now()
	b.wait()
	goruntime.Gosched()
	g.stepAside()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.bells = append(g.bells, b)
	return time.Since(start)
}

// stepAside waits while Go marks garbage, and a moment more, in which most of it is swept.
func (g *Gate) stepAside() {
	if !g.collector.marking() {
		return
	}
	for start := time.Now(); g.collector.marking() && time.Since(start) < mostAside; {
		time.Sleep(aside)
	}
	time.Sleep(swept)
}

// bell takes a bell that nobody waits for. The caller holds mu.
func (g *Gate) bell() *bell {
	if n := len(g.bells); n > 0 {
		b := g.bells[n-1]
		g.bells = g.bells[:n-1]
		return b
	}
	return newBell()
}

// bell is a pipe, for one goroutine at a time. Who waits until it can be read has Go look at
// all else that it waits for, the connections. The zero bell does nothing.
type bell struct {
	in, out *os.File
	raw     syscall.RawConn
}

func newBell() *bell {
	in, out, err := os.Pipe()
	if err != nil {
		return &bell{}
	}
	raw, err := in.SyscallConn()
	if err != nil {
		in.Close()
		out.Close()
		return &bell{}
	}
	return &bell{in, out, raw}
}

// wait rings the bell once it is listened to, and waits until it was heard.
func (b *bell) wait() {
	if b.raw == nil {
		return
	}
	rung := false
	var one [1]byte
	_ = b.raw.Read(func(fd uintptr) bool {
		if !rung {
			_, err := b.out.Write(one[:])
			rung = true
			return err != nil
		}
		_, err := syscall.Read(int(fd), one[:])
		return err != syscall.EAGAIN
	})
}
