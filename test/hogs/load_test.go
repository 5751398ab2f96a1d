package hogs

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"wasgi/test/testkit"
)

// loadEnv names the environment variable that makes this program, started anew, a client
// with the plan that it holds.
const loadEnv = "WASGI_HOGS_LOAD"

// caller asks for one page on one connection, over and over.
type caller struct {
	address, ask string
	until        time.Time // nothing is waited for after it; zero: no end
	conn         net.Conn
	in           *bufio.Reader
}

func newCaller(address, tenant, path string) *caller {
	return &caller{address: address, ask: "GET " + path + " HTTP/1.1\r\nHost: " + tenant + ".localhost\r\n\r\n"}
}

// call returns the status of one answer; it dials where the server has closed.
func (c *caller) call() (int, error) {
	if c.conn == nil {
		conn, err := net.Dial("tcp", c.address)
		if err != nil {
			return 0, err
		}
		if err := conn.SetDeadline(c.until); err != nil {
			return 0, err
		}
		c.conn, c.in = conn, bufio.NewReader(conn)
	}
	if _, err := io.WriteString(c.conn, c.ask); err != nil {
		return 0, c.close(err)
	}
	got, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return 0, c.close(err)
	}
	_, err = io.Copy(io.Discard, got.Body)
	if err != nil || got.Close {
		_ = c.close(nil) // a body cut off: the status is what counts
	}
	return got.StatusCode, nil
}

// close closes the connection and returns err.
func (c *caller) close(err error) error {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
	return err
}

// stream is a kind of request in a load.
type stream struct {
	Tenant, Path string
	Connections  int
	Every        time.Duration // between requests of one connection; 0: as fast as they go
}

// plan is a load.
type plan struct {
	Address string
	Length  time.Duration
	Streams []stream
}

// count is what became of the requests of a stream.
type count struct {
	good, bad atomic.Int64
	failed    atomic.Pointer[string]
}

// run sends the load and returns what became of each stream.
func (p plan) run() []*count {
	counts := make([]*count, len(p.Streams))
	var group sync.WaitGroup
	end := time.Now().Add(p.Length)
	for i, s := range p.Streams {
		counts[i] = &count{}
		for range s.Connections {
			group.Go(func() { s.send(p.Address, end, counts[i]) })
		}
	}
	group.Wait()
	return counts
}

func (s stream) send(address string, end time.Time, n *count) {
	c := newCaller(address, s.Tenant, s.Path)
	defer c.close(nil)
	for next := time.Now(); time.Now().Before(end); {
		status, err := c.call()
		switch {
		case err != nil:
			text := err.Error()
			n.failed.Store(&text)
			n.bad.Add(1)
		case status == http.StatusOK:
			n.good.Add(1)
		default:
			n.bad.Add(1)
		}
		if s.Every > 0 {
			next = next.Add(s.Every)
			time.Sleep(time.Until(next))
		}
	}
}

// generate is the program that only sends a load; it prints the counts.
func generate(text string) int {
	var p plan
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		fmt.Fprintln(os.Stderr, "hogs:", err)
		return 1
	}
	for i, n := range p.run() {
		fmt.Printf("%s%s: %d answered with 200, %d otherwise\n", p.Streams[i].Tenant, p.Streams[i].Path, n.good.Load(), n.bad.Load())
		if why := n.failed.Load(); why != nil {
			fmt.Println("   ", *why)
		}
	}
	return 0
}

// elsewhere sends the load from a process of its own and returns what that printed.
func (p plan) elsewhere(b *testing.B) string {
	b.Helper()
	text, err := json.Marshal(p)
	fatal(b, err)
	self, err := os.Executable()
	fatal(b, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), loadEnv+"="+string(text))
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = testkit.Child()
	out, err := cmd.Output()
	fatal(b, err)
	return string(out)
}

func fatal(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// ownCPU returns the processor time that this process has used.
func ownCPU(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	fatal(t, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// processCPU returns the processor time that another process has used, to 10 ms.
func processCPU(t testing.TB, pid int) time.Duration {
	t.Helper()
	const tick = 10 * time.Millisecond // USER_HZ is 100 on Linux
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	fatal(t, err)
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest) // from field 3, state, on; 14 and 15 are the times
	if len(fields) < 13 {
		t.Fatalf("process %d: %q", pid, text)
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * tick
}
