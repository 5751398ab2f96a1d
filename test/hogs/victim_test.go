package hogs

import (
	"cmp"
	"net/http"
	goruntime "runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"wasgi/test/testkit"
)

// measureVictim compares what the app hello can do alone with what it can do while twice
// as many tenants compute without a pause as there are processors: hogs that run for long,
// and hogs that meet a limit of half a second and whose interpreters are made anew each
// time. There hello has one interpreter, for good; "pool" shows what it feels when its own
// are made, as more are needed or one has served its requests.
func measureVictim(b *testing.B, r *testkit.Report) {
	const (
		endless    = "cpu = \"10m\"\ntimeout = \"10m\"\ncpu_share = 64\ncpu_burst = \"1h\"\ninstances = 1\n"
		restarting = "cpu = \"500ms\"\ncpu_share = 64\ncpu_burst = \"1h\"\ninstances = 1\n"
		one        = "\n[limits]\ninstances = 1\nmax_requests = 1000000000\n"
	)
	for _, kind := range []struct{ name, hogs, hello string }{
		{"endless", endless, one}, {"restarting", restarting, one}, {"pool", restarting, ""},
	} {
		b.Run(kind.name, func(b *testing.B) {
			dir := b.TempDir()
			hello := testkit.Stage(b, dir, testkit.App{Name: "hello"})
			testkit.EditManifest(b, hello, `\z`, kind.hello)
			tenants := stageHogs(b, dir, 2*goruntime.NumCPU(), kind.hogs)
			server := testkit.Start(b, testkit.Options{Dir: dir, Args: []string{"--access-log=false"}})
			var alone, beside []visits
			for range victimRounds {
				alone = append(alone, visit(b, server))
				wait := keepHogs(server.Address(), tenants, time.Now().Add(2*visitLength+time.Second))
				time.Sleep(time.Second)
				beside = append(beside, visit(b, server))
				wait()
			}
			reportVictim(b, r, middle(alone), middle(beside), len(tenants)+1)
		})
	}
}

// How often hello is measured alone and beside hogs, in turn, and how long each of the two
// ways.
const (
	victimRounds = 3
	visitLength  = 4 * time.Second
)

// keepHogs keeps one request of each tenant in flight for some time. The function
// returned waits until none runs any more.
func keepHogs(address string, tenants []string, until time.Time) (wait func()) {
	var group sync.WaitGroup
	for i, tenant := range tenants {
		group.Go(func() {
			c := newCaller(address, tenant, steady(i))
			for c.until = until; time.Now().Before(until); time.Sleep(time.Millisecond) {
				_, _ = c.call() // how hogs end is measured elsewhere
			}
		})
	}
	return func() {
		group.Wait()
		time.Sleep(3 * time.Second) // until the server sees that nobody waits for them
	}
}

// visits are what hello did in some seconds: at an even pace, and as fast as it could.
type visits struct {
	p99    time.Duration // from when a request was to be sent until its answer
	rate   float64       // requests a second, as fast as they go
	cost   time.Duration // the server's processor time of each of those, if nothing else runs
	server float64       // processors that the server used meanwhile
	failed int64
}

func visit(b *testing.B, server *testkit.Server) visits {
	b.Helper()
	var v visits
	times, failed := pace(server.Address(), 200, visitLength)
	v.p99, v.failed = times.At(0.99), failed
	before, begun := processCPU(b, server.Pid()), time.Now()
	n := plan{server.Address(), visitLength, []stream{{"hello", "/plain", 4, 0}}}.run()[0]
	used, took := processCPU(b, server.Pid())-before, time.Since(begun)
	v.rate = float64(n.good.Load()) / took.Seconds()
	v.cost = used / time.Duration(max(1, n.good.Load()))
	v.server = float64(used) / float64(took)
	v.failed += n.bad.Load()
	return v
}

// middle returns the median of each figure, and all failures.
func middle(all []visits) visits {
	var m visits
	for _, v := range all {
		m.failed += v.failed
	}
	half := len(all) / 2
	by := func(less func(a, b visits) int) visits { return slices.SortedFunc(slices.Values(all), less)[half] }
	m.p99 = by(func(a, b visits) int { return cmp.Compare(a.p99, b.p99) }).p99
	m.rate = by(func(a, b visits) int { return cmp.Compare(a.rate, b.rate) }).rate
	m.cost = by(func(a, b visits) int { return cmp.Compare(a.cost, b.cost) }).cost
	m.server = by(func(a, b visits) int { return cmp.Compare(a.server, b.server) }).server
	return m
}

// pace sends requests at an even rate, whether or not the earlier ones are answered.
func pace(address string, rate int, length time.Duration) (times testkit.Sample, failed int64) {
	const connections = 16
	due := make(chan time.Time, int(length.Seconds())*rate)
	var mu sync.Mutex
	var group sync.WaitGroup
	for range connections {
		group.Go(func() {
			c := newCaller(address, "hello", "/plain")
			defer c.close(nil)
			for at := range due {
				status, err := c.call()
				took := time.Since(at)
				mu.Lock()
				times = append(times, took)
				if err != nil || status != http.StatusOK {
					failed++
				}
				mu.Unlock()
			}
		})
	}
	begun := time.Now()
	for i := range cap(due) {
		at := begun.Add(time.Duration(i) * time.Second / time.Duration(rate))
		time.Sleep(time.Until(at))
		due <- at
	}
	close(due)
	group.Wait()
	return times, failed
}

// reportVictim compares. A fair share: of the processors that the server had, which are
// those of the machine without what this client and others used, each of the tenants
// that want more than there is has the same part, as their weights are equal. What hello
// could answer with its part, at what a request costs the server when nothing else runs,
// or what it answers alone if that is less, is fair.
func reportVictim(b *testing.B, r *testkit.Report, alone, beside visits, tenants int) {
	b.Helper()
	part := beside.server / float64(tenants)
	fair := min(alone.rate, part/alone.cost.Seconds())
	r.Tell(b, "hello p99 alone", testkit.Milliseconds(alone.p99), "ms")
	r.Most(b, "hello p99", testkit.Milliseconds(beside.p99), "ms", 2*testkit.Milliseconds(alone.p99)+2)
	r.Tell(b, "hello rate alone", alone.rate, "req/s")
	r.Tell(b, "hello rate", beside.rate, "req/s")
	r.Tell(b, "hello fair rate", fair, "req/s")
	r.Least(b, "hello of its fair rate", beside.rate/fair*100, "%", 80)
	r.Most(b, "hello failed", float64(alone.failed+beside.failed), "requests", 0)
}
