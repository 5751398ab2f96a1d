package wsgi

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"wasgi/test/testkit"
)

// TestStream has bodies on their way while the app is at them, with one instance: each
// part of the test ends with an answer of the same instance or its successor.
func TestStream(t *testing.T) {
	server := testkit.Start(t, testkit.Options{Dir: testkit.StageAll(t, testkit.App{Name: "statements", Files: testkit.Files{"wasgi.toml": streamManifest}})})
	for _, part := range []struct {
		name  string
		check func(p probe)
	}{
		{"events", streamEvents}, {"back-pressure up", pressureUp}, {"back-pressure down", pressureDown},
		{"gone while it reads", goneWhileReading}, {"gone while it writes", goneWhileWriting}, {"gone while it waits", goneWhileWaiting},
	} {
		t.Run(part.name, func(t *testing.T) {
			p := probe{t, server}
			part.check(p)
			p.is(p.get("/one-block"), http.StatusOK, "one block")
		})
	}
}

const streamManifest = `[app]
streaming = true
entry = "app:application"
hosts = ["statements.localhost"]

[limits]
instances = 1
cpu = "10m"
cpu_share = 8.0
timeout = "10m"
request_body = "2GiB"
response_body = "2GiB"
`

// open sends a request and returns the answer while its body comes.
func (p probe) open(request string) (*testkit.Conn, *http.Response) {
	p.Helper()
	c := p.server.Dial(p)
	c.Say(request)
	got, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		p.Fatal(err)
	}
	return c, got
}

// streamEvents reads server-sent events as they come, then goes.
func streamEvents(p probe) {
	mark := p.server.Log.Mark()
	c, got := p.open(testkit.Head(host, "/events"))
	equal(p, "Content-Type", got.Header.Get("Content-Type"), "text/event-stream")
	lines := bufio.NewReader(got.Body)
	for n := range 10 {
		line, err := lines.ReadString('\n')
		if want := fmt.Sprintf("data: %d\n", n); err != nil || line != want {
			p.Fatalf("event %d is %q, %v", n, line, err)
		}
		if _, err := lines.ReadString('\n'); err != nil {
			p.Fatal(err)
		}
	}
	c.Close()
	p.ended(mark, "/events", "events closed")
}

// ended waits for the end of a request whose client has gone, and for what the app has
// noted of it, once.
func (p probe) ended(mark testkit.Mark, path, note string) {
	p.Helper()
	p.server.Log.Wait(p, mark, testkit.Match{Text: "GET " + path})
	if found := p.server.Log.Find(mark, testkit.Match{Text: "noted: " + note}); len(found) != 1 {
		p.Errorf("%q was noted %d times", note, len(found))
	}
}

// pressureUp sends more than any buffer holds to an app that does not read on.
func pressureUp(p probe) {
	const size = 64 << 20
	c := p.server.Dial(p)
	c.Say(fmt.Sprintf("POST /slow-reader HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n", host, size))
	sent := &atomic.Int64{}
	go func() {
		block := make([]byte, 64<<10)
		for range size / len(block) {
			n, err := c.Write(block)
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	}()
	if stood := stands(sent); stood > size/2 {
		p.Errorf("%d of %d bytes were taken from the client while the app had read one block", stood, size)
	}
	p.letGo()
	got, err := c.Hear(http.MethodPost)
	if err != nil {
		p.Fatal(err)
	}
	p.is(got, http.StatusOK, fmt.Sprint(size))
}

// stands waits until a number has not grown for a while, and returns it.
func stands(n *atomic.Int64) int64 {
	for last := int64(-1); ; time.Sleep(300 * time.Millisecond) {
		now := n.Load()
		if now == last && now > 0 {
			return now
		}
		last = now
	}
}

// pressureDown does not read an answer without end: the app must not go on making it.
func pressureDown(p probe) {
	mark := p.server.Log.Mark()
	c, _ := p.open(testkit.Head(host, "/counted"))
	made := func() string {
		found := p.server.Log.Find(mark, testkit.Match{Text: "made"})
		return fmt.Sprint(len(found))
	}
	last := ""
	for now := made(); now != last || now == "0"; now = made() {
		last = now
		time.Sleep(300 * time.Millisecond)
	}
	if len(last) > 2 {
		p.Errorf("the app has made %s MiB that nobody reads", last)
	}
	c.Close()
	p.ended(mark, "/counted", "counted closed")
}

func goneWhileReading(p probe) {
	mark := p.server.Log.Mark()
	c := p.server.Dial(p)
	c.Say(fmt.Sprintf("POST /swallow HTTP/1.1\r\nHost: %s\r\nContent-Length: 1000000\r\n\r\n%s", host, strings.Repeat("x", 500_000)))
	c.Close()
	p.server.Log.Wait(p, mark, testkit.Match{Text: "POST /swallow"})
	if found := p.server.Log.Find(mark, testkit.Match{Text: "noted: "}); len(found) != 1 || !isGone(found[0].Text("msg")) {
		p.Errorf("the app noted %v", found)
	}
}

// isGone tells whether an exception is one of those that stand for a client that has gone.
func isGone(note string) bool {
	for _, name := range []string{"ClientGone", "ConnectionResetError", "OSError"} {
		if note == "noted: "+name {
			return true
		}
	}
	return false
}

func goneWhileWriting(p probe) {
	mark := p.server.Log.Mark()
	c, _ := p.open(testkit.Head(host, "/writes"))
	c.Close()
	p.server.Log.Wait(p, mark, testkit.Match{Text: "GET /writes"})
	if found := p.server.Log.Find(mark, testkit.Match{Text: "noted: "}); len(found) != 1 || !isGone(found[0].Text("msg")) {
		p.Errorf("the app noted %v", found)
	}
}

// goneWhileWaiting closes the connection while the app neither reads nor writes.
func goneWhileWaiting(p probe) {
	mark := p.server.Log.Mark()
	c, got := p.open(testkit.Head(host, "/in-turn"))
	if _, err := io.ReadFull(got.Body, make([]byte, 1)); err != nil {
		p.Fatal(err)
	}
	c.Close()
	access := p.server.Log.Wait(p, mark, testkit.Match{Text: "GET /in-turn"})
	if access.Text("reason") == "" {
		p.Errorf("the log does not tell that the client has gone: %v", access)
	}
}
