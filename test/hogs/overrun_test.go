package hogs

import (
	"fmt"
	"math/rand/v2"
	goruntime "runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"wasgi/quotas"
	"wasgi/test/testkit"
)

// budget is the limit cpu of the hogs whose overrun is measured, and of most in the zoo.
const budget = 100 * time.Millisecond

// measureOverrun lets all hogs that are to meet the limit cpu loose, from twice as many
// tenants at once as there are processors, each tenant in an order of its own. It
// compares the processor time that the access log has of each with the limit.
func measureOverrun(b *testing.B, r *testkit.Report) {
	dir := b.TempDir()
	tenants := stageHogs(b, dir, 2*goruntime.NumCPU(), "instances = 1\ncpu_share = 64\ncpu_burst = \"1h\"\ncpu = \"100ms\"\n")
	stageNeighbour(b, dir)
	server := testkit.Start(b, testkit.Options{Dir: dir})
	v := newVisitor(b, server)
	stop := v.watch(b)
	begun := time.Now()
	var group sync.WaitGroup
	for i, tenant := range tenants {
		group.Go(func() {
			if err := releaseAll(v, tenant, uint64(i)); err != nil {
				b.Error(err)
			}
		})
	}
	group.Wait()
	took := time.Since(begun)
	stop()
	if made := server.Log.Find(0, testkit.Match{Tenant: neighbourName, Text: "instance ready"}); len(made) != 1 {
		b.Errorf("the neighbour had %d instances, want 1", len(made))
	}
	server.Stop(b) // writes the last lines of the log
	reportOverrun(b, r, server.Log.Find(0, testkit.Match{Text: "GET /"}))
	r.Most(b, "zoo's time", took.Seconds(), "s", 180)
}

// stageHogs makes tenants of the app hogs and returns their names.
func stageHogs(b *testing.B, dir string, n int, limits string) []string {
	b.Helper()
	var names []string
	for i := range n {
		names = append(names, "hog-"+strconv.Itoa(i))
		stagePen(b, dir, names[i], limits)
	}
	return names
}

// releaseAll lets the hogs of one tenant loose, one after the other.
func releaseAll(v *visitor, tenant string, seed uint64) error {
	all := slices.DeleteFunc(zoo(), func(h hog) bool {
		return !slices.Contains(h.ends, overCPU()[0]) || limitsOf(h.family) != limitsOf("loops")
	})
	rand.New(rand.NewPCG(seed, seed)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for _, h := range all {
		if _, err := v.get(tenant, h.path()); err != nil {
			return fmt.Errorf("%s has no end: %w", h.path(), err)
		}
		if err := v.good(tenant); err != nil {
			return fmt.Errorf("after %s: %w", h.path(), err)
		}
	}
	return nil
}

// overrun is by how much one request was over its limit.
type overrun struct {
	path string
	by   time.Duration
}

func reportOverrun(b *testing.B, r *testkit.Report, lines []testkit.Line) {
	b.Helper()
	var all []overrun
	var times testkit.Sample
	for _, line := range lines {
		if used, ok := line["cpu_ms"].(float64); ok && strings.Contains(line.Text("limit"), string(quotas.LimitCPU)) {
			o := overrun{strings.TrimPrefix(line.Text("msg"), "GET "), time.Duration(used*1e6) - budget}
			all, times = append(all, o), append(times, o.by)
		}
	}
	r.Tell(b, "hogs ended", float64(len(all)), "hogs")
	r.Tell(b, "overrun p50", testkit.Milliseconds(times.At(0.5)), "ms")
	r.Most(b, "overrun p99", testkit.Milliseconds(times.At(0.99)), "ms", 10)
	r.Most(b, "overrun max", testkit.Milliseconds(times.At(1)), "ms", 25)
	slices.SortFunc(all, func(x, y overrun) int { return int(y.by - x.by) })
	for _, o := range all[:min(8, len(all))] {
		b.Logf("%s: %v over", o.path, o.by)
	}
}
