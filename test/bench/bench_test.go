// Package bench measures wasgi against the servers it replaces. Peers are started from
// Debian's packages, driven in turn within one run, and compared by the CPU time their
// processes spend on a request: ratios of one run mean something on a busy machine,
// seconds do not.
package bench

import (
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"wasgi/test/testkit"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

const helloApp = `def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Hello, World!\n"]
`

const flaskApp = `from flask import Flask

app = Flask(__name__)


@app.get("/")
def hello():
    return "Hello, World!\n"
`

// BenchmarkHello compares a plain WSGI function with uWSGI, one process.
func BenchmarkHello(b *testing.B) {
	bundle := filepath.Join(b.TempDir(), "hello")
	testkit.Write(b, bundle, testkit.Files{
		"app.py":     helloApp,
		"wasgi.toml": manifest("app:application"),
	})
	uwsgi := freeAddress(b)
	compare(b, startWasgi(b, bundle), start(b, peer{
		name: "uwsgi", dir: bundle, address: uwsgi,
		args: []string{"uwsgi", "--plugin", "python3", "--http-socket", uwsgi, "--wsgi-file", "app.py", "--disable-logging"},
	}))
}

// BenchmarkFlask compares a Flask app with gunicorn's sync worker, one process, both
// with the same packages.
func BenchmarkFlask(b *testing.B) {
	bundle := testkit.Stage(b, b.TempDir(), testkit.App{Name: "flask", Site: "flask", Files: testkit.Files{
		"app.py":     flaskApp,
		"wasgi.toml": manifest("app:app"),
	}})
	gunicorn := freeAddress(b)
	compare(b, startWasgi(b, bundle), start(b, peer{
		name: "gunicorn", dir: bundle, address: gunicorn,
		env:  []string{"PYTHONPATH=" + filepath.Join(bundle, "site-packages")},
		args: []string{"gunicorn", "--bind", gunicorn, "--workers", "1", "app:app"},
	}))
}

func manifest(entry string) string {
	return "[app]\nentry = \"" + entry + "\"\nhosts = [\"*\"]\n[limits]\ncpu_share = 64.0\n"
}

// startWasgi serves one bundle, without an access log, as the peers do.
func startWasgi(b *testing.B, bundle string) *peer {
	b.Helper()
	address := freeAddress(b)
	return start(b, peer{
		name: "wasgi", dir: bundle, address: address,
		args: []string{testkit.Binary(b), "serve", "--access-log=false", "--state", b.TempDir(), "--listen", address, filepath.Dir(bundle)},
	})
}

const (
	rounds      = 5
	perRound    = 2 * time.Second
	connections = 2 // unless WASGI_BENCH_CONNECTIONS says otherwise
)

// compare drives wasgi and the other in turn and reports, for each, the least CPU time
// of a request in any round, and the ratio of both.
func compare(b *testing.B, wasgi, other *peer) {
	b.Helper()
	best := map[*peer]cost{}
	for range rounds {
		for _, p := range []*peer{wasgi, other} {
			c := p.drive(b, perRound)
			if old, ok := best[p]; !ok || c.cpu < old.cpu {
				best[p] = c
			}
		}
	}
	for p, c := range best {
		b.ReportMetric(float64(c.cpu.Nanoseconds())/1000, p.name+"-µs-cpu/req")
		b.ReportMetric(c.rate, p.name+"-req/s")
	}
	b.ReportMetric(float64(best[wasgi].cpu)/float64(best[other].cpu), "ratio")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkStart measures from the start of "wasgi serve" on the three sample apps to
// the first response of hello, with everything compiled before.
func BenchmarkStart(b *testing.B) {
	dir := b.TempDir()
	testkit.Stage(b, dir, testkit.App{Name: "hello"})
	testkit.Stage(b, dir, testkit.App{Name: "flask", Site: "flask"})
	testkit.Stage(b, dir, testkit.App{Name: "django", Site: "django"})
	state, address := b.TempDir(), freeAddress(b)
	best := time.Duration(0)
	for range rounds {
		begun := time.Now()
		p := start(b, peer{
			name: "wasgi", dir: dir, address: address, host: "hello.localhost",
			args: []string{testkit.Binary(b), "serve", "--state", state, "--listen", address, dir},
		})
		took := time.Since(begun)
		if p.stop(); best == 0 || took < best {
			best = took
		}
	}
	b.ReportMetric(float64(best.Milliseconds()), "ms-to-first-response")
	b.ReportMetric(0, "ns/op")
}

func freeAddress(b *testing.B) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
