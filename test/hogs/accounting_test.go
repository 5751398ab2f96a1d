package hogs

import (
	"fmt"
	"math"
	"testing"
	"time"

	"wasgi/test/testkit"
)

// measureAccounting compares the processor time that all tenants were charged with what
// the process used, over ten seconds of a load from another process. What no tenant is
// charged with, HTTP and Go's own work, is not the guests', so a load of nothing but small
// requests would show that instead: this one has the mix of a shared host that is busy,
// with pages, small ones at an even pace, computations of some milliseconds, and hogs.
func measureAccounting(b *testing.B, r *testkit.Report) {
	dir := b.TempDir()
	testkit.Stage(b, dir, testkit.App{Name: "hello"})
	testkit.Stage(b, dir, testkit.App{Name: "flask", Site: "flask"})
	testkit.Stage(b, dir, testkit.App{Name: "work"})
	stagePen(b, dir, "hog-0", "cpu = \"500ms\"\ncpu_share = 64\ncpu_burst = \"1h\"\ninstances = 1\n")
	stagePen(b, dir, "hog-1", "cpu = \"500ms\"\ncpu_share = 64\ncpu_burst = \"1h\"\ninstances = 1\n")
	h := newHouse(b, dir, policy())
	load := plan{h.address, 10 * time.Second, []stream{
		{"hello", "/plain", 2, 10 * time.Millisecond},
		{"flask", "/", 2, 20 * time.Millisecond},
		{"work", "/documents?5", 1, 0},
		{"work", "/fib?5", 1, 0},
		{"hog-0", "/loops/forever", 1, 0},
		{"hog-1", "/native/regex", 1, 0},
	}}
	warm := load
	warm.Length = 3 * time.Second
	warm.elsewhere(b) // as many instances as the load needs are made, their caches filled
	charged, used := h.charged(), ownCPU(b)
	counts := load.elsewhere(b)
	charged, used = h.charged()-charged, ownCPU(b)-used
	fmt.Print(counts)
	r.Tell(b, "process", used.Seconds(), "s")
	r.Tell(b, "tenants", charged.Seconds(), "s")
	r.Most(b, "difference", 100*math.Abs(1-charged.Seconds()/used.Seconds()), "%", 5)
}

// charged returns the processor time of all tenants together.
func (h *house) charged() time.Duration {
	var sum time.Duration
	for _, t := range h.registry.Tenants() {
		sum += t.Stats().Account.Usage.CPU
	}
	return sum
}
