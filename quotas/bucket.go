package quotas

import (
	"sync"
	"time"
)

// Bucket holds the CPU time that a tenant may use now: it fills with time, up to what
// may be saved, and is emptied by use. Use is known only afterwards, so it can owe some.
// It is safe for concurrent use.
type Bucket struct {
	mu    sync.Mutex
	share float64       // cores
	burst time.Duration // the most it holds
	held  time.Duration // negative: owed
	as    time.Time     // of when held was right
	now   func() time.Time
}

// NewBucket returns a full bucket.
func NewBucket(share float64, burst time.Duration) *Bucket {
	b := &Bucket{now: time.Now, share: share, burst: burst, held: burst}
	b.as = b.now()
	return b
}

// Set changes what flows in and how much is kept.
func (b *Bucket) Set(share float64, burst time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fill()
	b.share, b.burst = share, burst
	b.held = min(b.held, burst)
}

// fill adds what has flowed in. The caller holds mu.
func (b *Bucket) fill() {
	now := b.now()
	b.held = min(b.burst, b.held+time.Duration(float64(now.Sub(b.as))*b.share))
	b.as = now
}

// Take takes d out, which may leave a debt, and returns how long the debt takes to flow
// in, 0 where there is none.
func (b *Bucket) Take(d time.Duration) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fill()
	b.held -= d
	if b.held >= 0 {
		return 0
	}
	return time.Duration(float64(-b.held) / b.share)
}

// Held returns what can be used now; a debt is negative.
func (b *Bucket) Held() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fill()
	return b.held
}
