package bench

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// peer is a server that is measured.
type peer struct {
	name    string
	dir     string
	args    []string
	env     []string // added to the environment
	address string
	host    string // Host of the requests; "": the address
	cmd     *exec.Cmd
}

// start runs p and returns when it has answered a request.
func start(b *testing.B, p peer) *peer {
	b.Helper()
	p.cmd = exec.Command(p.args[0], p.args[1:]...)
	p.cmd.Dir = p.dir
	p.cmd.Env = append(os.Environ(), p.env...)
	if err := p.cmd.Start(); err != nil {
		b.Fatalf("start %s: %v (make bench installs it)", p.name, err)
	}
	b.Cleanup(p.stop)
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if c, err := p.dial(); err == nil {
			err = c.request()
			c.Close()
			if err == nil {
				return &p
			}
		}
	}
	b.Fatalf("%s does not answer", p.name)
	return nil
}

// stop ends the process and waits for it.
func (p *peer) stop() {
	if p.cmd.ProcessState == nil {
		p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
		p.cmd.Wait()                          // how it ends is not measured
	}
}

// cost is what requests came to.
type cost struct {
	cpu  time.Duration // of the server, per request
	rate float64       // requests per second
}

// drive sends requests over a few connections, one after the other on each.
func (p *peer) drive(b *testing.B, d time.Duration) cost {
	b.Helper()
	var done atomic.Int64
	var failed atomic.Pointer[error]
	before, begun := p.cpu(b), time.Now()
	var wg sync.WaitGroup
	for range clients(b) {
		wg.Go(func() {
			if err := p.client(begun.Add(d), &done); err != nil {
				failed.Store(&err)
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		b.Fatalf("%s: %v", p.name, *err)
	}
	n := done.Load()
	return cost{cpu: (p.cpu(b) - before) / time.Duration(n), rate: float64(n) / time.Since(begun).Seconds()}
}

// clients returns over how many connections a server is driven.
func clients(b *testing.B) int {
	b.Helper()
	text := os.Getenv("WASGI_BENCH_CONNECTIONS")
	if text == "" {
		return connections
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		b.Fatalf("WASGI_BENCH_CONNECTIONS is %q, want a whole number from 1", text)
	}
	return n
}

// client sends requests until end; where the server closes, it dials anew.
func (p *peer) client(end time.Time, done *atomic.Int64) error {
	var c *client
	for time.Now().Before(end) {
		if c == nil || c.closing {
			if c != nil {
				c.Close()
			}
			var err error
			if c, err = p.dial(); err != nil {
				return err
			}
		}
		if err := c.request(); err != nil {
			return err
		}
		done.Add(1)
	}
	return c.Close()
}

// client is a connection that asks for "/".
type client struct {
	net.Conn
	in      *bufio.Reader
	ask     string
	closing bool // the server keeps the connection no longer
}

func (p *peer) dial() (*client, error) {
	conn, err := net.Dial("tcp", p.address)
	if err != nil {
		return nil, err
	}
	host := p.host
	if host == "" {
		host = p.address
	}
	return &client{Conn: conn, in: bufio.NewReader(conn), ask: "GET / HTTP/1.1\r\nHost: " + host + "\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n"}, nil
}

func (c *client) request() error {
	if _, err := io.WriteString(c, c.ask); err != nil {
		return err
	}
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return err
	}
	c.closing = resp.Close || resp.ContentLength < 0
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %s", resp.Status)
	}
	return nil
}

// cpu returns the CPU time that the process and its children have used.
func (p *peer) cpu(b *testing.B) time.Duration {
	b.Helper()
	const tick = 10 * time.Millisecond // USER_HZ is 100 on Linux
	pid := strconv.Itoa(p.cmd.Process.Pid)
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		b.Fatal(err)
	}
	total := time.Duration(0)
	for _, name := range stats {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // ended meanwhile
		}
		_, rest, _ := strings.Cut(string(text), ") ")
		f := strings.Fields(rest) // from field 3, state, on
		if len(f) > 12 && (f[1] == pid || name == "/proc/"+pid+"/stat") {
			user, _ := strconv.Atoi(f[11])
			system, _ := strconv.Atoi(f[12])
			total += time.Duration(user+system) * tick
		}
	}
	return total
}
