package test

import (
	"net/http"
	"path/filepath"
	"testing"

	"wasgi/test/testkit"
)

const freshApp = `import os

served = 0


def application(environ, start_response):
    global served
    served += 1
    seen = sorted(os.listdir("/tmp"))
    open("/tmp/left", "w").close()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{served} {seen} {environ['wsgi.run_once']}".encode()]
`

// TestRequestsOfTheirOwn: memory and /tmp live as long as the manifest says.
func TestRequestsOfTheirOwn(t *testing.T) {
	dir := t.TempDir()
	for _, isolation := range []string{"instance", "request"} {
		testkit.Write(t, filepath.Join(dir, isolation), testkit.Files{
			"app.py": freshApp,
			"wasgi.toml": "[app]\nentry = \"app:application\"\nhosts = [\"" + isolation + ".localhost\"]\n" +
				"isolation = \"" + isolation + "\"\n[limits]\ninstances = 1\n",
		})
	}
	server := testkit.Start(t, testkit.Options{Dir: dir})
	kept, fresh := server.Browser(t, "instance.localhost"), server.Browser(t, "request.localhost")
	kept.Get("/").Want(t, http.StatusOK, "1 [] False")
	kept.Get("/").Want(t, http.StatusOK, "2 ['left'] False")
	for range 5 {
		fresh.Get("/").Want(t, http.StatusOK, "1 [] True")
	}
}
