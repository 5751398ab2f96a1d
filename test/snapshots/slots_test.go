package snapshots

import (
	"context"
	"testing"
	"time"

	"wasgi/test/testkit"
)

// warmFlask is Flask that has answered before it is copied.
const warmFlask = flaskApp + `
for _ in range(2):
    application.test_client().get("/")
`

// measureSlots has instances of hello and Flask made, reset and closed, each after a
// request: those of one app always in the slot that the other has left.
func measureSlots(b *testing.B, r *testkit.Report) {
	const rounds = 2000
	h := newHouse(b)
	hello := h.stage(b, coldApp{name: "hello", text: helloApp})
	flask := h.stage(b, coldApp{name: "flask", site: "flask", text: warmFlask})
	took := map[string]testkit.Sample{}
	note := func(what string, f func()) {
		begun := time.Now()
		f()
		took[what] = append(took[what], time.Since(begun))
	}
	for range rounds {
		for _, a := range []*app{hello, flask} {
			note(a.name+" restore", func() { a.instance = a.restore(b) })
			ask(b, a.instance)
			note(a.name+" close", a.instance.Close)
		}
	}
	for _, a := range []*app{hello, flask} {
		a.instance = a.restore(b)
		for range rounds {
			note(a.name+" request", func() { ask(b, a.instance) })
			note(a.name+" reset", func() {
				_, err := a.instance.Reset(context.Background())
				fatal(b, err)
			})
		}
		a.instance.Close()
	}
	for _, f := range []struct {
		name string
		most float64 // in microseconds, 0: nothing is promised
	}{
		{"hello restore", 100}, {"flask restore", 100}, {"hello close", 0}, {"flask close", 0},
		{"hello reset", 150}, {"flask reset", 400}, {"hello request", 0}, {"flask request", 0},
	} {
		for _, at := range []float64{0.5, 0.99} {
			micros := float64(took[f.name].At(at).Nanoseconds()) / 1e3
			if name := f.name + map[float64]string{0.5: " p50", 0.99: " p99"}[at]; f.most > 0 && at == 0.5 {
				r.Most(b, name, micros, "µs", f.most)
			} else {
				r.Tell(b, name, micros, "µs")
			}
		}
	}
}
