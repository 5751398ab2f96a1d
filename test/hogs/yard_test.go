package hogs

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"wasgi/test/testkit"
)

const neighbourName = "neighbour"

// neighbourApp counts its requests, so that each answer tells whether the interpreter is
// still the one that gave the last.
const neighbourApp = `count = 0


def application(environ, start_response):
    global count
    count += 1
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(count).encode()]
`

// stagePen makes a bundle of the app hogs in dir.
func stagePen(t testing.TB, dir, name, limits string) {
	t.Helper()
	bundle := testkit.Stage(t, dir, testkit.App{Name: "hogs", As: name, Host: name + ".localhost"})
	testkit.EditManifest(t, bundle, `(?s)\[limits\].*`, "[limits]\n"+limits)
}

// stageNeighbour makes the bundle of who lives beside the hogs.
func stageNeighbour(t testing.TB, dir string) {
	t.Helper()
	testkit.Write(t, dir+"/"+neighbourName, testkit.Files{
		"app.py":     neighbourApp,
		"wasgi.toml": "[app]\nentry = \"app:application\"\nhosts = [\"" + neighbourName + ".localhost\"]\n[limits]\ninstances = 1\nqueue_timeout = \"30s\"\n",
	})
}

// visitor asks tenants of one server for pages. It is safe for concurrent use.
type visitor struct {
	server *testkit.Server
	client *http.Client
}

func newVisitor(t testing.TB, server *testkit.Server) *visitor {
	t.Helper()
	transport := server.Transport()
	transport.MaxIdleConnsPerHost = 16
	t.Cleanup(transport.CloseIdleConnections)
	return &visitor{server, &http.Client{Transport: transport, Timeout: time.Minute}}
}

// answer is what came back. A body that was cut off is as long as it came.
type answer struct {
	status int
	limit  string // of the header X-Wasgi-Limit
	text   string // its beginning
}

// get asks for a page. An error is a request that was not answered.
func (v *visitor) get(tenant, path string) (answer, error) {
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://"+tenant+".localhost"+path, nil)
	if err != nil {
		return answer{}, err
	}
	got, err := v.client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer got.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(got.Body, 1<<10))
	_, _ = io.Copy(io.Discard, got.Body) // cut off, where a limit was met after the head
	return answer{got.StatusCode, got.Header.Get("X-Wasgi-Limit"), string(text)}, nil
}

// good asks the tenant of hogs for what it can do.
func (v *visitor) good(tenant string) error {
	got, err := v.get(tenant, "/")
	if err == nil && (got.status != http.StatusOK || got.text != "a good request\n") {
		err = fmt.Errorf("status %d, limit %q, %q", got.status, got.limit, got.text)
	}
	if err != nil {
		return fmt.Errorf("a good request of %s: %w", tenant, err)
	}
	return nil
}

// watch asks the neighbour, again and again, until the function returned is called. That
// fails the test where an answer was not the next number.
func (v *visitor) watch(t testing.TB) (stop func()) {
	t.Helper()
	end, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- v.follow(end) }()
	return func() {
		t.Helper()
		close(end)
		if err := <-ended; err != nil {
			t.Errorf("the neighbour: %v", err)
		}
	}
}

func (v *visitor) follow(end <-chan struct{}) error {
	for want := 1; ; want++ {
		got, err := v.get(neighbourName, "/")
		if err != nil {
			return err
		}
		if got.status != http.StatusOK || got.text != strconv.Itoa(want) || got.limit != "" {
			return fmt.Errorf("answer %d is %+v", want, got)
		}
		select {
		case <-end:
			return nil
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// line waits for the access log's line of a page that was asked for after the mark.
func (v *visitor) line(t testing.TB, after testkit.Mark, tenant, path string) testkit.Line {
	t.Helper()
	return v.server.Log.Wait(t, after, testkit.Match{Tenant: tenant, Text: "GET " + path})
}

// release lets a hog loose and returns what it came to: an answer and its line of the
// access log.
func (v *visitor) release(t testing.TB, tenant string, h hog) (answer, testkit.Line) {
	t.Helper()
	mark := v.server.Log.Mark()
	got, err := v.get(tenant, h.path())
	if err != nil {
		t.Fatalf("%s: %v", h.path(), err)
	}
	return got, v.line(t, mark, tenant, h.path())
}

// check fails the test unless a hog came to one of its ends.
func (h hog) check(t testing.TB, got answer, line testkit.Line) {
	t.Helper()
	limits := line.Text("limit")
	for _, e := range h.ends {
		if e.fits(got.status, limits) {
			if got.limit != "" && !strings.Contains(limits, got.limit) {
				t.Errorf("%s: X-Wasgi-Limit is %q, the access log has %q", h.path(), got.limit, limits)
			}
			return
		}
	}
	t.Errorf("%s: status %d, limit %q in the answer, %q in the log, reason %q; want one of %v; %.200q",
		h.path(), got.status, got.limit, limits, line.Text("reason"), h.ends, got.text)
}
