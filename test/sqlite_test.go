package test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"wasgi/test/testkit"
)

const (
	ledgerWriters = 4    // instances, each with a client of its own
	ledgerEntries = 1000 // transactions of each
	ledgerDeath   = 100  // transactions after which one of the instances is killed
	ledgerBatch   = 25   // transactions of one request
)

// ledgerAnswer is what the ledger says.
type ledgerAnswer struct {
	Integrity, Error      string
	Total, Entries, Names int
	Longest               float64 // seconds of the longest transaction
}

func ledgerGet(t *testing.T, b *testkit.Browser, path string) ledgerAnswer {
	t.Helper()
	got := b.Get(path).Want(t, http.StatusOK, "")
	var a ledgerAnswer
	if err := json.Unmarshal([]byte(got.Text), &a); err != nil || a.Error != "" {
		t.Errorf("%s: %q, %v", path, got.Text, err)
	}
	return a
}

// TestSQLiteIsShared has four instances write one database, of which one is killed
// after each hundred transactions, in the middle of another. Nothing may be lost, nothing
// be there twice, and nobody wait for long.
func TestSQLiteIsShared(t *testing.T) {
	t.Parallel()
	server := testkit.Start(t, testkit.Options{Dir: testkit.StageAll(t, testkit.App{Name: "ledger"}), State: fastDir(t)})
	begun := time.Now()
	longest := make([]float64, ledgerWriters)
	var reads int
	writing := make(chan struct{})
	var writers, readers sync.WaitGroup
	for w := range ledgerWriters {
		b := server.Browser(t, "ledger.localhost")
		writers.Go(func() { longest[w] = ledgerWrite(t, b, w) })
	}
	b := server.Browser(t, "ledger.localhost")
	readers.Go(func() { reads = ledgerRead(t, b, writing) })
	writers.Wait()
	close(writing)
	readers.Wait()
	took := time.Since(begun)

	const want = ledgerWriters * ledgerEntries
	got := ledgerGet(t, b, "/check")
	if got.Integrity != "ok" || got.Total != want || got.Entries != want || got.Names != want {
		t.Errorf("the ledger has %+v, want %d of all", got, want)
	}
	var exited, trapped int
	soon(t, "all deaths are told", func() bool { // lines come after their answers
		exited, trapped = ledgerDeaths(server, "ended its process"), ledgerDeaths(server, "interpreter broke")
		return exited+trapped >= want/ledgerDeath
	})
	if exited+trapped != want/ledgerDeath || exited == 0 || trapped == 0 {
		t.Errorf("%d instances exited and %d trapped, want %d together and some of both", exited, trapped, want/ledgerDeath)
	}
	t.Logf("%d transactions in %v, %d instances exited and %d trapped meanwhile, %d reads; the longest transaction of each client took %.3f s",
		want, took.Round(time.Millisecond), exited, trapped, reads, longest)
	for _, seconds := range longest {
		if seconds > 1 {
			t.Errorf("a transaction took %.3f s, waiting for the others included; want at most 1 s", seconds)
		}
	}
}

// fastDir returns a new folder in memory where there is such a place: a transaction waits
// for the disk five times, and a disk that is busy with other work takes a minute for what
// is about locks.
func fastDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "wasgi-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// ledgerDeaths counts the requests that ended for a reason.
func ledgerDeaths(server *testkit.Server, reason string) int {
	n := 0
	for _, line := range server.Log.Find(0, testkit.Match{Tenant: "ledger", Text: "GET /die"}) {
		if strings.Contains(line.Text("reason"), reason) {
			n++
		}
	}
	return n
}

// ledgerWrite writes as one of the clients and returns the longest transaction's seconds.
func ledgerWrite(t *testing.T, b *testkit.Browser, w int) float64 {
	var longest float64
	for at := 0; at < ledgerEntries; at += ledgerBatch {
		got := ledgerGet(t, b, fmt.Sprintf("/write?name=%d.%d&count=%d", w, at, ledgerBatch))
		longest = max(longest, got.Longest)
		if (at+ledgerBatch)%ledgerDeath != 0 {
			continue
		}
		how := "exit"
		if (at/ledgerDeath+w)%2 == 0 {
			how = "abort"
		}
		if dead := b.Get("/die?how=" + how); dead.StatusCode < 500 {
			t.Errorf("an instance that ended itself answers %d, %q", dead.StatusCode, dead.Text)
		}
	}
	return longest
}

// ledgerRead reads until done is closed, and returns how often it did.
func ledgerRead(t *testing.T, b *testkit.Browser, done <-chan struct{}) int {
	for n := 0; ; n++ {
		select {
		case <-done:
			return n
		case <-time.After(20 * time.Millisecond):
		}
		if got := ledgerGet(t, b, "/read"); got.Total != got.Entries || got.Entries != got.Names {
			t.Errorf("a reader sees half a transaction: %+v", got)
		}
	}
}

// sqliteScript checks what SQLite promises within one guest and prints what is amiss.
const sqliteScript = `
import os, sqlite3, sys, time

def check(what, got, want):
    if got != want:
        print(f"{what}: {got!r}, want {want!r}")

def locked(use):
    begun = time.monotonic()
    try:
        use()
        return "not locked"
    except sqlite3.OperationalError as error:
        return str(error), round(time.monotonic() - begun, 1) < 1

folder = sys.argv[1]
path = folder + "/a.sqlite3"
a, b = sqlite3.connect(path), sqlite3.connect(path, timeout=0.2)
get = lambda db, sql: db.execute(sql).fetchone()[0]
check("the journal", get(a, "PRAGMA journal_mode"), "delete")
check("the journal after asking for WAL", get(a, "PRAGMA journal_mode = WAL"), "delete")
check("synchronous", get(a, "PRAGMA synchronous"), 3)
a.execute("CREATE TABLE t (x)")
a.execute("BEGIN IMMEDIATE")
a.execute("INSERT INTO t VALUES (1)")
check("a reader beside the writer", get(b, "SELECT count(*) FROM t"), 0)
begun = time.monotonic()
check("a second writer", locked(lambda: b.execute("INSERT INTO t VALUES (2)")), ("database is locked", True))
check("its patience", time.monotonic() - begun >= 0.2, True)
b.close()  # a POSIX lock would be gone with any descriptor of the file
b = sqlite3.connect(path, timeout=0)
check("a writer after a connection was closed", locked(lambda: b.execute("BEGIN IMMEDIATE")), ("database is locked", True))
a.commit()
check("what was committed", get(b, "SELECT count(*) FROM t"), 1)

b.execute("BEGIN")
get(b, "SELECT count(*) FROM t")
a.execute("PRAGMA busy_timeout = 0")
a.execute("INSERT INTO t VALUES (3)")
check("a commit beside a reader", locked(a.commit), ("database is locked", True))
b.rollback()
a.commit()

for rest in ("nolock=1", "immutable=1", "mode=ro", "vfs=unix-none", "vfs=unix-dotfile", "vfs=unix-excl", "vfs=unix"):
    with sqlite3.connect(f"file:{path}?{rest}", uri=True) as db:
        check(rest, get(db, "SELECT count(*) FROM t"), 2)
    db.close()

a.execute("PRAGMA temp_store = FILE")
a.execute("CREATE TEMP TABLE big AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3000) SELECT zeroblob(1000) AS x FROM n")
check("a temporary table", get(a, "SELECT count(*) FROM big"), 3000)
a.execute("DROP TABLE big")
a.execute("ATTACH ? AS two", (folder + "/b.sqlite3",))
a.execute("CREATE TABLE two.t (x)")
a.execute("INSERT INTO main.t VALUES (4)")
a.execute("INSERT INTO two.t VALUES (4)")
a.commit()
a.execute("VACUUM")
check("integrity", get(a, "PRAGMA integrity_check"), "ok")
check("files", sorted(f for f in os.listdir(folder) if "sqlite3" in f), ["a.sqlite3", "b.sqlite3"])
print("checked", folder)
`

// TestSQLiteInAGuest uses two connections of one guest, on each kind of file system.
func TestSQLiteInAGuest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	testkit.Write(t, dir, testkit.Files{"check.py": sqliteScript})
	state := t.TempDir()
	for _, folder := range []string{"/data", "/tmp"} {
		if got := testkit.Exec(t, state, dir, "check.py", folder); got.Out != "checked "+folder+"\n" || got.Errors != "" {
			t.Errorf("%s: %s%s", folder, got.Out, got.Errors)
		}
	}
}

// TestSQLiteBetweenProcesses runs a command beside a server that has the same database.
func TestSQLiteBetweenProcesses(t *testing.T) {
	t.Parallel()
	dir, state := t.TempDir(), fastDir(t)
	bundle := testkit.Stage(t, dir, testkit.App{Name: "ledger"})
	server := testkit.Start(t, testkit.Options{Dir: dir, State: state})
	const add = "import app; app.write('beside', 200)"
	var both sync.WaitGroup
	both.Go(func() { testkit.Exec(t, state, bundle, "-c", add) })
	b := server.Browser(t, "ledger.localhost")
	for i := range 20 {
		ledgerGet(t, b, fmt.Sprintf("/write?name=%d&count=10", i))
	}
	both.Wait()
	if got := ledgerGet(t, b, "/check"); got != (ledgerAnswer{Integrity: "ok", Total: 400, Entries: 400, Names: 400}) {
		t.Errorf("the ledger has %+v, want 400 of all", got)
	}
}

// atOnce runs f in four goroutines.
func atOnce(f func(n int)) {
	var wg sync.WaitGroup
	for n := range 4 {
		wg.Go(func() { f(n) })
	}
	wg.Wait()
}

// TestSQLAlchemyFromFourInstances adds books from four clients at once.
func TestSQLAlchemyFromFourInstances(t *testing.T) {
	t.Parallel()
	const books = 25
	server := testkit.Start(t, testkit.Options{Dir: testkit.StageAll(t, testkit.App{Name: "sqlalchemy", Site: "sqlalchemy"})})
	makeInstances(t, server, "sqlalchemy")
	atOnce(func(n int) {
		b := server.Browser(t, "sqlalchemy.localhost")
		for i := range books {
			b.Send(http.MethodPost, "/", "application/json", fmt.Sprintf(`{"author": "author %d", "title": "book %d"}`, n, i)).
				Want(t, http.StatusOK, fmt.Sprintf(`"books": %d}`, i+1))
		}
	})
	server.Browser(t, "sqlalchemy.localhost").Get("/").
		Want(t, http.StatusOK, `{"author 0": 25, "author 1": 25, "author 2": 25, "author 3": 25}`)
	wantInstances(t, server, "sqlalchemy")
}

// TestDjangoFromFourInstances writes notes from four clients at once.
func TestDjangoFromFourInstances(t *testing.T) {
	t.Parallel()
	const notes = 15
	dir, state := t.TempDir(), t.TempDir()
	bundle := testkit.Stage(t, dir, testkit.App{Name: "django", Site: "django"})
	testkit.Exec(t, state, bundle, "manage.py", "migrate")
	server := testkit.Start(t, testkit.Options{Dir: dir, State: state})
	makeInstances(t, server, "django")
	atOnce(func(n int) {
		b := server.Browser(t, "django.localhost")
		token := csrfToken(t, b.Get("/write/").Want(t, http.StatusOK, ""))
		for i := range notes {
			form := url.Values{"csrfmiddlewaretoken": {token}, "title": {fmt.Sprintf("%d of %d", i, n)}, "text": {"x"}, "stars": {"2"}}
			b.Post("/write/", form).Want(t, http.StatusFound, "")
		}
	})
	server.Browser(t, "django.localhost").Get("/").Want(t, http.StatusOK, "60 notes, 2 stars on average")
	wantInstances(t, server, "django")
}

// makeInstances lets the server make all four instances of the tenant's: it does when
// more requests than it has instances for are there at once.
func makeInstances(t *testing.T, server *testkit.Server, tenant string) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); {
		atOnce(func(int) { server.Browser(t, tenant+".localhost").Get("/").Want(t, http.StatusOK, "") })
		if len(server.Log.Find(0, testkit.Match{Tenant: tenant, Text: "instance ready"})) >= 4 {
			return
		}
	}
	t.Fatalf("%s does not get four instances", tenant)
}

// wantInstances fails the test unless four instances of the tenant's have answered.
func wantInstances(t *testing.T, server *testkit.Server, tenant string) {
	t.Helper()
	seen := map[string]bool{}
	for _, line := range server.Log.Find(0, testkit.Match{Tenant: tenant}) {
		if name := line.Text("instance"); strings.HasPrefix(name, tenant+"-") {
			seen[name] = true
		}
	}
	if len(seen) != 4 {
		t.Errorf("%d instances have answered, want 4", len(seen))
	}
}
