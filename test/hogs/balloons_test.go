package hogs

import (
	"fmt"
	"os"
	goruntime "runtime"
	"runtime/debug"
	"sync"
	"testing"
	"time"

	"wasgi/quotas"

	"wasgi/test/testkit"
)

// measureBalloons lets apps ask for all the memory there is: a thousand times one after
// the other, and from fifty tenants at once. Afterwards the process is to be as large as
// before, but for tolerance.
func measureBalloons(b *testing.B, r *testkit.Report) {
	const tenantsCount, tolerance = 50, 64 * quotas.MiB
	dir := b.TempDir()
	names := stageHogs(b, dir, tenantsCount, "memory = \"64MiB\"\ncpu = \"20s\"\ntimeout = \"60s\"\ncpu_share = 64\ncpu_burst = \"1h\"\ninstances = 1\n")
	h := newHouse(b, dir, policy())
	h.blow(b, names) // what is made at the first use
	before := settled(b)
	for i := range 1000 {
		h.blow(b, names[i%tenantsCount:][:1])
	}
	r.Most(b, "left of 1000 one after the other", mebibytes(settled(b)-before), "MiB", mebibytes(tolerance))
	for range 3 {
		h.blow(b, names)
	}
	r.Most(b, "left of 50 at once", mebibytes(settled(b)-before), "MiB", mebibytes(tolerance))
}

// blow lets balloons of all these tenants grow at once, and then asks each for a good
// request.
func (h *house) blow(b *testing.B, names []string) {
	b.Helper()
	var group sync.WaitGroup
	for i, name := range names {
		kind := []string{"blocks", "string", "list-growth", "objects", "keep"}[i%5]
		group.Go(func() {
			for _, path := range []string{"/memory/" + kind, "/"} {
				c := newCaller(h.address, name, path)
				status, err := c.call()
				_ = c.close(nil)
				if want := map[bool]int{true: 200, false: 500}[path == "/"]; err != nil || status != want {
					b.Errorf("%s%s: status %d, %v; want %d", name, path, status, err, want)
				}
			}
		})
	}
	group.Wait()
}

// settled returns the memory that this process has once nothing moves any more.
func settled(b *testing.B) quotas.Bytes {
	b.Helper()
	time.Sleep(time.Second)
	goruntime.GC()
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/statm")
	fatal(b, err)
	var size, resident int64
	_, err = fmt.Sscan(string(text), &size, &resident)
	fatal(b, err)
	return quotas.Bytes(resident * int64(os.Getpagesize()))
}

func mebibytes(n quotas.Bytes) float64 { return float64(n) / float64(quotas.MiB) }
