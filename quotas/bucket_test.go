package quotas

import (
	"testing"
	"time"
)

// bucketAt returns a bucket and the hands of its clock.
func bucketAt(share float64, burst time.Duration) (*Bucket, *time.Time) {
	now := time.Unix(0, 0)
	b := NewBucket(share, burst)
	b.now = func() time.Time { return now }
	b.as = now
	return b, &now
}

func TestBucketIsFullAtFirst(t *testing.T) {
	b, _ := bucketAt(1, 5*time.Second)
	if got := b.Held(); got != 5*time.Second {
		t.Errorf("holds %v", got)
	}
}

func TestBucketOwesWhatWasUsedTooMuch(t *testing.T) {
	b, now := bucketAt(0.5, time.Second)
	if got := b.Take(time.Second); got != 0 {
		t.Errorf("all of it: wait %v", got)
	}
	if got := b.Take(100 * time.Millisecond); got != 200*time.Millisecond {
		t.Errorf("100ms too much at half a core: wait %v, want 200ms", got)
	}
	*now = now.Add(150 * time.Millisecond)
	if got := b.Take(0); got != 50*time.Millisecond {
		t.Errorf("after 150ms: wait %v, want 50ms", got)
	}
	*now = now.Add(50 * time.Millisecond)
	if got := b.Take(0); got != 0 {
		t.Errorf("after 200ms: wait %v", got)
	}
}

func TestBucketHoldsNoMoreThanItsBurst(t *testing.T) {
	b, now := bucketAt(2, time.Second)
	b.Take(500 * time.Millisecond)
	*now = now.Add(time.Hour)
	if got := b.Held(); got != time.Second {
		t.Errorf("holds %v", got)
	}
	b.Set(1, 300*time.Millisecond)
	if got := b.Held(); got != 300*time.Millisecond {
		t.Errorf("with a smaller burst it holds %v", got)
	}
}
