package runtime

import (
	"testing"
	"time"
)

func TestBusyCountsNoWaiting(t *testing.T) {
	var b busy
	b.start()
	b.wait(func() { time.Sleep(50 * time.Millisecond) })
	spin := time.Now()
	for time.Since(spin) < 20*time.Millisecond {
	}
	whole := time.Since(spin)
	b.stop()
	if got := b.total(); got < 20*time.Millisecond {
		t.Errorf("20 ms of running count as %v", got)
	} else if most := whole + 40*time.Millisecond; got > most {
		t.Errorf("got %v, most is %v: waiting counts", got, most)
	}
	before := b.total()
	time.Sleep(time.Millisecond)
	if got := b.total(); got != before {
		t.Errorf("between calls it went from %v to %v", before, got)
	}
}
