package snapshots

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"wasgi/test/testkit"
)

// measureFresh compares apps whose every request meets them as they were imported with
// the same apps that keep their state, in turns on one server.
func measureFresh(b *testing.B, r *testkit.Report) {
	const rounds, length = 5, 2 * time.Second
	dir := b.TempDir()
	for _, a := range []coldApp{{name: "hello", text: helloApp}, {name: "flask", site: "flask", text: warmFlask}} {
		for _, isolation := range []string{"instance", "request"} {
			a.stage(b, dir, a.name+"-"+isolation, "isolation = \""+isolation+"\"\n[limits]\ncpu_share = 64.0\n")
		}
	}
	server := testkit.Start(b, testkit.Options{Dir: dir, Args: []string{"--access-log=false"}})
	for _, name := range []string{"hello", "flask"} {
		var kept, fresh rates
		for range rounds {
			kept = append(kept, rate(b, server, name+"-instance.localhost", length))
			fresh = append(fresh, rate(b, server, name+"-request.localhost", length))
		}
		r.Tell(b, name+" with its state", kept.best(), "req/s")
		r.Tell(b, name+" isolated", fresh.best(), "req/s")
		if name == "flask" {
			r.Least(b, name+" isolated of with its state", fresh.best()/kept.best(), "times", 0.6)
		} else {
			r.Least(b, name+" isolated", fresh.best(), "req/s", 8000)
		}
	}
	server.Stop(b)
}

// rates are what was measured in turns, of which a busy machine spoils some.
type rates []float64

func (r rates) best() (best float64) {
	for _, n := range r {
		best = max(best, n)
	}
	return best
}

// rate asks on two connections, one request after the other on each, and returns how many
// are answered in a second.
func rate(b *testing.B, server *testkit.Server, host string, length time.Duration) float64 {
	b.Helper()
	var done atomic.Int64
	var wg sync.WaitGroup
	begun := time.Now()
	for range 2 {
		conn := server.Dial(b)
		wg.Go(func() {
			defer conn.Close()
			for time.Since(begun) < length {
				conn.Say(testkit.Head(host, "/"))
				if got, err := conn.Hear("GET"); err != nil || got.StatusCode != 200 {
					b.Errorf("%s: %v, %v", host, got.Response, err)
					return
				}
				done.Add(1)
			}
		})
	}
	wg.Wait()
	return float64(done.Load()) / time.Since(begun).Seconds()
}
