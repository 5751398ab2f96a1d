package snapshots

import (
	"fmt"
	"testing"
	"time"

	"wasgi/test/testkit"
)

// measureCold asks tenants that nobody has asked since the server began.
func measureCold(b *testing.B, r *testkit.Report) {
	for _, app := range coldApps() {
		times := coldWasgi(b, app)
		r.Most(b, app.name+" p50", testkit.Milliseconds(times.At(0.5)), "ms", app.promise)
		r.Tell(b, app.name+" p90", testkit.Milliseconds(times.At(0.9)), "ms")
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

// coldWasgi returns how long the first requests of many tenants take after a restart, from
// the connection to the last byte. The first tenant is not counted: the server meets its first
// request ever there.
func coldWasgi(b *testing.B, app coldApp) testkit.Sample {
	b.Helper()
	dir, state := b.TempDir(), b.TempDir()
	for n := range coldTenants + 1 {
		app.stage(b, dir, fmt.Sprintf("%s-%d", app.name, n), "")
	}
	testkit.Start(b, testkit.Options{Dir: dir, State: state}).Stop(b)
	server := testkit.Start(b, testkit.Options{Dir: dir, State: state})
	var times testkit.Sample
	for n := range coldTenants + 1 {
		took := first(b, server, fmt.Sprintf("%s-%d.localhost", app.name, n))
		if n > 0 {
			times = append(times, took)
		}
	}
	server.Stop(b)
	return times
}

// first asks on a connection of its own, and returns how long that takes.
func first(b *testing.B, server *testkit.Server, host string) time.Duration {
	b.Helper()
	begun := time.Now()
	conn := server.Dial(b)
	conn.Say(testkit.Head(host, "/"))
	got, err := conn.Hear("GET")
	took := time.Since(begun)
	if err != nil || got.StatusCode != 200 {
		b.Fatalf("%s: status %v, %v", host, got.Response, err)
	}
	conn.Close()
	return took
}
