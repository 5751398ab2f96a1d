package test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
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
// be there twice, and nobody wait longer than SQLite waits for a lock by itself.
func TestSQLiteIsShared(t *testing.T) {
	t.Parallel()
	server := testkit.Start(t, testkit.Options{Dir: testkit.StageAll(t, testkit.App{Name: "ledger"})})
	begun := time.Now()
	longest := make([]float64, ledgerWriters)
	var deaths, reads int
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
	deaths = len(server.Log.Find(0, testkit.Match{Tenant: "ledger", Text: "ended its process"})) +
		len(server.Log.Find(0, testkit.Match{Tenant: "ledger", Text: "interpreter broke"}))
	t.Logf("%d transactions in %v, %d log lines of deaths, %d reads; the longest transactions took %.3f s",
		want, took.Round(time.Millisecond), deaths, reads, longest)
	for _, seconds := range longest {
		if seconds > 6 { // 5 is the connection's timeout
			t.Errorf("a transaction took %.1f s", seconds)
		}
	}
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
