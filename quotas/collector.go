package quotas

import (
	"runtime/metrics"
	"sync"
)

// collector tells whether Go goes through its heap for garbage, which it does with a quarter
// of each processor where guests keep all. Go has no word for that, but it counts when it
// stopped the world, for which it does at the begin and the end, and cycles, at their end.
// It is safe for concurrent use.
type collector struct {
	mu     sync.Mutex
	read   []metrics.Sample
	stops  uint64 // as last seen
	cycles uint64
	marks  bool
}

func newCollector() *collector {
	c := &collector{read: []metrics.Sample{{Name: "/sched/pauses/total/gc:seconds"}, {Name: "/gc/cycles/total:gc-cycles"}}}
	c.marking()
	c.marks = false
	return c
}

// marking tells whether a cycle has begun, since it was last asked or before, and not ended.
func (c *collector) marking() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	metrics.Read(c.read)
	stops, cycles := c.read[0].Value, c.read[1].Value
	if stops.Kind() != metrics.KindFloat64Histogram || cycles.Kind() != metrics.KindUint64 {
		return false // a Go that does not count them
	}
	var n uint64
	for _, count := range stops.Float64Histogram().Counts {
		n += count
	}
	return c.see(n, cycles.Uint64())
}

// see is told how often the world was stopped and how many cycles have ended.
func (c *collector) see(stops, cycles uint64) bool {
	switch {
	case cycles != c.cycles:
		c.marks = false
	case stops != c.stops:
		c.marks = true
	}
	c.stops, c.cycles = stops, cycles
	return c.marks
}
