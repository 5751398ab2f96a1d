package front

import (
	"bufio"
	"context"
	"errors"
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
	slowStep    = 5 * time.Second // between their bytes
	slowBody    = 8 << 10         // what those that do not read are sent, again and again
)

// BenchmarkFrontSlowClients holds 10,000 connections that send their head, send their body
// or read their answer a byte at a time, each opened anew when it is cut, and measures what
// a healthy client feels of it for a minute: "p99-ratio" is its p99 to that alone,
// "heap-B/conn" what one takes of Go's heap, "held-s" how long the longest was held,
// "app-held" how many instances were taken by those that had not sent their request.
func BenchmarkFrontSlowClients(b *testing.B) {
	descriptorLimit(b)
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // as cmd/wasgi does
	h := tenants.DefaultHTTP()
	h.Connections = 2 * slowClients
	f := newBenchFixture(b, h)
	for b.Loop() {
		alone := f.latency(b, slowTime/6)
		empty := heap()
		slow := exec.Command(os.Args[0], "-test.run", "^TestSlowClients$")
		slow.Env = append(os.Environ(), slowEnv+"="+f.address+" "+strconv.Itoa(slowClients))
		out, err := slow.StdoutPipe()
		if err == nil {
			err = slow.Start()
		}
		if err != nil {
			b.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		if !lines.Scan() || lines.Text() != "open" {
			b.Fatalf("the slow clients say %q", lines.Text())
		}
		perConn := float64(heap()-empty) / slowClients
		beside := f.latency(b, slowTime)
		longest := ""
		for lines.Scan() && longest == "" {
			longest, _ = strings.CutPrefix(lines.Text(), "longest ")
		}
		slow.Process.Kill()
		slow.Wait()
		held, _ := strconv.ParseFloat(longest, 64)
		b.ReportMetric(perConn, "heap-B/conn")
		b.ReportMetric(held, "held-s")
		b.ReportMetric(float64(beside)/float64(alone), "p99-ratio")
		b.ReportMetric(float64(beside.Microseconds()), "p99-µs")
		b.ReportMetric(float64(f.early.Load()), "app-held")
	}
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

func newBenchFixture(b *testing.B, h tenants.HTTP) *benchFixture {
	f := &benchFixture{fixture: &fixture{timeout: patience, kept: true}}
	body := make([]byte, slowBody)
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
// "open" when all are connected, and after a minute "longest" and how long, in seconds, the
// server bore with the one that it bore with longest.
func TestSlowClients(t *testing.T) {
	address, text, ok := strings.Cut(os.Getenv(slowEnv), " ")
	count, err := strconv.Atoi(text)
	if !ok || err != nil {
		t.Skip("is for BenchmarkFrontSlowClients")
	}
	descriptorLimit(t)
	var open sync.WaitGroup
	var longest atomic.Int64
	end := time.Now().Add(slowTime + 20*time.Second)
	open.Add(count)
	for i := range count {
		go func() {
			first := true
			for time.Now().Before(end) {
				held := slowly(t, address, i, func() {
					if first {
						open.Done()
					}
					first = false
				})
				for old := longest.Load(); int64(held) > old && !longest.CompareAndSwap(old, int64(held)); old = longest.Load() {
				}
			}
		}()
		time.Sleep(200 * time.Microsecond)
	}
	open.Wait()
	time.Sleep(2 * time.Second) // each is in the middle of what it does
	os.Stdout.WriteString("open\n")
	time.Sleep(slowTime)
	os.Stdout.WriteString("longest " + strconv.FormatFloat(time.Duration(longest.Load()).Seconds(), 'f', 1, 64) + "\n")
	time.Sleep(time.Minute) // until it is ended
}

// slowly is one connection's life; it returns how long it was.
func slowly(t *testing.T, address string, i int, opened func()) time.Duration {
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
	switch i % 3 {
	case 1:
		io.WriteString(c, "POST /slow HTTP/1.1\r\nHost: h\r\nContent-Length: 60000\r\n\r\n")
		trickle = "b"
	case 2:
		c.(*net.TCPConn).SetReadBuffer(1)
		for range 2000 { // more than the kernel keeps for it
			if _, err := io.WriteString(c, "GET /big HTTP/1.1\r\nHost: h\r\n\r\n"); err != nil {
				break
			}
		}
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
		} else if trickle != "" && i%3 == 0 {
			trickle = "x"
		}
		time.Sleep(slowStep)
	}
}
