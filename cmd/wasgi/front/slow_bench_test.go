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
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"wasgi/runtime"
	"wasgi/tenants"
)

// slowEnv tells a process of this test that it is the slow clients: "ADDRESS COUNT".
const slowEnv = "WASGI_SLOW_CLIENTS"

// Sizes of BenchmarkFrontSlowClients.
const (
	slowClients = 10_000
	slowTime    = time.Minute
	slowStep    = 5 * time.Second        // between their bytes
	slowRate    = 600 * time.Microsecond // between two that connect
	slowSettle  = 3 * time.Second        // until all are in the middle of what they do
)

// What slow clients do, in the order in which they connect: the last are cut first. One in
// three does each.
const (
	slowReader = iota
	slowRequest
	slowHead
	slowKinds
)

// BenchmarkFrontSlowClients holds 10,000 connections that send their head, send their body
// or read their answer a byte at a time, each opened anew when it is cut, and measures what
// a healthy client feels of it for a minute: "p99-ratio" is its p99 to that alone,
// "heap-B/conn" what one takes of Go's heap, and "head-B", "body-B", "read-B" what one of
// a kind does, "held-s" how long the longest was held, "app-held" how many instances were
// taken by those that had not sent their request.
func BenchmarkFrontSlowClients(b *testing.B) {
	for _, size := range []int{8 << 10, 64 << 10} { // what those that do not read are sent, again and again
		b.Run(strconv.Itoa(size>>10)+"KiB", func(b *testing.B) { benchSlowClients(b, size) })
	}
}

func benchSlowClients(b *testing.B, size int) {
	descriptorLimit(b)
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // as cmd/wasgi does
	h := tenants.DefaultHTTP()
	h.Connections, h.PerAddress = 2*slowClients, 2*slowClients
	h.SpoolFolder = b.TempDir()
	f := newBenchFixture(b, h, size)
	for b.Loop() {
		alone := f.latency(b, slowTime/6)
		slow := startSlowClients(b, f.address)
		empty := heap()
		last := empty
		for _, name := range []string{"read", "body", "head"} {
			slow.hear(b, "open")
			now := heap()
			b.ReportMetric(float64(now-last)/(slowClients/slowKinds), name+"-B")
			last = now
		}
		beside := f.latency(b, slowTime)
		b.ReportMetric(float64(last-empty)/slowClients, "heap-B/conn")
		b.ReportMetric(slow.hear(b, "longest"), "held-s")
		b.ReportMetric(float64(beside)/float64(alone), "p99-ratio")
		b.ReportMetric(float64(beside.Microseconds()), "p99-µs")
		b.ReportMetric(float64(f.early.Load()), "app-held")
		slow.end()
	}
}

// slowProcess is a process of slow clients.
type slowProcess struct {
	*exec.Cmd
	lines *bufio.Scanner
}

func startSlowClients(b *testing.B, address string) slowProcess {
	slow := exec.Command(os.Args[0], "-test.run", "^TestSlowClients$")
	slow.Env = append(os.Environ(), slowEnv+"="+address+" "+strconv.Itoa(slowClients))
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

// latency returns the p99 of a client that asks 1,000 times a second.
func (f *benchFixture) latency(b *testing.B, long time.Duration) time.Duration {
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
	slices.Sort(took)
	return took[len(took)*99/100]
}

// TestSlowClients is the process of slow clients of BenchmarkFrontSlowClients: it says
// "open" and how many when all of a kind are connected, and after a minute "longest" and how
// long, in seconds, the server bore with the one that it bore with longest.
func TestSlowClients(t *testing.T) {
	address, text, ok := strings.Cut(os.Getenv(slowEnv), " ")
	count, err := strconv.Atoi(text)
	if !ok || err != nil {
		t.Skip("is for BenchmarkFrontSlowClients")
	}
	descriptorLimit(t)
	var longest atomic.Int64
	for kind := range slowKinds {
		var open sync.WaitGroup
		for range count / slowKinds {
			open.Add(1)
			go beSlow(t, address, kind, sync.OnceFunc(open.Done), &longest)
			time.Sleep(slowRate)
		}
		open.Wait()
		time.Sleep(slowSettle)
		fmt.Println("open", count/slowKinds)
		time.Sleep(slowSettle / 3) // for who measures
	}
	time.Sleep(slowTime)
	fmt.Println("longest", time.Duration(longest.Load()).Seconds())
	time.Sleep(time.Minute) // until it is ended
}

// beSlow is one client's life.
func beSlow(t *testing.T, address string, kind int, opened func(), longest *atomic.Int64) {
	for {
		held := slowly(t, address, kind, opened)
		for old := longest.Load(); int64(held) > old && !longest.CompareAndSwap(old, int64(held)); old = longest.Load() {
		}
	}
}

// slowly is one connection's life; it returns how long it was.
func slowly(t *testing.T, address string, kind int, opened func()) time.Duration {
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Error(err)
		time.Sleep(time.Second)
		return 0
	}
	defer c.Close()
	opened()
	start := time.Now()
	trickle := "GET /"
	switch kind {
	case slowRequest:
		io.WriteString(c, "POST /slow HTTP/1.1\r\nHost: h\r\nContent-Length: 60000\r\n\r\n")
		trickle = "b"
	case slowReader:
		c.(*net.TCPConn).SetReadBuffer(1)
		io.WriteString(c, strings.Repeat("GET /big HTTP/1.1\r\nHost: h\r\n\r\n", 1000)) // more than the kernel keeps for it
		trickle = ""
	}
	for {
		if trickle == "" { // reads a byte from time to time
			if _, err := c.Read(make([]byte, 1)); err != nil {
				return time.Since(start)
			}
		} else if _, err := io.WriteString(c, trickle[:1]); err != nil {
			return time.Since(start)
		}
		if len(trickle) > 1 {
			trickle = trickle[1:]
		} else if trickle != "" && kind == slowHead {
			trickle = "x"
		}
		time.Sleep(slowStep)
	}
}
