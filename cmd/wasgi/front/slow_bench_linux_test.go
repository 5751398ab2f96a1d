package front

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	goruntime "runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"wasgi/runtime"
	"wasgi/tenants"
)

// slowEnv tells a process of this test that it is the slow clients: "ADDRESS COUNT RETURN".
const slowEnv = "WASGI_SLOW_CLIENTS"

// Sizes of BenchmarkFrontSlowClients.
const (
	slowClients = 10_000
	slowTime    = time.Minute
	slowTimeout = 90 * time.Second       // slowTime, and what connecting takes
	slowStep    = 10 * time.Second       // between their bytes, as slowhttptest does unless told otherwise
	slowRate    = 600 * time.Microsecond // between two that connect
	slowSettle  = 3 * time.Second        // until all are in the middle of what they do
)

// BenchmarkFrontSlowClients has 10,000 connections send their head, send their body or read
// their answer a byte at a time, and measures what a healthy client feels of it for a minute.
// The timeouts let those of "held" stay for that minute, and then cut them; with the timeouts
// that are usual those of "returning" are cut, and connect anew, all the time. "p99-ratio" is
// the healthy client's p99 to that alone, before and after; "heap-B/conn" what one slow client
// takes of Go's heap, and "head-B", "body-B", "read-B" what one of a kind does; "held-s" how
// long the longest was held, "left" how many were when all were to be cut; "app-held" how many instances were taken by those that had not
// sent their request.
func BenchmarkFrontSlowClients(b *testing.B) {
	for _, plan := range []slowPlan{{"held", 8 << 10, false}, {"held", 64 << 10, false}, {"returning", 64 << 10, true}} {
		b.Run(fmt.Sprintf("%s/%dKiB", plan.name, plan.size>>10), func(b *testing.B) { benchSlowClients(b, plan) })
	}
}

// slowPlan is a way to be slow.
type slowPlan struct {
	name    string
	size    int  // of what those that do not read are sent, again and again, in bytes
	returns bool // who is cut connects anew
}

func benchSlowClients(b *testing.B, plan slowPlan) {
	descriptorLimit(b)
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // as cmd/wasgi does
	h := tenants.DefaultHTTP()
	h.Connections, h.PerAddress = 2*slowClients, 2*slowClients
	h.SpoolFolder = b.TempDir()
	if !plan.returns {
		h.HeaderTimeout, h.BodyTimeout, h.WriteTimeout = slowTimeout, slowTimeout, slowTimeout
	}
	f := newBenchFixture(b, h, plan.size)
	for b.Loop() {
		took := f.latencies(b, slowTime/3)
		slow := startSlowClients(b, f.address, plan.returns)
		empty := heap()
		last := empty
		for _, name := range []string{"read", "body", "head"} {
			slow.hear(b, "open")
			now := heap()
			b.ReportMetric(float64(now-last)/(slowClients/slowKinds), name+"-B")
			last = now
		}
		beside := p99(f.latencies(b, slowTime))
		b.ReportMetric(float64(last-empty)/slowClients, "heap-B/conn")
		b.ReportMetric(slow.hear(b, "longest"), "held-s")
		b.ReportMetric(float64(f.early.Load()), "app-held")
		if !plan.returns {
			b.ReportMetric(float64(len(f.places)), "left")
		}
		slow.end()
		time.Sleep(slowSettle)
		alone := p99(append(took, f.latencies(b, slowTime/3)...))
		b.ReportMetric(float64(beside)/float64(alone), "p99-ratio")
		b.ReportMetric(float64(beside.Microseconds()), "p99-µs")
	}
}

// slowProcess is a process of slow clients.
type slowProcess struct {
	*exec.Cmd
	lines *bufio.Scanner
}

func startSlowClients(b *testing.B, address string, returns bool) slowProcess {
	slow := exec.Command(os.Args[0], "-test.run", "^TestSlowClients$")
	slow.Env = append(os.Environ(), slowEnv+"="+fmt.Sprintln(address, slowClients, returns))
	slow.Stderr = os.Stderr
	out, err := slow.StdoutPipe()
	if err == nil {
		err = slow.Start()
	}
	if err != nil {
		b.Fatal(err)
	}
	return slowProcess{slow, bufio.NewScanner(out)}
}

// hear waits for a line with a number.
func (p slowProcess) hear(b *testing.B, name string) float64 {
	for p.lines.Scan() {
		if text, ok := strings.CutPrefix(p.lines.Text(), name+" "); ok {
			n, err := strconv.ParseFloat(text, 64)
			if err != nil {
				b.Fatal(err)
			}
			return n
		}
	}
	b.Fatalf("the slow clients do not say %q", name)
	return 0
}

func (p slowProcess) end() {
	p.Process.Kill() // an error is that it has ended
	p.Wait()
}

func heap() int64 {
	goruntime.GC()
	goruntime.GC()
	var m goruntime.MemStats
	goruntime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// descriptorLimit raises the process's limit to what it may be.
func descriptorLimit(t testing.TB) {
	t.Helper()
	var limit syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit)
	if limit.Cur = limit.Max; err == nil {
		err = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
	}
	if err != nil || limit.Cur < slowClients*6/5 {
		t.Fatalf("needs %d descriptors, may have %d: %v", slowClients*6/5, limit.Cur, err)
	}
}

type benchFixture struct {
	*fixture
	early atomic.Int64 // apps that ran before their body was there
}

// newBenchFixture serves "/big", which is size bytes.
func newBenchFixture(b *testing.B, h tenants.HTTP, size int) *benchFixture {
	f := &benchFixture{fixture: &fixture{timeout: patience, kept: true}}
	body := make([]byte, size)
	f.app = func(_ context.Context, req *runtime.Request, resp *response) error {
		if key(req, "PATH_INFO") == "/slow" {
			f.early.Add(1) // its body never comes
		}
		if key(req, "PATH_INFO") == "/big" {
			return errors.Join(begin(resp, "200 OK"), resp.Write(body, true))
		}
		return errors.Join(begin(resp, "200 OK"), resp.Write([]byte("fine"), true))
	}
	f.Server = New(Config{HTTP: h, Log: slog.New(slog.DiscardHandler)})
	f.http.Handler = f.handle
	l := listen(b)
	f.address = l.Addr().String()
	go f.Serve(l)
	return f
}

// latencies returns what each request took of a client that asks 1,000 times a second.
func (f *benchFixture) latencies(b *testing.B, long time.Duration) []time.Duration {
	c, err := net.Dial("tcp", f.address)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	r := bufio.NewReader(c)
	var took []time.Duration
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(long); time.Now().Before(end); <-tick.C {
		start := time.Now()
		if _, err := io.WriteString(c, benchRequest); err != nil {
			b.Fatal(err)
		}
		if err := skipResponse(r); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(start))
	}
	return took
}

func p99(took []time.Duration) time.Duration {
	slices.Sort(took)
	return took[len(took)*99/100]
}
