package runtime

import "time"

// busy adds up the time in which a guest runs, without what it waits for: its client,
// its input, its sleep. It is what the guest's CPU-time clocks tell. Its methods are
// for the goroutine that runs the guest.
type busy struct {
	sum   time.Duration
	since time.Time // zero while the guest does not run
}

func (b *busy) start() { b.since = time.Now() }

func (b *busy) stop() {
	b.sum += time.Since(b.since)
	b.since = time.Time{}
}

// total returns the sum up to now.
func (b *busy) total() time.Duration {
	if b.since.IsZero() {
		return b.sum
	}
	return b.sum + time.Since(b.since)
}

// wait calls block, whose time does not count.
func (b *busy) wait(block func()) {
	b.stop()
	block()
	b.start()
}
