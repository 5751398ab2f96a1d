package snapshots

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"wasgi/test/testkit"
)

// measureCold asks tenants that nobody has asked since the server began, and uWSGI's that
// start when they are asked, with the machine's own Python.
func measureCold(b *testing.B, r *testkit.Report) {
	for _, app := range coldApps() {
		peer := coldVassals(b, app)
		times := coldWasgi(b, app)
		r.Most(b, app.name+" p50", testkit.Milliseconds(times.At(0.5)), "ms", app.promise)
		r.Tell(b, app.name+" p90", testkit.Milliseconds(times.At(0.9)), "ms")
		r.Tell(b, app.name+" p50 of uWSGI vassals", testkit.Milliseconds(peer.At(0.5)), "ms")
	}
}

// coldApp is an app and what is promised of its first request, in milliseconds.
type coldApp struct {
	name, site string
	text       string
	promise    float64
}

func coldApps() []coldApp {
	return []coldApp{{"hello", "", helloApp, 3}, {"flask", "flask", flaskApp, 8}, {"django", "django", djangoApp, 8}}
}

const helloApp = `def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Hello, World!\n"]
`

const flaskApp = `from flask import Flask

application = Flask(__name__)


@application.get("/")
def hello():
    return "Hello, World!\n"
`

const djangoApp = `import django.conf
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path

django.conf.settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="one of a test")
urlpatterns = [path("", lambda request: HttpResponse("Hello, World!\n"))]
application = get_wsgi_application()
`

// stage makes a bundle of the app. More are lines of the manifest's [app].
func (a coldApp) stage(b *testing.B, dir, name, more string) {
	b.Helper()
	testkit.Stage(b, dir, testkit.App{Name: "hello", As: name, Site: a.site, Files: testkit.Files{
		"app.py":     a.text,
		"wasgi.toml": "[app]\nentry = \"app:application\"\nhosts = [\"" + name + ".localhost\"]\n" + more,
	}})
}

const coldTenants = 20

// coldPause is between first requests: a server makes ready for the next behind them.
const coldPause = 200 * time.Millisecond

// coldWasgi returns how long the first requests of many tenants take after a restart, from
// the connection to the last byte. The first tenant is not counted: the server meets its first
// request ever there.
func coldWasgi(b *testing.B, app coldApp) testkit.Sample {
	b.Helper()
	dir, state := b.TempDir(), b.TempDir()
	for n := range coldTenants + 1 {
		app.stage(b, dir, fmt.Sprintf("%s-%d", app.name, n), "warm = [\"/\"]\n")
	}
	testkit.Start(b, testkit.Options{Dir: dir, State: state}).Stop(b)
	server := testkit.Start(b, testkit.Options{Dir: dir, State: state})
	var times testkit.Sample
	for n := range coldTenants + 1 {
		took := first(b, server, fmt.Sprintf("%s-%d.localhost", app.name, n))
		if n > 0 {
			times = append(times, took)
		}
		time.Sleep(coldPause)
	}
	server.Stop(b)
	return times
}

// first asks on a connection of its own, and returns how long that takes.
func first(b *testing.B, server *testkit.Server, host string) time.Duration {
	b.Helper()
	begun := time.Now()
	conn := server.Dial(b)
	defer conn.Close()
	return asked(b, conn, host, begun)
}

// asked asks on a connection, and returns the time from begun to the last byte.
func asked(b *testing.B, conn io.ReadWriter, host string, begun time.Time) time.Duration {
	b.Helper()
	if _, err := io.WriteString(conn, testkit.Head(host, "/")); err != nil {
		b.Fatal(err)
	}
	got, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		b.Fatalf("%s: %v", host, err)
	}
	text, err := io.ReadAll(got.Body)
	took := time.Since(begun)
	if err != nil || string(text) != "Hello, World!\n" {
		b.Fatalf("%s: %s, %q, %v", host, got.Status, text, err)
	}
	return took
}

const vassals = 7

// coldVassals returns how long the first requests of uWSGI's vassals take, which its Emperor
// starts at the first connection. The first vassal is not counted.
func coldVassals(b *testing.B, app coldApp) testkit.Sample {
	b.Helper()
	dir, err := os.MkdirTemp("", "vassals-") // short: the names of sockets are
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(dir) })
	app.stage(b, dir, "app", "")
	for n := range vassals {
		testkit.Write(b, dir, testkit.Files{fmt.Sprintf("v/%d.ini", n): "[uwsgi]\nplugin = python3\nprotocol = http\nmodule = app\n" +
			"disable-logging = true\nchdir = " + dir + "/app\npythonpath = " + dir + "/app/site-packages\n"})
	}
	emperor := exec.Command("uwsgi", "--emperor", dir+"/v", "--emperor-on-demand-directory", dir)
	if err := emperor.Start(); err != nil {
		b.Fatalf("%v (make bench-snapshots installs it)", err)
	}
	defer func() {
		emperor.Process.Signal(syscall.SIGINT) // it may have ended by itself
		emperor.Wait()                         // how is not measured
	}()
	var times testkit.Sample
	for n := range vassals {
		socket := fmt.Sprintf("%s/%d.socket", dir, n)
		for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			if _, err := os.Stat(socket); err == nil {
				break
			}
		}
		begun := time.Now()
		conn, err := net.Dial("unix", socket)
		if err != nil {
			b.Fatal(err)
		}
		if took := asked(b, conn, "localhost", begun); n > 0 {
			times = append(times, took)
		}
		conn.Close()
	}
	return times
}
