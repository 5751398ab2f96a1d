package test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"testing"

	"wasgi/test/testkit"
)

// slowApp answers with more than a connection's buffers hold, or with events without end.
const slowApp = `
import time

closed = 0

class Body:
    def __init__(self, blocks):
        self.blocks = blocks

    def __iter__(self):
        return self.blocks

    def close(self):
        global closed
        closed += 1

def bulk():
    for n in range(512):
        yield b"%08d" % n * 8192

def events():
    n = 0
    while True:
        yield b"data: %d\n\n" % n
        n += 1
        time.sleep(0.005)

def flood():
    while True:
        yield b"data: flood\n\n" * 1000

def app(environ, start_response):
    path = environ["PATH_INFO"]
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    if path == "/closed":
        return [b"%d" % closed]
    return Body({"/bulk": bulk, "/events": events, "/flood": flood}[path]())
`

const slowManifest = `
[app]
entry = "slow:app"
hosts = ["%s.localhost"]
%s
[limits]
instances = 1
queue_timeout = "500ms"
cpu = "1m"
cpu_share = 4.0
`

// TestSlowReaders has apps with one instance answer clients that do not read.
func TestSlowReaders(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	testkit.Write(t, dir, testkit.Files{
		"apps/spooled/slow.py": slowApp, "apps/spooled/wasgi.toml": fmt.Sprintf(slowManifest, "spooled", ""),
		"apps/streaming/slow.py": slowApp, "apps/streaming/wasgi.toml": fmt.Sprintf(slowManifest, "streaming", "streaming = true"),
		"wasgi-server.toml": "[http]\nwrite_timeout = \"2s\"\nspool = \"1GiB\"\n",
	})
	server := testkit.Start(t, testkit.Options{Dir: dir + "/apps", Args: []string{"--config", dir + "/wasgi-server.toml"}})
	t.Run("the instance is free", func(t *testing.T) { slowReader(t, server, "spooled.localhost", http.StatusOK) })
	t.Run("a streaming app waits", func(t *testing.T) { slowReader(t, server, "streaming.localhost", http.StatusServiceUnavailable) })
	for _, host := range []string{"spooled.localhost", "streaming.localhost"} {
		t.Run("events of "+host, func(t *testing.T) { slowEvents(t, server, host) })
		t.Run("a flood of "+host, func(t *testing.T) { slowFlood(t, server, host) })
	}
}

// slowReader asks for what it does not read yet, and another client gets want meanwhile.
func slowReader(t *testing.T, server *testkit.Server, host string, want int) {
	var body bytes.Buffer
	for n := range 512 {
		body.Write(bytes.Repeat(fmt.Appendf(nil, "%08d", n), 8192))
	}
	c := server.Dial(t)
	c.Say(testkit.Head(host, "/bulk"))
	got, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	b := server.Browser(t, host)
	if other := b.Get("/closed"); other.StatusCode != want {
		t.Errorf("another client: %d, %q, want %d", other.StatusCode, other.Text, want)
	}
	if text, err := io.ReadAll(got.Body); err != nil || !bytes.Equal(text, body.Bytes()) {
		t.Errorf("%d bytes, %v", len(text), err)
	}
	b.Get("/closed").Want(t, http.StatusOK, "1")
}

// slowEvents reads events as they come, then goes.
func slowEvents(t *testing.T, server *testkit.Server, host string) {
	c := server.Dial(t)
	c.Say(testkit.Head(host, "/events"))
	got, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(got.Body)
	for n := range 5 {
		line, err := lines.ReadString('\n')
		if want := fmt.Sprintf("data: %d\n", n); err != nil || line != want {
			t.Fatalf("event %d is %q, %v", n, line, err)
		}
		if _, err := lines.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	c.Close()
	b := server.Browser(t, host)
	soon(t, "the app is closed", func() bool { return b.Get("/closed").Text == "2" })
}

// slowFlood asks for events without end, and does not read: the server gives it up.
func slowFlood(t *testing.T, server *testkit.Server, host string) {
	c := server.Dial(t)
	c.Say(testkit.Head(host, "/flood"))
	b := server.Browser(t, host)
	soon(t, "the app is closed", func() bool { return b.Get("/closed").Text == "3" })
}
