// Package wsgi holds the server to PEP 3333 and what surrounds it, statement by statement:
// each has a number, and a test with that number in its name. "make conformance" prints the
// table of them.
package wsgi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"wasgi/test/testkit"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

// tableEnv names the file that the table is to be written to; none if it is not set.
const tableEnv = "WASGI_CONFORMANCE_TABLE"

const host = "statements.localhost"

// statement is one thing that a server must do (M), should do (S), may do (O), or that
// security and HTTP ask for beyond the PEP (X).
type statement struct {
	number int
	level  string
	says   string
	check  func(p probe)
}

// allStatements returns them in the order of their numbers.
func allStatements() []statement {
	var all []statement
	for _, section := range [][]statement{
		invocation(), environCGI(), environWSGI(), input(), errorStream(), startResponse(), body(), fileWrapper(), failures(),
	} {
		all = append(all, section...)
	}
	return all
}

// TestStatement asks the real server, over real connections, for each.
func TestStatement(t *testing.T) {
	server := testkit.Start(t, testkit.Options{Dir: stage(t)})
	var table strings.Builder
	for at, s := range allStatements() {
		if s.number != at+1 {
			t.Fatalf("statement %d is at place %d", s.number, at+1)
		}
		verdict := "holds"
		if !t.Run(fmt.Sprintf("%s%02d %s", s.level, s.number, s.says), func(t *testing.T) { s.check(probe{t, server}) }) {
			verdict = "FAILS"
		}
		fmt.Fprintf(&table, "%2d  %s  %-96s  %s\n", s.number, s.level, s.says, verdict)
	}
	if file := os.Getenv(tableEnv); file != "" {
		if err := os.WriteFile(file, []byte(table.String()), 0o600); err != nil {
			t.Error(err)
		}
	}
}

// large is a file of a bundle that is sent in many blocks.
func large() string {
	var b strings.Builder
	for n := range 200_000 {
		fmt.Fprintf(&b, "line %08d\n", n)
	}
	return b.String()
}

const echoManifest = `[app]
entry = "app:application"
hosts = ["mounted.localhost"]
prefix = "/deep/shop"
isolation = "request"

[environ]
"shop.currency" = "€"
REMOTE_USER = "nobody"
`

// stage returns a folder with the apps: statements has one way to behave for each path,
// echo tells its environ.
func stage(t *testing.T) string {
	t.Helper()
	dir := testkit.StageAll(t,
		testkit.App{Name: "statements", Files: testkit.Files{"large.bin": large()}},
		testkit.App{Name: "statements", As: "limited", Host: "limited.localhost"},
		testkit.App{Name: "echo"},
		testkit.App{Name: "echo", As: "anyhost", Host: "*"},
		testkit.App{Name: "echo", As: "mounted", Files: testkit.Files{"wasgi.toml": echoManifest}})
	testkit.EditManifest(t, filepath.Join(dir, "limited"), `cpu = "10s"`, `cpu = "60ms"`)
	return dir
}

// probe is one statement's test, and the server it asks.
type probe struct {
	*testing.T
	server *testkit.Server
}

// on sends a request, as it stands, on a connection of its own and returns the answer.
func (p probe) on(method, request string) testkit.Response {
	p.Helper()
	c := p.server.Dial(p)
	c.Say(request)
	got, err := c.Hear(method)
	if err != nil {
		p.Fatalf("%.200q: no answer: %v", request, err)
	}
	c.Close()
	return got
}

// get asks the app for a path.
func (p probe) get(path string, lines ...string) testkit.Response {
	p.Helper()
	return p.on(http.MethodGet, testkit.Head(host, path, lines...))
}

// raw returns all that comes back for a path before the server closes the connection.
func (p probe) raw(path string) string {
	p.Helper()
	c := p.server.Dial(p)
	c.Say(testkit.Head(host, path, "Connection: close"))
	return c.Rest()
}

// post sends a body with its length, or in chunks of at most 1000 bytes.
func (p probe) post(path, body string, chunked bool) testkit.Response {
	p.Helper()
	return p.on(http.MethodPost, postHead(path, body, chunked)+framed(body, chunked))
}

func postHead(path, body string, chunked bool) string {
	framing := fmt.Sprintf("Content-Length: %d", len(body))
	if chunked {
		framing = "Transfer-Encoding: chunked"
	}
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\n%s\r\n\r\n", path, host, framing)
}

// framed returns a body as it follows its head.
func framed(body string, chunked bool) string {
	if !chunked {
		return body
	}
	var b strings.Builder
	for len(body) > 0 {
		n := min(len(body), 1000)
		fmt.Fprintf(&b, "%x;ext=\"1\"\r\n%s\r\n", n, body[:n])
		body = body[n:]
	}
	return b.String() + "0\r\nX-Trailer: 1\r\n\r\n"
}

// decode reads an answer's JSON.
func (p probe) decode(r testkit.Response, to any) {
	p.Helper()
	if err := json.Unmarshal([]byte(r.Text), to); err != nil {
		p.Fatalf("status %d, %.300q: %v", r.StatusCode, r.Text, err)
	}
}

// noted returns what happened in the app since it was last asked.
func (p probe) noted() string {
	p.Helper()
	var all []string
	p.decode(p.get("/what-was-seen"), &all)
	return strings.Join(all, ", ")
}

// letGo lets an app that waits go on.
func (p probe) letGo() {
	p.Helper()
	if err := os.WriteFile(filepath.Join(p.server.State, "statements", "data", "go-on"), nil, 0o600); err != nil {
		p.Fatal(err)
	}
}

// is fails the test unless an answer is as wanted.
func (p probe) is(r testkit.Response, status int, text string) {
	p.Helper()
	if r.StatusCode != status || r.Text != text || r.Err != nil {
		p.Errorf("status %d, %d bytes %.200q, %v; want %d, %.200q", r.StatusCode, len(r.Text), r.Text, r.Err, status, text)
	}
}

// equal fails the test unless both are the same.
func equal[T comparable](p probe, what string, got, want T) {
	p.Helper()
	if got != want {
		p.Errorf("%s is %.500v, want %.500v", what, got, want)
	}
}
