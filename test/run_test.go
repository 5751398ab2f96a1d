package test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"wasgi/test/testkit"
)

// TestRun serves the app of one folder, which need not be a bundle.
func TestRun(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "shop")
	testkit.Write(t, dir, testkit.Files{
		"app.py": `
import os
import installed


def create_app():
    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [f"{installed.WORD} {environ['SCRIPT_NAME']!r} {os.environ.get('COLOUR')}".encode()]

    return application
`,
		"venv/lib/python3.13/site-packages/installed.py": "WORD = 'from the virtual environment'\n",
	})
	server := testkit.Start(t, testkit.Options{Dir: dir, Run: "app:create_app()"})
	for _, host := range []string{"any.host", "127.0.0.1", "shop.localhost"} {
		server.Browser(t, host).Get("/x").Want(t, http.StatusOK, "from the virtual environment '' None")
	}
	c := server.Dial(t)
	c.Say("GET / HTTP/1.0\r\n\r\n")
	if got := c.Rest(); len(testkit.Statuses(got)) != 1 || testkit.Statuses(got)[0] != http.StatusOK {
		t.Errorf("HTTP/1.0 without a Host is answered with %q", got)
	}
}

// TestRunManifest takes env and limits from the folder's manifest, but not its hosts.
func TestRunManifest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	testkit.Stage(t, dir, testkit.App{Name: "mounted"})
	server := testkit.Start(t, testkit.Options{Dir: filepath.Join(dir, "mounted"), Run: "package.factory:make.app()"})
	server.Browser(t, "any.host").Get("/y").Want(t, http.StatusOK, "\"gr\\u00fcn\"")
}

// TestUnixSocket listens on a socket, which is private and is gone afterwards.
func TestUnixSocket(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "socket")
	server := testkit.Start(t, testkit.Options{
		Dir: testkit.StageAll(t, testkit.App{Name: "echo"}), Listen: "unix:" + path,
	})
	page := ask(t, server, "GET /a?b HTTP/1.1\r\nHost: echo.localhost:8080\r\n\r\n")
	environHas(t, page, map[string]string{"SERVER_NAME": "echo.localhost", "PATH_INFO": "/a", "REMOTE_ADDR": "", "wsgi.url_scheme": "http"})
	if page.Values["SERVER_PORT"] == "" {
		t.Error("SERVER_PORT is empty")
	}
	server.Stop(t)
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the socket is still there: %v", err)
	}
}

// TestNoBundles serves a folder that is empty.
func TestNoBundles(t *testing.T) {
	t.Parallel()
	server := testkit.Start(t, testkit.Options{Dir: t.TempDir()})
	server.Browser(t, helloHost).Get("/").Want(t, http.StatusNotFound, "no app is served")
}
