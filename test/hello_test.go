package test

import (
	"net/http"
	"strings"
	"testing"

	"wasgi/test/testkit"
)

func TestHello(t *testing.T) {
	t.Parallel()
	dir := testkit.StageAll(t,
		testkit.App{Name: "hello"},
		testkit.App{Name: "hello", As: "hello-validated", Host: "validated.localhost", Validated: true},
	)
	server := testkit.Start(t, testkit.Options{Dir: dir, Args: []string{"--index"}})
	for _, host := range []string{"hello.localhost", "validated.localhost"} {
		t.Run(host, func(t *testing.T) { helloPages(t, server.Browser(t, host)) })
	}
	t.Run("index", func(t *testing.T) { helloIndex(t, server) })
	t.Run("unknown host", func(t *testing.T) { helloUnknownHost(t, server) })
	t.Run("access log", func(t *testing.T) { helloAccessLog(t, server) })
}

func helloPages(t *testing.T, b *testkit.Browser) {
	b.Get("/").Want(t, http.StatusOK, "Hello, world!")
	b.Get("/?name=%3Cb%3EZo%C3%AB").Want(t, http.StatusOK, "Hello, &lt;b&gt;Zoë!")
	b.Get("/other").Want(t, http.StatusNotFound, "only one page")
	plain := b.Get("/plain").Want(t, http.StatusOK, "Hello, world!\n")
	for name, want := range map[string]string{"Content-Type": "text/plain", "Content-Length": "14", "Server": "wasgi"} {
		if got := plain.Header.Values(name); len(got) != 1 || got[0] != want {
			t.Errorf("%s is %q, want %q once", name, got, want)
		}
	}
	if plain.Header.Get("Date") == "" {
		t.Error("there is no Date")
	}
	head := b.Do(b.Request(http.MethodHead, "/plain", nil)).Want(t, http.StatusOK, "")
	if head.Text != "" || head.ContentLength != 14 {
		t.Errorf("HEAD: body %q, length %d, want none and 14", head.Text, head.ContentLength)
	}
}

func helloIndex(t *testing.T, server *testkit.Server) {
	for _, host := range []string{"127.0.0.1", "localhost"} {
		page := server.Browser(t, host).Get("/").Want(t, http.StatusOK, "http://hello.localhost")
		page.Want(t, http.StatusOK, "http://validated.localhost")
	}
	for _, line := range []string{"POST / HTTP/1.1", "CONNECT localhost:1 HTTP/1.1"} {
		codes := testkit.Statuses(server.Raw(t, line+"\r\nHost: localhost:1\r\nConnection: close\r\n\r\n"))
		if len(codes) != 1 || codes[0] != http.StatusNotFound {
			t.Errorf("%s: answered %v, want one 404", line, codes)
		}
	}
}

// helloUnknownHost asks for a host that is nobody's: no guest may run for it.
func helloUnknownHost(t *testing.T, server *testkit.Server) {
	mark := server.Log.Mark()
	for _, host := range []string{"nobody.localhost", "x.hello.localhost", "hello.localhost.example"} {
		got := server.Browser(t, host).Get("/").Want(t, http.StatusNotFound, "")
		line := server.Log.Wait(t, mark, testkit.Match{Request: got.RequestID()})
		if line.Text("instance") != "" || line.Text("tenant") != "" {
			t.Errorf("host %s: tenant %q and instance %q answered, want none", host, line.Text("tenant"), line.Text("instance"))
		}
	}
}

func helloAccessLog(t *testing.T, server *testkit.Server) {
	mark := server.Log.Mark()
	server.Browser(t, "hello.localhost").Get("/plain?for=the-log")
	line := server.Log.Wait(t, mark, testkit.Match{Tenant: "hello", Text: "GET /plain?for=the-log"})
	for name, want := range map[string]string{"status": "200", "bytes": "14", "host": "hello.localhost"} {
		if line.Text(name) != want {
			t.Errorf("%s is %q, want %q", name, line.Text(name), want)
		}
	}
	for _, name := range []string{"request", "ms", "client"} {
		if line.Text(name) == "" {
			t.Errorf("%s is missing in %v", name, line)
		}
	}
	if !strings.HasPrefix(line.Text("instance"), "hello-") {
		t.Errorf("instance is %q, want one of hello's", line.Text("instance"))
	}
}
