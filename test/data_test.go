package test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"wasgi/test/testkit"
)

// TestDataLocks ends a program inside a transaction: the next one finds the database
// unlocked, and as it was before.
func TestDataLocks(t *testing.T) {
	t.Parallel()
	dir, state := t.TempDir(), t.TempDir()
	const begin = `
import os
import sqlite3

db = sqlite3.connect("/data/x.db", timeout=3)
db.execute("create table if not exists t (a)")
db.commit()
db.execute("insert into t values (1)")
`
	for _, end := range []string{"os._exit(1)", "os.abort()", "raise SystemExit(1)"} {
		if got := testkit.Command(t, "", "exec", "--state", state, "--app", dir, "--", "-c", begin+end); got.Code == 0 {
			t.Errorf("%s: exit code 0", end)
		}
		got := testkit.Command(t, "", "exec", "--state", state, "--app", dir, "--", "-c", begin+`print(db.execute("select count(*) from t").fetchone())`)
		if got.Out != "(1,)\n" {
			t.Errorf("after %s: %s%s", end, got.Out, got.Errors)
		}
	}
}

// TestDataParallel writes to one database from several instances at once.
func TestDataParallel(t *testing.T) {
	t.Parallel()
	server := testkit.Start(t, testkit.Options{Dir: testkit.StageAll(t, testkit.App{Name: "sqlalchemy", Site: "sqlalchemy"})})
	const clients, books = 4, 10
	var group sync.WaitGroup
	for client := range clients {
		b := server.Browser(t, "sqlalchemy.localhost")
		group.Go(func() {
			for n := range books {
				b.Send(http.MethodPost, "/", "application/json", fmt.Sprintf(`{"author": "author %d", "title": "%d"}`, client, n)).Want(t, http.StatusOK, "books")
			}
		})
	}
	group.Wait()
	page := server.Browser(t, "sqlalchemy.localhost").Get("/")
	for client := range clients {
		page.Want(t, http.StatusOK, fmt.Sprintf(`"author %d": %d`, client, books))
	}
}
