package front

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"wasgi/runtime"
	"wasgi/tenants"
	"wasgi/wasi"
)

// echoImage is an app that answers with its entry and the request's body.
func echoImage(t testing.TB) *runtime.Image {
	t.Helper()
	tool, err := exec.LookPath("wat2wasm")
	if err != nil {
		t.Fatal(`needs wat2wasm: run "make test", or install wabt`)
	}
	file := filepath.Join(t.TempDir(), "echo.wasm")
	if out, err := exec.Command(tool, "../../../runtime/testdata/echo.wat", "-o", file).CombinedOutput(); err != nil {
		t.Fatalf("wat2wasm: %v\n%s", err, out)
	}
	wasm, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	img, err := runtime.LoadImage(context.Background(), runtime.ImageConfig{Wasm: wasm})
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// newServed is a real server of real tenants, whose apps are echo.wat.
func newServed(t testing.TB, manifests map[string]string) *fixture {
	t.Helper()
	dir := t.TempDir()
	for name, text := range manifests {
		write(t, filepath.Join(dir, name, tenants.ManifestName), text)
	}
	return newServedFrom(t, dir, echoImage(t))
}

// write writes a file, and makes its folder.
func write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// newServedFrom serves the bundles in dir.
func newServedFrom(t testing.TB, dir string, img *runtime.Image) *fixture {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	registry := tenants.NewRegistry(tenants.Host{Image: img, Stdlib: wasi.NewTmp(wasi.Quota{}), State: t.TempDir(), Log: log})
	folder := tenants.Folder{Dir: dir, Registry: registry, Log: log}
	found, err := folder.Find()
	if bundles, _ := os.ReadDir(dir); err != nil || len(found) != len(bundles) {
		t.Fatalf("%d bundles of %d, %v", len(found), len(bundles), err)
	}
	folder.Load(context.Background(), found)
	f := &fixture{t: t}
	f.Server = New(Config{HTTP: tenants.DefaultHTTP(), Registry: registry, Log: log, Access: slog.New(slog.NewTextHandler(f, nil)), Index: true})
	started(t, f, func(ctx context.Context) error { return errors.Join(registry.Close(ctx), img.Close(ctx)) })
	return f
}

func TestRequestsReachTheirTenants(t *testing.T) {
	f := newServed(t, map[string]string{
		"blog":  "[app]\nentry = \"blog:app\"\nhosts = [\"blog.example\", \"*.blog.example\"]",
		"shop":  "[app]\nentry = \"shop:app\"\nhosts = [\"blog.example\"]\nprefix = \"/shop\"",
		"wrong": "[app]\nentry = \"bad:app\"\nhosts = [\"wrong.example\"]",
	})
	for name, test := range map[string]struct {
		head   string
		status int
		text   string
		log    string
	}{
		"by host":          {"GET / HTTP/1.1\nHost: blog.example", 200, "blog:app", "tenant=blog status=200 bytes=8"},
		"any spelling":     {"GET / HTTP/1.1\nHost: Blog.Example.:80", 200, "blog:app", "tenant=blog"},
		"by wildcard":      {"GET / HTTP/1.1\nHost: a.b.blog.example", 200, "blog:app", "tenant=blog"},
		"by prefix":        {"GET /shop/x HTTP/1.1\nHost: blog.example", 200, "shop:app", "tenant=shop"},
		"escaped":          {"GET /%73hop HTTP/1.1\nHost: blog.example", 200, "shop:app", "tenant=shop"},
		"not the prefix":   {"GET /shopping HTTP/1.1\nHost: blog.example", 200, "blog:app", "tenant=blog"},
		"by absolute form": {"GET http://blog.example/shop HTTP/1.1\nHost: BLOG.example.", 200, "shop:app", "tenant=shop"},
		"nobody's":         {"GET / HTTP/1.1\nHost: nobody.example", 404, "Not Found: no app is served under this address", "status=404"},
		"part of a name":   {"GET / HTTP/1.1\nHost: xblog.example", 404, "Not Found: no app", "status=404"},
		"none":             {"GET / HTTP/1.0", 404, "Not Found: no app", "status=404"},
		"the index":        {"GET / HTTP/1.1\nHost: localhost:8080", 200, "http://blog.example:8080/shop", "status=200"},
		"not the index":    {"GET / HTTP/1.1\nHost: <script>", 400, "Bad Request: the Host header is no host name", "status=400"},
		"not loaded":       {"GET / HTTP/1.1\nHost: wrong.example", 503, "Service Unavailable: the app cannot be loaded", "tenant=wrong status=503"},
	} {
		t.Run(name, func(t *testing.T) {
			f.clearLog()
			c := f.dial()
			c.send(test.head, "")
			got, text, err := c.read("GET")
			if got.StatusCode != test.status || !strings.Contains(text, test.text) || err != nil {
				t.Errorf("got %d, %q, %v", got.StatusCode, text, err)
			}
			if strings.Contains(text, "ImportError") || strings.Contains(text, ".toml") {
				t.Errorf("the client is told of the inside: %q", text)
			}
			eventually(t, "the request is logged with "+test.log, func() bool { return strings.Contains(f.logged(), test.log) })
		})
	}
}

func TestABodyGoesToTheAppAndBack(t *testing.T) {
	f := newServed(t, map[string]string{"blog": "[app]\nentry = \"blog:app\"\nhosts = [\"*\"]\n[limits]\ninstances = 2"})
	body := strings.Repeat("body ", 40_000)
	c := f.dial()
	for range 3 {
		sent := make(chan error, 1)
		go func() {
			_, err := io.WriteString(c, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 200000\r\n\r\n"+body)
			sent <- err
		}()
		if _, text, err := c.read("POST"); text != "blog:app"+body || err != nil {
			t.Errorf("got %d bytes, %v", len(text), err)
		}
		if err := <-sent; err != nil {
			t.Error(err)
		}
	}
}

func TestABusyTenantIsA503(t *testing.T) {
	f := newServed(t, map[string]string{
		"slow":  "[app]\nentry = \"slow:app\"\nhosts = [\"slow\"]\nstreaming = true\n[limits]\ninstances = 1\ntimeout = \"200ms\"",
		"other": "[app]\nentry = \"other:app\"\nhosts = [\"other\"]",
	})
	busy := f.dial()
	busy.send("POST / HTTP/1.1\nHost: slow\nTransfer-Encoding: chunked", "1\r\nb\r\n")
	if _, err := busy.r.ReadByte(); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	c := f.dial()
	c.send("GET / HTTP/1.1\nHost: slow", "")
	got, text, _ := c.read("GET")
	if busy := got.StatusCode == 503 && got.Header.Get("Retry-After") == "1"; !busy && got.StatusCode != 200 {
		t.Errorf("got %d, %q after %v", got.StatusCode, text, time.Since(start))
	}
	c = f.dial()
	c.send("GET / HTTP/1.1\nHost: other", "")
	if got, text, err := c.read("GET"); got.StatusCode != 200 || text != "other:app" || err != nil {
		t.Errorf("the other tenant: %d, %q, %v", got.StatusCode, text, err)
	}
}

// A body that was left unread, and then discarded, is no reason to linger later.
func TestAnIdleConnectionDoesNotHoldUpTheEnd(t *testing.T) {
	f := newServed(t, map[string]string{"blog": "[app]\nentry = \"blog:app\"\nhosts = [\"blog\"]"})
	c := f.dial()
	c.send("POST / HTTP/1.1\nHost: nobody\nContent-Length: 20000", strings.Repeat("b", 20_000))
	if got, _, err := c.read("POST"); got.StatusCode != 404 || err != nil {
		t.Errorf("got %d, %v", got.StatusCode, err)
	}
	c.send("GET / HTTP/1.1\nHost: blog", "")
	if got, _, err := c.read("GET"); got.StatusCode != 200 || err != nil {
		t.Errorf("got %d, %v", got.StatusCode, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	start := time.Now()
	if err := f.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took >= lingerTime {
		t.Errorf("the end took %v", took)
	}
}
