package wsgi

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"

	"wasgi/test/testkit"
)

// TestBulk sends 1 GiB through an app that echoes it: the server's resident memory grows by
// less than 32 MiB.
func TestBulk(t *testing.T) {
	const size, most = 1 << 30, 32 << 20
	server := testkit.Start(t, testkit.Options{Dir: testkit.StageAll(t, testkit.App{Name: "statements", Files: testkit.Files{"wasgi.toml": streamManifest}})})
	p := probe{t, server}
	p.echo(16 << 20) // the buffers are there, and the instance
	before := p.settled()
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", server.Pid()), []byte("5"), 0); err != nil {
		t.Fatal(err) // the highest is what it is now
	}
	start := time.Now()
	p.echo(size)
	took := time.Since(start)
	grown := p.resident("VmHWM") - before
	t.Logf("1 GiB up and down in %v, %.0f MiB/s; resident memory was %.1f MiB and grew by at most %.1f MiB",
		took, float64(size>>20)/took.Seconds(), float64(before)/(1<<20), float64(grown)/(1<<20))
	if grown >= most {
		t.Errorf("resident memory grew by %d bytes, want less than %d", grown, most)
	}
}

// settled returns the server's resident memory when it has its memory for further instances
// ready, which it makes beside what it answers.
func (p probe) settled() int64 {
	p.Helper()
	const pause, least = 300 * time.Millisecond, 1 << 20
	for last, tries := int64(0), 0; tries < 50; tries++ {
		now := p.resident("VmRSS")
		if max(now-last, last-now) < least {
			return now
		}
		last = now
		time.Sleep(pause)
	}
	p.Fatal("the server's memory does not come to rest")
	return 0
}

// resident returns a figure of the server's memory, in bytes.
func (p probe) resident(name string) int64 {
	p.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.server.Pid()))
	if err != nil {
		p.Fatal(err)
	}
	found := regexp.MustCompile(name + `:\s+(\d+) kB`).FindSubmatch(text)
	if found == nil {
		p.Fatalf("no %s in %s", name, text)
	}
	n, err := strconv.ParseInt(string(found[1]), 10, 64)
	if err != nil {
		p.Fatal(err)
	}
	return n << 10
}

// echo sends size bytes and compares what comes back meanwhile.
func (p probe) echo(size int64) {
	p.Helper()
	c := p.server.Dial(p)
	if err := c.SetDeadline(time.Now().Add(8 * time.Minute)); err != nil {
		p.Fatal(err)
	}
	sent := make(chan error, 1)
	go func() {
		c.Say(fmt.Sprintf("POST /echo HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n", host, size))
		_, err := io.CopyBuffer(struct{ io.Writer }{c.Conn}, io.LimitReader(&count{}, size), make([]byte, 256<<10))
		sent <- err
	}()
	got, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		p.Fatal(err)
	}
	if n, err := io.CopyBuffer(&count{}, got.Body, make([]byte, 256<<10)); err != nil || n != size {
		p.Errorf("%d bytes came back, %v; want %d", n, err, size)
	}
	if err := <-sent; err != nil {
		p.Error(err)
	}
	c.Close()
}

// count is an endless row of bytes, to be read or to be compared with what is written.
type count struct{ at int }

func (c *count) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(c.at % 251)
		c.at++
	}
	return len(b), nil
}

func (c *count) Write(b []byte) (int, error) {
	for i := range b {
		if b[i] != byte(c.at%251) {
			return i, fmt.Errorf("byte %d is %#x, want %#x", c.at, b[i], byte(c.at%251))
		}
		c.at++
	}
	return len(b), nil
}
