package hogs

import (
	"fmt"
	goruntime "runtime"
	"testing"
	"time"
)

// measureCollector has Go collect its garbage every 10 ms while hogs compute on all
// processors: a guest that does not come to a safe point would hold it up.
func measureCollector(b *testing.B, r *report) {
	const collections = 500
	dir := b.TempDir()
	names := stageHogs(b, dir, 2*goruntime.NumCPU(), "cpu = \"20s\"\ncpu_share = 64\ncpu_burst = \"1h\"\ninstances = 1\n")
	h := newHouse(b, dir, policy())
	load := plan{Address: h.address, Length: (collections + 200) * 10 * time.Millisecond}
	for i, name := range names {
		load.Streams = append(load.Streams, stream{name, steady(i), 1, 0})
	}
	done := make(chan string)
	go func() { done <- load.elsewhere(b) }()
	time.Sleep(time.Second)
	var times sample
	for range collections {
		begun := time.Now()
		goruntime.GC()
		took := time.Since(begun)
		times = append(times, took)
		time.Sleep(10*time.Millisecond - took)
	}
	r.tell(b, "runtime.GC p50", milliseconds(times.at(0.5)), "ms")
	r.most(b, "runtime.GC p99", milliseconds(times.at(0.99)), "ms", 5)
	r.tell(b, "runtime.GC max", milliseconds(times.at(1)), "ms")
	fmt.Print(<-done)
}

// steady returns the page of a hog that only computes; there are some to be asked for in
// turn.
func steady(i int) string {
	return []string{"/loops/forever", "/native/total", "/native/regex", "/swallow/base-exception", "/native/checksum", "/loops/fib"}[i%6]
}
