package snapshots

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	goruntime "runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"wasgi/quotas"
	"wasgi/runtime"
)

// process is what this process has of the kernel's, and of Go's.
type process struct {
	maps, files, goroutines int
	resident                quotas.Bytes // all, and of it what images have
	shared                  quotas.Bytes
	taken                   quotas.Bytes // from the budget
}

// settle gives back what can be had again, and then looks.
func (h *house) settle(t *testing.T) (p process) {
	t.Helper()
	for range 3 {
		debug.FreeOSMemory()
		time.Sleep(20 * time.Millisecond) // slots that are being made
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Skip("needs /proc: ", err)
	}
	files, err := os.ReadDir("/proc/self/fd")
	fatal(t, err)
	status, err := os.ReadFile("/proc/self/status")
	fatal(t, err)
	for line := range strings.Lines(string(status)) {
		var kib quotas.Bytes
		if n, _ := fmt.Sscanf(line, "VmRSS: %d kB", &kib); n == 1 {
			p.resident = kib * quotas.KiB
		}
		if n, _ := fmt.Sscanf(line, "RssShmem: %d kB", &kib); n == 1 {
			p.shared = kib * quotas.KiB
		}
	}
	p.maps, p.files, p.goroutines = strings.Count(string(maps), "\n"), len(files), goruntime.NumGoroutine()
	p.taken = h.budget.Stats().Used
	return p
}

// TestCyclesLeaveNothing: instances of many tenants come, are reset, and go.
func TestCyclesLeaveNothing(t *testing.T) {
	h := newHouse(t)
	var pools []*runtime.Pool
	for n := range times(t, "WASGI_CYCLE_TENANTS", 8) {
		a := h.write(t, fmt.Sprint("tenant-", n), clonedApp)
		pools = append(pools, runtime.NewPool(runtime.PoolConfig{Max: 2, Fresh: n%2 == 0, New: func(context.Context) (*runtime.Instance, error) {
			return h.img.Restore(context.Background(), a.spec(t, a.snapshot.Tmp()), a.snapshot)
		}}))
	}
	cycle := func(p *runtime.Pool) {
		i, err := p.Acquire(context.Background())
		fatal(t, err)
		ask(t, i)
		p.Release(i)
		if rand.IntN(3) == 0 {
			p.DropIdle()
		}
	}
	drop := func() {
		for _, p := range pools {
			for p.DropIdle() {
			}
		}
	}
	crowd(t, pools[:8]) // so that as many slots are free as are ever kept
	cycles := func(n int) process {
		for range n {
			cycle(pools[rand.IntN(len(pools))])
		}
		drop()
		return h.settle(t)
	}
	n := times(t, "WASGI_CYCLES", 500)
	cycles(125 * len(pools)) // so that images were read where they are
	before := cycles(n)      // so that Go's heap has come to its size, which is not what is alive in it
	after := cycles(n)
	t.Logf("before %+v, after %+v", before, after)
	const most = 1.01
	for what, n := range map[string][2]int{
		"mappings": {before.maps, after.maps}, "open files": {before.files, after.files}, "goroutines": {before.goroutines, after.goroutines},
		"bytes resident": {int(before.resident), int(after.resident)}, "bytes of the budget": {int(before.taken), int(after.taken)},
	} {
		if float64(n[1]) > math.Ceil(float64(n[0])*most) {
			t.Errorf("%d %s, before %d", n[1], what, n[0])
		}
	}
	for _, p := range pools {
		p.Close()
		<-p.Closed()
	}
}

// crowd takes two instances of each pool at once.
func crowd(t *testing.T, pools []*runtime.Pool) {
	t.Helper()
	var all []func()
	for _, p := range pools {
		for range 2 {
			i, err := p.Acquire(context.Background())
			fatal(t, err)
			all = append(all, func() { p.Release(i) })
		}
	}
	for _, release := range all {
		release()
	}
}
