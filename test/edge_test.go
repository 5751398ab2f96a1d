package test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"wasgi/test/testkit"
)

// edgeApp counts its answers; the path says what else they have.
const edgeApp = `
count = 0

def app(environ, start_response):
    global count
    count += 1
    path = environ["PATH_INFO"]
    headers = [("Content-Type", "text/plain")]
    if path == "/kept":
        headers.append(("Cache-Control", "max-age=60"))
    if path == "/as-it-is":
        headers.append(("Content-Encoding", "identity"))
    if path == "/raises":
        raise RuntimeError("secret")
    start_response("200 OK", headers)
    return [b"%d " % count + b"text " * 1000]
`

// TestEdge asks a real server for what it does in front of an app.
func TestEdge(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	testkit.Write(t, dir, testkit.Files{
		"apps/edge/edge.py": edgeApp,
		"apps/edge/wasgi.toml": `
[app]
entry = "edge:app"
hosts = ["edge.localhost"]
[limits]
instances = 1
cache = "1MiB"
[static]
"/static" = "static"
[errors]
"5xx" = "sorry.html"
`,
		"apps/edge/static/a.css": "a {}", "apps/edge/sorry.html": "<p>sorry",
		"wasgi-server.toml": "[server]\ncache = \"2MiB\"\n[server.access_log]\nformat = \"combined\"\nfile = \"" + filepath.Join(dir, "access.log") + "\"\n",
	})
	server := testkit.Start(t, testkit.Options{Dir: filepath.Join(dir, "apps"), Args: []string{"--config", filepath.Join(dir, "wasgi-server.toml")}})
	b := server.Browser(t, "edge.localhost")
	t.Run("static", func(t *testing.T) {
		if r := b.Get("/static/a.css"); r.StatusCode != 200 || r.Text != "a {}" || r.Header.Get("Content-Type") != "text/css; charset=utf-8" {
			t.Errorf("%d, %q, %v", r.StatusCode, r.Text, r.Header)
		}
	})
	t.Run("errors", func(t *testing.T) {
		if r := b.Get("/raises"); r.StatusCode != 500 || r.Text != "<p>sorry" {
			t.Errorf("%d, %q, %v", r.StatusCode, r.Text, r.Header)
		}
	})
	t.Run("compression", func(t *testing.T) { edgeCompression(t, b) })
	t.Run("cache", func(t *testing.T) { edgeCache(t, b, filepath.Join(dir, "apps/edge/edge.py")) })
	t.Run("access log", func(t *testing.T) { edgeLog(t, b, server, filepath.Join(dir, "access.log")) })
}

func edgeCompression(t *testing.T, b *testkit.Browser) {
	for path, want := range map[string]string{"/": "zstd", "/as-it-is": ""} {
		r := b.Request(http.MethodGet, path, nil)
		r.Header.Set("Accept-Encoding", "gzip, zstd")
		if got := b.Do(r); got.Header.Get("Content-Encoding") != want || (len(got.Text) > 1000) != (want == "") {
			t.Errorf("%s: %v, %d bytes", path, got.Header, len(got.Text))
		}
	}
}

func edgeCache(t *testing.T, b *testkit.Browser, file string) {
	first := b.Get("/kept")
	soon(t, "the response is kept", func() bool { return b.Get("/kept").Header.Get("Age") != "" })
	if again := b.Get("/kept"); again.Header.Get("Age") == "" || again.StatusCode != 200 {
		t.Errorf("%d, %v", again.StatusCode, again.Header)
	}
	r := b.Request(http.MethodGet, "/not-kept", nil)
	r.Header.Set("Cache-Control", "only-if-cached")
	if got := b.Do(r); got.StatusCode != http.StatusGatewayTimeout || got.Text != "<p>sorry" {
		t.Errorf("only if it is kept: %d, %q", got.StatusCode, got.Text)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(edgeApp, "count = 0", "count = 1000", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	soon(t, "a new version answers anew", func() bool { return strings.HasPrefix(b.Get("/kept").Text, "100") })
	if first.Text == "" {
		t.Error("no first answer")
	}
}

func edgeLog(t *testing.T, b *testkit.Browser, server *testkit.Server, file string) {
	lines := func(name string) string {
		text, _ := os.ReadFile(name) // not there yet: ""
		return string(text)
	}
	soon(t, "a line", func() bool {
		return strings.Contains(lines(file), `"GET /static/a.css HTTP/1.1" 200 4 "-" "Go-http-client/1.1"`)
	})
	if err := os.Rename(file, file+".1"); err != nil {
		t.Fatal(err)
	}
	server.Signal(t, syscall.SIGHUP)
	soon(t, "the file is there again", func() bool { _, err := os.Stat(file); return err == nil })
	time.Sleep(10 * time.Millisecond)
	b.Get("/static/a.css?again")
	soon(t, "a line in it", func() bool { return strings.Contains(lines(file), "?again") })
	if strings.Contains(lines(file+".1"), "?again") {
		t.Error("the old file has the line too")
	}
}

// soon waits for something that no channel tells of.
func soon(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not after 20 s: %s", what)
		}
	}
}
