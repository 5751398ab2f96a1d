package test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"wasgi/test/testkit"
)

// says is an app whose answer is text, with a stream that goes on until a file appears
// in /data.
func says(text string) testkit.Files {
	return testkit.Files{
		"wasgi.toml": fmt.Sprintf("[app]\nentry = \"app:application\"\nhosts = [%q]\n[limits]\ninstances = 2\n", "one.localhost"),
		"app.py": fmt.Sprintf(`
import os
import time


def slow():
    yield b"begun, "
    while not os.path.exists("/data/go-on"):
        time.sleep(0.01)
    yield b"%[1]s"


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return slow() if environ["PATH_INFO"] == "/slow" else [b"%[1]s"]
`, text),
	}
}

// letGoOn ends the slow answers of a tenant.
func letGoOn(t *testing.T, server *testkit.Server, tenant string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(server.State, tenant, "data", "go-on"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// openSlow asks for the slow answer and returns when it has begun.
func openSlow(t *testing.T, server *testkit.Server) *bufio.Reader {
	t.Helper()
	b := server.Browser(t, "one.localhost")
	in := bufio.NewReader(b.Open(b.Request(http.MethodGet, "/slow", nil)).Body)
	if got, err := in.ReadString(' '); err != nil || got != "begun, " {
		t.Fatalf("the slow answer begins with %q, %v", got, err)
	}
	return in
}

// TestReload changes files below a server that watches them.
func TestReload(t *testing.T) {
	t.Parallel()
	dir := testkit.StageAll(t, testkit.App{Name: "hello"})
	one := filepath.Join(dir, "one")
	testkit.Write(t, one, says("first"))
	server := testkit.Start(t, testkit.Options{Dir: dir})
	b := server.Browser(t, "one.localhost")
	b.Get("/").Want(t, http.StatusOK, "first")

	slow := openSlow(t, server)
	reloaded := func(text string) {
		t.Helper()
		mark := server.Log.Mark()
		testkit.Write(t, one, says(text))
		server.Log.Wait(t, mark, testkit.Match{Tenant: "one", Text: "tenant serving"})
		b.Get("/").Want(t, http.StatusOK, text)
		if touched := server.Log.Find(mark, testkit.Match{Tenant: "hello", Text: "instance ready"}); len(touched) > 0 {
			t.Errorf("a change of one reloaded hello: %v", touched)
		}
	}
	reloaded("second")
	t.Run("broken", func(t *testing.T) { reloadBroken(t, server, one, b) })
	reloaded("third")
	t.Run("in flight", func(t *testing.T) {
		letGoOn(t, server, "one")
		if rest, err := io.ReadAll(slow); err != nil || string(rest) != "first" {
			t.Errorf("the request in flight ends with %q, %v; want first", rest, err)
		}
	})
	t.Run("added and removed", func(t *testing.T) { reloadAdded(t, server, dir) })
	t.Run("new host", func(t *testing.T) { reloadHost(t, server, one) })
	server.Browser(t, helloHost).Get("/plain").Want(t, http.StatusOK, "Hello, world!\n")
}

// reloadBroken changes the bundle for the worse: the old version goes on.
func reloadBroken(t *testing.T, server *testkit.Server, bundle string, b *testkit.Browser) {
	for text, files := range map[string]testkit.Files{
		"SyntaxError":                   {"app.py": "def application(:\n"},
		"limits.colour":                 {"wasgi.toml": "[app]\nentry = \"app:application\"\nhosts = [\"one.localhost\"]\n[limits]\ncolour = 1\n"},
		"hosts has \"hello.localhost\"": {"wasgi.toml": "[app]\nentry = \"app:application\"\nhosts = [\"one.localhost\", \"hello.localhost\"]\n"},
	} {
		mark := server.Log.Mark()
		testkit.Write(t, bundle, files)
		server.Log.Wait(t, mark, testkit.Match{Tenant: "one", Text: "tenant not loaded"})
		server.Log.Wait(t, mark, testkit.Match{Tenant: "one", Text: text})
		b.Get("/").Want(t, http.StatusOK, "second")
		mark = server.Log.Mark()
		testkit.Write(t, bundle, says("second"))
		server.Log.Wait(t, mark, testkit.Match{Tenant: "one", Text: "tenant serving"})
	}
}

// reloadAdded puts a bundle into the folder, and takes it away.
func reloadAdded(t *testing.T, server *testkit.Server, dir string) {
	b := server.Browser(t, "two.localhost")
	b.Get("/").Want(t, http.StatusNotFound, "no app is served")
	mark := server.Log.Mark()
	testkit.Write(t, filepath.Join(dir, "two"), testkit.Files{
		"app.py":     says("two")["app.py"],
		"wasgi.toml": "[app]\nentry = \"app:application\"\nhosts = [\"two.localhost\"]\n",
	})
	server.Log.Wait(t, mark, testkit.Match{Tenant: "two", Text: "tenant serving"})
	b.Get("/").Want(t, http.StatusOK, "two")
	if err := os.RemoveAll(filepath.Join(dir, "two")); err != nil {
		t.Fatal(err)
	}
	server.Log.Wait(t, mark, testkit.Match{Tenant: "two", Text: "tenant removed"})
	b.Get("/").Want(t, http.StatusNotFound, "no app is served")
}

// reloadHost gives a tenant another host.
func reloadHost(t *testing.T, server *testkit.Server, bundle string) {
	mark := server.Log.Mark()
	testkit.EditManifest(t, bundle, `one\.localhost`, "another.localhost")
	server.Log.Wait(t, mark, testkit.Match{Tenant: "one", Text: "tenant serving"})
	server.Browser(t, "another.localhost").Get("/").Want(t, http.StatusOK, "third")
	server.Browser(t, "one.localhost").Get("/").Want(t, http.StatusNotFound, "no app is served")
}

// becomes waits until the app answers with text.
func becomes(t *testing.T, b *testkit.Browser, text string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if b.Get("/").Text == text {
			return
		}
	}
	b.Get("/").Want(t, http.StatusOK, text)
}

// TestReloadSIGHUP tells a server that does not watch to reload.
func TestReloadSIGHUP(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	testkit.Write(t, dir, testkit.Files{"app.py": says("first")["app.py"]})
	server := testkit.Start(t, testkit.Options{Dir: dir, Run: "app:application"})
	b := server.Browser(t, "any.host")
	b.Get("/").Want(t, http.StatusOK, "first")
	testkit.Write(t, dir, testkit.Files{"app.py": says("second")["app.py"]})
	b.Get("/").Want(t, http.StatusOK, "first")
	server.Signal(t, syscall.SIGHUP)
	server.Signal(t, syscall.SIGHUP)
	becomes(t, b, "second")
}

// TestReloadUnchanged tells a server to reload of which only one bundle has changed.
func TestReloadUnchanged(t *testing.T) {
	t.Parallel()
	dir := testkit.StageAll(t, testkit.App{Name: "hello"})
	testkit.Write(t, filepath.Join(dir, "one"), says("first"))
	server := testkit.Start(t, testkit.Options{Dir: dir})
	becomes(t, server.Browser(t, "one.localhost"), "first")
	server.Browser(t, helloHost).Get("/plain").Want(t, http.StatusOK, "Hello, world!\n")
	mark := server.Log.Mark()
	testkit.Write(t, filepath.Join(dir, "one"), says("second"))
	server.Signal(t, syscall.SIGHUP)
	becomes(t, server.Browser(t, "one.localhost"), "second")
	server.Browser(t, helloHost).Get("/plain").Want(t, http.StatusOK, "Hello, world!\n")
	if again := server.Log.Find(mark, testkit.Match{Tenant: "hello", Text: "instance ready"}); len(again) > 0 {
		t.Errorf("hello was loaded anew: %v", again)
	}
}

// TestReloadRun changes the one app of wasgi run --reload.
func TestReloadRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	testkit.Write(t, dir, testkit.Files{"app.py": says("first")["app.py"]})
	server := testkit.Start(t, testkit.Options{Dir: dir, Run: "app:application", Args: []string{"--reload"}})
	b := server.Browser(t, "any.host")
	b.Get("/").Want(t, http.StatusOK, "first")
	mark := server.Log.Mark()
	testkit.Write(t, dir, testkit.Files{"app.py": "broken("})
	server.Log.Wait(t, mark, testkit.Match{Text: "SyntaxError"})
	b.Get("/").Want(t, http.StatusOK, "first")
	testkit.Write(t, dir, testkit.Files{"app.py": says("second")["app.py"]})
	becomes(t, b, "second")
}
