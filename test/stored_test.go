package test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"wasgi/test/testkit"
)

// storedApp tells in /data each time that it is imported, and how it was asked then.
const storedApp = `import os

with open("/data/imports", "a") as log:
    log.write("imported\n")

seen = []
open("/tmp/mark", "w").write("from the import")


def application(environ, start_response):
    seen.append(environ["SERVER_NAME"] + environ["SCRIPT_NAME"] + environ["PATH_INFO"] + "?" + environ["QUERY_STRING"])
    if environ["PATH_INFO"] == "/raises":
        raise RuntimeError("of the warm request")
    if environ["PATH_INFO"] == "/exits":
        os._exit(3)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [(" ".join([open("/tmp/mark").read(), *seen, os.environ.get("COLOUR", "")])).encode()]
`

const storedManifest = "[app]\nentry = \"app:application\"\nhosts = [\"one.localhost\"]\n"

// storedServer serves one bundle, from a folder and state that outlive the server.
type storedServer struct {
	*testkit.Server
	dir, state string
	args       []string // further flags
}

func stageStored(t *testing.T, manifest string) *storedServer {
	t.Helper()
	s := &storedServer{dir: t.TempDir(), state: t.TempDir()}
	testkit.Write(t, s.dir+"/one", testkit.Files{"app.py": storedApp, "wasgi.toml": manifest})
	return s
}

// start starts the server, and stops the one before.
func (s *storedServer) start(t *testing.T) *testkit.Browser {
	t.Helper()
	if s.Server != nil {
		s.Stop(t)
	}
	s.Server = testkit.Start(t, testkit.Options{Dir: s.dir, State: s.state, Args: s.args})
	return s.Browser(t, "one.localhost")
}

func (s *storedServer) imports(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile(s.state + "/one/data/imports")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(text), "imported")
}

func (s *storedServer) file() string { return s.state + "/one/snapshot/app" }

// TestStoredIsOfBytecode has an app of many modules: it is imported again where they were
// compiled, and never after; one that can be imported only once is served all the same.
func TestStoredIsOfBytecode(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		modules int
		code    string
		want    int
	}{
		"few modules":   {18, "", 1},
		"many":          {30, "", 2},
		"many, but one": {30, "os.mkdir('/data/only')\n", 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := stageStored(t, storedManifest)
			files := testkit.Files{}
			text := storedApp + c.code
			for n := range c.modules - 1 { // and the app's own
				files[fmt.Sprintf("m%d.py", n)] = "x = 1\n"
				text += fmt.Sprintf("import m%d\n", n)
			}
			files["app.py"] = text
			testkit.Write(t, s.dir+"/one", files)
			for range 2 {
				s.start(t).Get("/").Want(t, http.StatusOK, "from the import")
				s.Log.Wait(t, 0, testkit.Match{Tenant: "one", Text: "instance ready"})
				if n := s.imports(t); n != c.want {
					t.Errorf("the app was imported %d times, want %d", n, c.want)
				}
			}
		})
	}
}

// TestStoredRestart starts a server again: it answers as the first did, and imports nothing.
func TestStoredRestart(t *testing.T) {
	t.Parallel()
	s := stageStored(t, storedManifest)
	first := s.start(t).Get("/").Want(t, http.StatusOK, "from the import one.localhost/?")
	for range 2 {
		b := s.start(t)
		if got := b.Get("/").Text; got != first.Text {
			t.Errorf("after a restart the answer is %q, want %q", got, first.Text)
		}
		s.Log.Wait(t, 0, testkit.Match{Tenant: "one", Text: "instance ready"})
		if lines := s.Log.Find(0, testkit.Match{Text: "not used"}); len(lines) > 0 {
			t.Errorf("the log says %v", lines)
		}
	}
	if n := s.imports(t); n != 1 {
		t.Errorf("the app was imported %d times, want once", n)
	}
	for name, mode := range map[string]os.FileMode{
		s.file(): 0o600, filepath.Dir(s.file()): 0o700 | os.ModeDir,
		s.state + "/.wasgi/key": 0o600, s.state + "/.wasgi/base": 0o600, s.state + "/.wasgi": 0o700 | os.ModeDir,
	} {
		if info, err := os.Stat(name); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, %v; want %v", name, info.Mode(), err, mode)
		}
	}
}

// TestStoredIsRefused changes what a stored snapshot hangs on: it is made anew, and the log
// says why.
func TestStoredIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(t *testing.T, s *storedServer)
		reason string
		base   bool // it is the interpreter's that is refused
	}{
		"a byte of the header":  {func(t *testing.T, s *storedServer) { flip(t, s.file(), 100) }, "its header is not as it was written with this server's key", false},
		"a byte of the content": {func(t *testing.T, s *storedServer) { flip(t, s.file(), -1) }, "is not as it was written", false},
		"truncated":             {func(t *testing.T, s *storedServer) { truncate(t, s.file(), -1) }, "bytes, want", false},
		"empty":                 {func(t *testing.T, s *storedServer) { truncate(t, s.file(), 0) }, "it ends after 0 bytes", false},
		"another key":           {func(t *testing.T, s *storedServer) { flip(t, s.state+"/.wasgi/key", 3) }, "this server's key", false},
		"a key of others":       {func(t *testing.T, s *storedServer) { chmod(t, s.state+"/.wasgi/key", 0o644) }, "want -rw------- and 32", false},
		"a snapshot of others":  {func(t *testing.T, s *storedServer) { chmod(t, s.file(), 0o640) }, "its mode is -rw-r-----", false},
		"another bundle": {func(t *testing.T, s *storedServer) {
			testkit.Write(t, s.dir+"/one", testkit.Files{"app.py": storedApp + "# changed\n"})
		}, "another bundle", false},
		"another environment": {func(t *testing.T, s *storedServer) {
			before := stat(t, s.dir+"/one/wasgi.toml")
			testkit.Write(t, s.dir+"/one", testkit.Files{"wasgi.toml": storedManifest + "[env]\nCOLOUR = \"red\"\n"})
			if err := os.Chtimes(s.dir+"/one/wasgi.toml", before.ModTime(), before.ModTime()); err != nil {
				t.Fatal(err)
			}
		}, "another", false},
		"another limit": {func(t *testing.T, s *storedServer) { // nothing of the bundle is another
			testkit.Write(t, s.state, testkit.Files{"server.toml": "[defaults]\nmemory = \"192MiB\"\n"})
			s.args = []string{"--config", s.state + "/server.toml"}
		}, "another environment", false},
		"another interpreter": {func(t *testing.T, s *storedServer) { flip(t, s.state+"/.wasgi/base", -1) }, "another base", true},
		"another tenant's": {func(t *testing.T, s *storedServer) {
			if err := os.Rename(s.dir+"/one", s.dir+"/two"); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(s.state+"/one", s.state+"/two"); err != nil {
				t.Fatal(err)
			}
		}, "another", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := stageStored(t, storedManifest)
			s.start(t).Get("/").Want(t, http.StatusOK, "from the import one.localhost/?")
			s.Stop(t)
			s.Server = nil
			c.change(t, s)
			s.start(t).Get("/").Want(t, http.StatusOK, "from the import one.localhost/?")
			s.Log.Wait(t, 0, testkit.Match{Text: c.reason})
		})
	}
}

func stat(t *testing.T, file string) os.FileInfo {
	t.Helper()
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// flip changes a bit of a file; at counts from its end where it is below 0.
func flip(t *testing.T, file string, at int) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if at < 0 {
		at += len(text)
	}
	text[at] ^= 1
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// truncate cuts a file; size counts from its end where it is below 0.
func truncate(t *testing.T, file string, size int64) {
	t.Helper()
	if size < 0 {
		size += stat(t, file).Size()
	}
	if err := os.Truncate(file, size); err != nil {
		t.Fatal(err)
	}
}

func chmod(t *testing.T, file string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(file, mode); err != nil {
		t.Fatal(err)
	}
}

// TestStoredOpenFile imports an app that has a file of /data open: that is not stored.
func TestStoredOpenFile(t *testing.T) {
	t.Parallel()
	s := stageStored(t, storedManifest)
	testkit.Write(t, s.dir+"/one", testkit.Files{"app.py": storedApp + "kept = open('/data/imports')\n"})
	s.start(t).Get("/").Want(t, http.StatusOK, "from the import")
	s.Log.Wait(t, 0, testkit.Match{Tenant: "one", Stream: "snapshot", Text: "/data/imports is open"})
	s.start(t).Get("/").Want(t, http.StatusOK, "from the import")
	if n := s.imports(t); n != 2 {
		t.Errorf("the app was imported %d times, want twice", n)
	}
}

// TestWarm has paths requested before the snapshot is taken.
func TestWarm(t *testing.T) {
	t.Parallel()
	s := stageStored(t, storedManifest+"prefix = \"/below\"\nwarm = [\"/\", \"/list?page=1\"]\n")
	s.start(t).Get("/below").Want(t, http.StatusOK, "from the import one.localhost/below/? one.localhost/below/list?page=1 one.localhost/below?")
	if got := s.start(t).Get("/below").Text; strings.Count(got, "one.localhost") != 3 {
		t.Errorf("after a restart the app was asked %q, want three requests", got)
	}
}

// TestWarmFails has requests go wrong before the snapshot is taken: the log says so, and the
// app serves.
func TestWarmFails(t *testing.T) {
	t.Parallel()
	s := stageStored(t, storedManifest+"warm = [\"/raises\", \"/\"]\n")
	s.start(t).Get("/").Want(t, http.StatusOK, "from the import one.localhost/raises? one.localhost/? one.localhost/?")
	s.Log.Wait(t, 0, testkit.Match{Tenant: "one", Request: "warm", Text: "app.warm: GET /raises: "})
	s.Log.Wait(t, 0, testkit.Match{Tenant: "one", Request: "warm", Text: "RuntimeError: of the warm request"})

	s = stageStored(t, storedManifest+"warm = [\"/\", \"/exits\"]\n")
	s.start(t).Get("/").Want(t, http.StatusOK, "from the import one.localhost/?")
	s.Log.Wait(t, 0, testkit.Match{Tenant: "one", Request: "warm", Text: "without app.warm"})
}

// TestIdle leaves an instance alone: it is closed, and the next request meets the app as it was
// imported.
func TestIdle(t *testing.T) {
	t.Parallel()
	s := stageStored(t, storedManifest+"idle = \"1s\"\n")
	b := s.start(t)
	b.Get("/").Want(t, http.StatusOK, "one.localhost/?")
	if got := b.Get("/").Text; strings.Count(got, "one.localhost") != 2 {
		t.Errorf("the second answer is %q, want that of the same instance", got)
	}
	time.Sleep(4 * time.Second)
	if got := b.Get("/").Text; strings.Count(got, "one.localhost") != 1 {
		t.Errorf("the answer after a while is %q, want that of a new instance", got)
	}
	if n := s.imports(t); n != 1 {
		t.Errorf("the app was imported %d times, want once", n)
	}
}
