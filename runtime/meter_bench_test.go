package runtime

import (
	"context"
	"testing"

	"wasgi/abi"
	"wasgi/quotas"
)

// BenchmarkTick measures what a tick costs the host, without the way there.
func BenchmarkTick(b *testing.B) {
	g := newGuestOf(b, loadImage(b, scripted(b)), Spec{Quota: limited(func(q *quotas.Quota) { q.CPU, q.CPUShare = 0, 1000 })})
	req := &Request{Environ: (&script{}).start("200 OK").end(abi.OutcomeOK).message()}
	err := g.Serve(context.Background(), req, startFunc(func() {
		for b.Loop() {
			g.meter.tick()
		}
	}))
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkThreadCPU is of the reading of the clock in it.
func BenchmarkThreadCPU(b *testing.B) {
	for b.Loop() {
		quotas.ThreadCPU()
	}
}
