package hogs

import (
	"fmt"
	goruntime "runtime"
	"runtime/metrics"
	"testing"
	"time"

	"wasgi/test/testkit"
)

// measureCollector has Go collect its garbage every 10 ms while hogs compute on all
// processors. A guest that does not come to a safe point would hold it up: that shows in
// how long the world is stopped. A whole collection also marks and sweeps, for which it
// needs processor time like any other.
func measureCollector(b *testing.B, r *testkit.Report) {
	const collections = 500
	dir := b.TempDir()
	names := stageHogs(b, dir, 2*goruntime.NumCPU(), "cpu = \"20s\"\ncpu_share = 64\ncpu_burst = \"1h\"\ninstances = 1\n")
	h := newHouse(b, dir, policy())
	load := plan{Address: h.address, Length: (collections + 200) * 10 * time.Millisecond}
	for i, name := range names {
		load.Streams = append(load.Streams, stream{name, steady(i), 1, 0})
	}
	alone := collect(100)
	done := make(chan string)
	go func() { done <- load.elsewhere(b) }()
	time.Sleep(time.Second)
	before := pauses()
	times := collect(collections)
	r.Tell(b, "runtime.GC p50 without hogs", testkit.Milliseconds(alone.At(0.5)), "ms")
	r.Tell(b, "runtime.GC p99 without hogs", testkit.Milliseconds(alone.At(0.99)), "ms")
	r.Tell(b, "runtime.GC p50", testkit.Milliseconds(times.At(0.5)), "ms")
	r.Most(b, "runtime.GC p99", testkit.Milliseconds(times.At(0.99)), "ms", 5)
	r.Tell(b, "runtime.GC max", testkit.Milliseconds(times.At(1)), "ms")
	r.Most(b, "world stopped p99", quantile(pauses(), before, 0.99)*1000, "ms", 5)
	var heap goruntime.MemStats
	goruntime.ReadMemStats(&heap)
	r.Tell(b, "heap", float64(heap.HeapAlloc)/(1<<20), "MiB")
	r.Tell(b, "heap", float64(heap.HeapObjects), "objects")
	fmt.Print(<-done)
}

// collect has Go collect its garbage n times, every 10 ms, and times it.
func collect(n int) testkit.Sample {
	var times testkit.Sample
	for range n {
		begun := time.Now()
		goruntime.GC()
		took := time.Since(begun)
		times = append(times, took)
		time.Sleep(10*time.Millisecond - took)
	}
	return times
}

// pauses returns how long Go stopped the world for collections so far: from when it
// wanted to until it went on.
func pauses() *metrics.Float64Histogram {
	read := []metrics.Sample{{Name: "/sched/pauses/total/gc:seconds"}}
	metrics.Read(read)
	return read[0].Value.Float64Histogram()
}

// quantile returns what the share q of what came after before was no longer than, in
// seconds.
func quantile(now, before *metrics.Float64Histogram, q float64) float64 {
	var total, seen uint64
	for i := range now.Counts {
		total += now.Counts[i] - before.Counts[i]
	}
	for i := range now.Counts {
		if seen += now.Counts[i] - before.Counts[i]; float64(seen) >= q*float64(total) {
			return now.Buckets[i+1]
		}
	}
	return 0
}

// steady returns the page of a hog that only computes; there are some to be asked for in
// turn.
func steady(i int) string {
	return []string{"/loops/forever", "/native/total", "/native/regex", "/swallow/base-exception", "/native/checksum", "/loops/fib"}[i%6]
}
