package hogs

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"wasgi/test/testkit"
)

// measureDeterminism sends the same request a hundred times, each to an interpreter that
// is made for it, and counts how many burnt the fuel that most did. The first interpreter
// of all is left out: it compiles what the others load, and its garbage is collected at
// other times. The pages do not depend on the time of day.
func measureDeterminism(b *testing.B, r *testkit.Report) {
	const times = 100
	for _, app := range []struct {
		testkit.App
		path string
	}{{testkit.App{Name: "hello"}, "/"}, {testkit.App{Name: "flask", Site: "flask"}, "/api/entries"}} {
		dir := b.TempDir()
		bundle := testkit.Stage(b, dir, app.App)
		testkit.EditManifest(b, bundle, `(?m)^entry = `, "isolation = \"request\"\nentry = ")
		testkit.EditManifest(b, bundle, `(?s)(\n\[limits\].*)?\z`, "\n[limits]\nqueue_timeout = \"1m\"\n")
		server := testkit.Start(b, testkit.Options{Dir: dir})
		c := newCaller(server.Address(), app.Name, app.path)
		for range times + 1 {
			if status, err := c.call(); status != http.StatusOK || err != nil {
				b.Fatalf("%s: status %d, %v", app.Name, status, err)
			}
		}
		_ = c.close(nil)
		server.Stop(b) // writes the last lines of the log
		burnt := map[string]int{}
		for _, line := range server.Log.Find(0, testkit.Match{Tenant: app.Name, Text: "GET /"})[1:] {
			burnt[fmt.Sprintf("%.0f", line["fuel"])]++
		}
		most := 0
		for _, n := range burnt {
			most = max(most, n)
		}
		r.Least(b, app.Name+" alike", float64(most), "of-100", times)
		if most != times {
			b.Logf("%s: %v", app.Name, sortedCounts(burnt))
		}
	}
}

func sortedCounts(counts map[string]int) []string {
	var all []string
	for fuel, n := range counts {
		all = append(all, fmt.Sprintf("%s: %d", fuel, n))
	}
	slices.Sort(all)
	return all
}
