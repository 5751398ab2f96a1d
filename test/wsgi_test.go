package test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"wasgi/test/testkit"
)

// misbehaviour is one way to break WSGI and what has to come of it.
type misbehaviour struct {
	path      string
	status    int    // to the client
	cut       bool   // the client must see that the body is not whole
	quiet     bool   // the access line needs no reason: the client has got it all
	log       string // in the tenant's log, under the request's id; "": only a reason
	condemned bool   // the instance must not be used again
}

func misbehaviours() []misbehaviour {
	const failed, ok, late = http.StatusInternalServerError, http.StatusOK, http.StatusGatewayTimeout
	list := []misbehaviour{
		{path: "raise-before", status: failed, log: "ValueError: before start_response"},
		{path: "raise-after", status: failed, log: "ValueError: after start_response"},
		{path: "raise-first", status: failed, log: "ValueError: instead of a first block"},
		{path: "raise-mid", status: ok, cut: true, log: "ValueError: in the middle"},
		{path: "mixed", status: ok, cut: true, log: "TypeError: the body must be blocks of bytes, not str"},
		{path: "raise-in-close", status: ok, quiet: true, log: "ValueError: while closing"},
		{path: "raise-in-len", status: failed, log: "ValueError: while counting"},
		{path: "raise-in-iter", status: failed, log: "ValueError: before iterating"},
		{path: "no-start", status: failed, log: "start_response"},
		{path: "no-start-empty", status: failed, log: "start_response"},
		{path: "start-twice", status: failed, log: "AssertionError: start_response called a second time"},
		{path: "start-twice-after-error", status: failed, log: "AssertionError: start_response called a second time"},
		{path: "start-without-arguments", status: failed, log: "TypeError"},
		{path: "write-str", status: failed, log: "TypeError"},
		{path: "bad-exc-info", status: failed, log: "TypeError: exc_info"},
		{path: "base-exception", status: failed, log: "no Exception", condemned: true},
		{path: "interrupt", status: failed, log: "KeyboardInterrupt: no key was pressed", condemned: true},
		{path: "generator-exit", status: failed, log: "GeneratorExit", condemned: true},
		{path: "stop-iteration", status: failed, log: "StopIteration: not while iterating"},
		{path: "evil-exception", status: failed, log: "Evil"},
		{path: "group", status: failed, log: "ExceptionGroup: several (2 sub-exceptions)"},
		{path: "surrogates", status: failed, log: `half of a pair \ud800`},
		{path: "sys-exit", status: failed, log: "SystemExit: 3", condemned: true},
		{path: "sys-exit-mid", status: ok, cut: true, log: "SystemExit: leaving", condemned: true},
		{path: "os-exit", status: failed, condemned: true},
		{path: "os-exit-mid", status: ok, cut: true, condemned: true},
		{path: "abort", status: failed, condemned: true},
		{path: "balloon", status: failed, log: "MemoryError"},
		{path: "balloon-of-objects", status: failed, log: "MemoryError"},
		{path: "balloon-at-once", status: failed, log: "MemoryError"},
		{path: "balloon-of-headers", status: failed, log: "MemoryError"},
		{path: "sleep", status: late},
		{path: "sleep-mid", status: ok, cut: true},
		{path: "sleep-and-catch", status: ok, quiet: true}, // within the grace after its deadline
	}
	for _, path := range []string{"none", "int", "str", "object", "ints", "strs", "bytes", "bytearrays", "dict"} {
		list = append(list, misbehaviour{path: "body-" + path, status: failed, log: "TypeError"})
	}
	for _, path := range strings.Fields(badStarts) {
		list = append(list, misbehaviour{path: path, status: failed, log: "Error: "})
	}
	return list
}

// badStarts are the paths whose call of start_response must raise.
const badStarts = `
	status-int status-bytes status-none status-subclass status-no-reason status-words status-two-digits status-interim
	status-newline status-nul status-unicode
	headers-none headers-tuple headers-dict headers-subclass headers-generator
	header-list header-subclass header-single header-triple header-string
	name-bytes name-empty name-space name-colon name-newline name-unicode
	value-int value-bytes value-none value-newline value-return value-body value-nul value-unicode value-surrogate
	hop-connection hop-encoding hop-upgrade
	length-word length-negative length-plus length-huge length-twice`

// TestMisbehaving breaks WSGI in each way: the client gets a proper status, the tenant's
// log the reason, and everybody else goes on.
func TestMisbehaving(t *testing.T) {
	t.Parallel()
	server := testkit.Start(t, testkit.Options{Dir: testkit.StageAll(t,
		testkit.App{Name: "misbehaving"}, testkit.App{Name: "hello"})})
	hello := server.Browser(t, "hello.localhost")
	for _, test := range misbehaviours() {
		t.Run(test.path, func(t *testing.T) {
			before := goodInstance(t, server)
			misbehave(t, server, test)
			hello.Get("/plain").Want(t, http.StatusOK, "Hello, world!\n")
			if after := goodInstance(t, server); test.condemned && after == before {
				t.Errorf("instance %s goes on", before)
			} else if !test.condemned && test.status == http.StatusInternalServerError && after != before && !strings.HasPrefix(test.path, "balloon") {
				t.Errorf("instance %s was given up for %s", before, after)
			}
		})
	}
}

// TestHoarder fills its memory and keeps what it has: whoever asks next must not find
// the instance that cannot do anything any more.
func TestHoarder(t *testing.T) {
	t.Parallel()
	server := testkit.Start(t, testkit.Options{Dir: testkit.StageAll(t, testkit.App{Name: "misbehaving"})})
	b := server.Browser(t, "misbehaving.localhost")
	b.Get("/balloon-kept").Want(t, http.StatusInternalServerError, "")
	b.Get("/good").Want(t, http.StatusOK, "good")
	b.Get("/good").Want(t, http.StatusOK, "good")
}

// goodInstance asks the app for a good answer and returns who gave it.
func goodInstance(t *testing.T, server *testkit.Server) string {
	t.Helper()
	mark := server.Log.Mark()
	if server.Browser(t, "misbehaving.localhost").Get("/good").Want(t, http.StatusOK, "good"); t.Failed() {
		t.FailNow()
	}
	return server.Log.Wait(t, mark, testkit.Match{Tenant: "misbehaving", Text: "GET /good"}).Text("instance")
}

func misbehave(t *testing.T, server *testkit.Server, test misbehaviour) {
	t.Helper()
	mark := server.Log.Mark()
	c := server.Dial(t)
	c.Say(testkit.Head("misbehaving.localhost", "/"+test.path))
	got, err := c.Hear(http.MethodGet)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	if got.StatusCode != test.status {
		t.Errorf("status %d, want %d; %.200q", got.StatusCode, test.status, got.Text)
	}
	if test.cut && got.Err == nil {
		t.Errorf("the body is whole: %q", got.Text)
	}
	if got.Header.Get("X-Injected") != "" || strings.Contains(got.Text, "Traceback") || strings.Contains(got.Text, "never") {
		t.Errorf("the client got %v %q", got.Header, got.Text)
	}
	access := server.Log.Wait(t, mark, testkit.Match{Tenant: "misbehaving", Text: "GET /" + test.path})
	if access.Text("reason") == "" && !test.quiet {
		t.Errorf("the access line tells no reason: %v", access)
	}
	if id := got.RequestID(); id != "" && id != access.Text("request") {
		t.Errorf("the client was told of request %s, the log of %s", id, access.Text("request"))
	}
	if test.log != "" {
		server.Log.Wait(t, mark, testkit.Match{Tenant: "misbehaving", Request: access.Text("request"), Text: test.log})
	}
}

// TestRecursion recurses without end in each part of the interpreter. It may come to an
// exception or to the instance's end; it must not come to the server's.
func TestRecursion(t *testing.T) {
	t.Parallel()
	server := testkit.Start(t, testkit.Options{Dir: testkit.StageAll(t,
		testkit.App{Name: "deep"}, testkit.App{Name: "hello"})})
	hello := server.Browser(t, "hello.localhost")
	for _, path := range strings.Fields(`
		function function-unlimited json-dump json-load as-text compare deep-copy pickled unpickled parse parse-operators
		compiled attributes pattern partial chained mapped instance-check hashed getattribute descriptor destructor deleted
		generators getattribute-unlimited sort-key sort-key-unlimited parse-xml exceptions generators-unlimited`) {
		t.Run(path, func(t *testing.T) {
			got := server.Browser(t, "deep.localhost").Get("/" + path)
			if got.StatusCode != http.StatusOK && got.StatusCode != http.StatusInternalServerError {
				t.Errorf("status %d, %.200q", got.StatusCode, got.Text)
			}
			hello.Get("/plain").Want(t, http.StatusOK, "Hello, world!\n")
			server.Browser(t, "deep.localhost").Get("/good").Want(t, http.StatusOK, "good")
		})
	}
}

// TestOutput finds what an app prints in its log, as lines that name the request.
func TestOutput(t *testing.T) {
	t.Parallel()
	server := testkit.Start(t, testkit.Options{Dir: testkit.StageAll(t, testkit.App{Name: "output"})})
	server.Log.Wait(t, 0, testkit.Match{Tenant: "output", Stream: "stdout", Text: "imported"})
	tests := []struct{ path, stream, text string }{
		{"to-stdout", "stdout", "to stdout"},
		{"to-stderr", "stderr", "to stderr"},
		{"to-errors", "stderr", "to errors, in parts"},
		{"to-logging", "stderr", "WARNING shop to logging"},
		{"to-warnings", "stderr", "UserWarning: to warnings"},
		{"to-descriptor", "stdout", "to descriptor one"},
		{"to-descriptor", "stderr", "to descriptor two"},
		{"unicode", "stdout", "žluťoučký kůň ☃ 🐎"},
		{"surrogates", "stderr", `half \ud83d of a pair`},
		{"not-utf8", "stdout", "not \ufffd UTF-8"},
		{"control", "stdout", "escape \x1b[31m nul \x00 bell \a"},
		{"no-newline", "stdout", "no newline at the end"},
		{"long-line", "stdout", "long xxx"},
		{"long-line", "stdout", "xxx line"},
	}
	b := server.Browser(t, "output.localhost")
	for _, test := range tests {
		t.Run(test.path, func(t *testing.T) {
			mark := server.Log.Mark()
			b.Get("/"+test.path).Want(t, http.StatusOK, "written")
			id := server.Log.Wait(t, mark, testkit.Match{Text: "GET /" + test.path}).Text("request")
			server.Log.Wait(t, mark, testkit.Match{Tenant: "output", Request: id, Stream: test.stream, Text: test.text})
		})
	}
	t.Run("surrogates to stdout", func(t *testing.T) { outputStrict(t, server) })
	t.Run("forged", func(t *testing.T) { outputForged(t, server) })
	t.Run("too many lines", func(t *testing.T) { outputTooMuch(t, server) })
}

// outputStrict prints what no UTF-8 can say. Python's own standard output raises then,
// or escapes; either is fine, and the next request is as any.
func outputStrict(t *testing.T, server *testkit.Server) {
	b := server.Browser(t, "output.localhost")
	if got := b.Get("/surrogates-to-stdout"); got.StatusCode != http.StatusOK && got.StatusCode != http.StatusInternalServerError {
		t.Errorf("status %d, %q", got.StatusCode, got.Text)
	}
	b.Get("/to-stdout").Want(t, http.StatusOK, "written")
}

// outputTooMuch prints more than is logged of an app at once: the log tells so.
func outputTooMuch(t *testing.T, server *testkit.Server) {
	mark := server.Log.Mark()
	server.Browser(t, "output.localhost").Get("/many-lines").Want(t, http.StatusOK, "written")
	server.Log.Wait(t, mark, testkit.Match{Tenant: "output", Text: "dropped"})
	if lines := server.Log.Find(mark, testkit.Match{Tenant: "output", Stream: "stdout"}); len(lines) > 5000 {
		t.Errorf("the log has %d lines of 10000", len(lines))
	}
}

// outputForged prints a line that looks like a record of the log's.
func outputForged(t *testing.T, server *testkit.Server) {
	mark := server.Log.Mark()
	server.Browser(t, "output.localhost").Get("/forged").Want(t, http.StatusOK, "written")
	server.Log.Wait(t, mark, testkit.Match{Tenant: "output", Text: `"msg":"forged"`})
	if forged := server.Log.Find(mark, testkit.Match{Tenant: "another"}); len(forged) > 0 {
		t.Errorf("the log has a record that the app wrote: %v", forged)
	}
}

// TestKeeper keeps environ, start_response and write, and uses them in later requests.
func TestKeeper(t *testing.T) {
	t.Parallel()
	server := testkit.Start(t, testkit.Options{Dir: testkit.StageAll(t, testkit.App{Name: "keeper"})})
	b := server.Browser(t, "keeper.localhost")
	b.Send(http.MethodPost, "/keep?first", "text/plain", strings.Repeat("secret of the first request\n", 4000)).Want(t, http.StatusOK, "kept")
	b.Get("/environ").Want(t, http.StatusOK, "'first'")
	for path, want := range map[string]string{
		"/read": "ValueError", "/readline": "ValueError", "/start": "RuntimeError", "/write": "RuntimeError",
	} {
		r := b.Send(http.MethodPost, path, "text/plain", strings.Repeat("of the second\n", 4000))
		if r.Want(t, http.StatusOK, want); r.Header.Get("X-Kept") != "" || strings.Contains(r.Text, "second") {
			t.Errorf("%s: %v %q", path, r.Header, r.Text)
		}
	}
	mark := server.Log.Mark()
	b.Get("/errors").Want(t, http.StatusOK, "19")
	line := server.Log.Wait(t, mark, testkit.Match{Tenant: "keeper", Text: "from a kept stream"})
	if access := server.Log.Wait(t, mark, testkit.Match{Text: "GET /errors"}); access.Text("request") != line.Text("request") {
		t.Errorf("the line names request %s, want the one that printed it, %s", line.Text("request"), access.Text("request"))
	}
	t.Run("max_requests", func(t *testing.T) { keeperWears(t, b) })
}

// keeperWears counts until another instance begins anew.
func keeperWears(t *testing.T, b *testkit.Browser) {
	seen := map[string]bool{}
	for range 20 {
		seen[b.Get("/count").Want(t, http.StatusOK, "").Text] = true
	}
	for n := 1; n <= 10; n++ {
		if want := fmt.Sprintf("(%d, None)", n); !seen[want] {
			t.Errorf("no instance counted %s: %v", want, seen)
		}
	}
	if len(seen) != 10 {
		t.Errorf("instances served more than 10 requests: %v", seen)
	}
}

// TestMounted serves an app under a prefix, from a factory, with an environment and a
// path of its own, beside another app of the same host.
func TestMounted(t *testing.T) {
	t.Parallel()
	server := testkit.Start(t, testkit.Options{Dir: testkit.StageAll(t,
		testkit.App{Name: "mounted"},
		testkit.App{Name: "mounted", As: "validated", Host: "validated.localhost", Validated: true},
		testkit.App{Name: "hello", Host: "mounted.localhost"})})
	for _, host := range []string{"mounted.localhost", "validated.localhost"} {
		b := server.Browser(t, host)
		for path, want := range map[string][2]string{
			"/deep/shop":              {"", ""},
			"/deep/shop/":             {"/", ""},
			"/deep/shop/a%20b/%C3%A9": {"/a b/é", ""},
			"/deep/shop?q=1":          {"", "q=1"},
			"/deep/shop//x":           {"//x", ""},
		} {
			got := b.Get(path).Want(t, http.StatusOK, "")
			var page struct {
				Script  string `json:"SCRIPT_NAME"`
				Path    string `json:"PATH_INFO"`
				Query   string `json:"QUERY_STRING"`
				MadeIn  string `json:"made_in"`
				Colour  string
				Empty   string
				SysPath []string `json:"path"`
			}
			if err := json.Unmarshal([]byte(got.Text), &page); err != nil {
				t.Fatalf("%s: %v in %q", path, err, got.Text)
			}
			if page.Script != "/deep/shop" || page.Path != want[0] || page.Query != want[1] {
				t.Errorf("%s: %q %q %q, want /deep/shop %q", path, page.Script, page.Path, page.Query, want)
			}
			if page.MadeIn != "/app" || page.Colour != "grün" || page.Empty != "" || fmt.Sprint(page.SysPath) != "[/app/source /app/more]" {
				t.Errorf("%s: %+v", path, page)
			}
		}
	}
	b := server.Browser(t, "mounted.localhost")
	b.Get("/").Want(t, http.StatusOK, "Hello, world!")
	for _, path := range []string{"/deep", "/deep/shopping", "/deep/sho%70ping", "/DEEP/shop"} {
		b.Get(path).Want(t, http.StatusNotFound, "only one page")
	}
	server.Browser(t, "validated.localhost").Get("/").Want(t, http.StatusNotFound, "no app is served")
}

// TestImportFails serves apps that cannot be imported, and one that can.
func TestImportFails(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, code, entry, log string }{
		{"syntax", "def application(:\n", "app:application", "SyntaxError"},
		{"missing-module", "import nothing_of_that_name\n", "app:application", "ModuleNotFoundError: No module named 'nothing_of_that_name'"},
		{"missing-entry", "", "other:application", "ModuleNotFoundError: No module named 'other'"},
		{"missing-name", "x = 1\n", "app:application", `'app' has no 'application'`},
		{"not-callable", "application = 42\n", "app:application", "is no callable but int"},
		{"factory-raises", "def make():\n    raise ValueError('from the factory')\n", "app:make()", "ValueError: from the factory"},
		{"factory-makes-none", "def make():\n    pass\n", "app:make()", "is no callable but NoneType"},
		{"raises", "def f():\n    return 1 / 0\n\nf()\n", "app:application", "ZeroDivisionError: division by zero"},
		{"exits", "import sys\nsys.exit('not today')\n", "app:application", "SystemExit: not today"},
		{"exits-hard", "import os\nos._exit(9)\n", "app:application", "ended its process"},
		{"balloons", "x = bytearray(1 << 30)\n", "app:application", "MemoryError"},
		{"recurses", "def f():\n    f()\n\nf()\n", "app:application", "RecursionError"},
		{"kills", "import os\nos.abort()\n", "app:application", "the app cannot be loaded"},
		{"nul", "x = '\x00'\n", "app:application", "null bytes"},
		{"not-utf8", "x = '\xff\xfe'\n", "app:application", "SyntaxError"},
	}
	dir := testkit.StageAll(t, testkit.App{Name: "hello"})
	for _, test := range tests {
		testkit.Write(t, dir, testkit.Files{
			test.name + "/app.py":     test.code,
			test.name + "/wasgi.toml": fmt.Sprintf("[app]\nentry = %q\nhosts = [%q]\n", test.entry, test.name+".localhost"),
		})
	}
	server := testkit.Start(t, testkit.Options{Dir: dir})
	server.Browser(t, "hello.localhost").Get("/plain").Want(t, http.StatusOK, "Hello, world!\n")
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server.Log.Wait(t, 0, testkit.Match{Tenant: test.name, Text: "tenant not loaded"})
			server.Log.Wait(t, 0, testkit.Match{Tenant: test.name, Text: test.log})
			server.Log.Wait(t, 0, testkit.Match{Tenant: test.name, Text: fmt.Sprintf("wasgi.toml: app.entry = %q", test.entry)})
			start := time.Now()
			got := server.Browser(t, test.name+".localhost").Get("/").Want(t, http.StatusServiceUnavailable, "")
			if strings.Contains(got.Text, "Error") || got.Header.Get("Retry-After") == "" {
				t.Errorf("the client got %v %q", got.Header, got.Text)
			}
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("the refusal took %v: was the import tried again?", took)
			}
		})
	}
	server.Browser(t, "hello.localhost").Get("/plain").Want(t, http.StatusOK, "Hello, world!\n")
}
