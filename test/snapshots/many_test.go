package snapshots

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"

	"wasgi/test/testkit"
)

// How many tenants one server has, and how many of them are Flask's.
const (
	manyTenants = 2000
	manyFlasks  = 50
)

// measureMany starts a server with many tenants that are all stored, and asks each once.
func measureMany(b *testing.B, r *testkit.Report) {
	dir, state := b.TempDir(), b.TempDir()
	names := stageMany(b, dir)
	begun := time.Now()
	server := testkit.Launch(b, testkit.Options{Dir: dir, State: state})
	settled(b, server)
	server.Stop(b)
	r.Tell(b, "first start", time.Since(begun).Seconds(), "s")

	var best, last time.Duration
	for range 3 {
		begun := time.Now()
		server = testkit.Launch(b, testkit.Options{Dir: dir, State: state})
		first(b, server, names[len(names)-1]+".localhost")
		if last = time.Since(begun); best == 0 || last < best {
			best = last
		}
		server.Stop(b)
	}
	r.Most(b, "restart to first response", testkit.Milliseconds(best), "ms", 500)

	server = testkit.Launch(b, testkit.Options{Dir: dir, State: state, Args: []string{"--access-log=false"}})
	settled(b, server)
	r.Tell(b, "RSS before any request", status(b, server, "status", "VmRSS"), "MiB")
	reportDensity(b, r, server, state, names)
	server.Stop(b)
}

// stageMany returns the names of the tenants, Flask's first.
func stageMany(b *testing.B, dir string) (names []string) {
	b.Helper()
	for n := range manyTenants {
		app := coldApps()[0]
		if n < manyFlasks {
			app = coldApps()[1]
		}
		names = append(names, fmt.Sprintf("%s-%d", app.name, n))
		app.stage(b, dir, names[n], "")
	}
	return names
}

// settled waits until the server has looked at all bundles.
func settled(b *testing.B, server *testkit.Server) {
	b.Helper()
	for end := time.Now().Add(10 * time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if len(server.Log.Find(0, testkit.Match{Text: "tenant serving"})) == manyTenants {
			return
		}
	}
	b.Fatal("the server does not serve all its tenants")
}

func reportDensity(b *testing.B, r *testkit.Report, server *testkit.Server, state string, names []string) {
	b.Helper()
	first(b, server, names[len(names)-1]+".localhost") // the interpreter is there
	before := status(b, server, "smaps_rollup", "Anonymous")
	for _, name := range names[:manyFlasks] {
		first(b, server, name+".localhost")
	}
	after := status(b, server, "smaps_rollup", "Anonymous")
	r.Most(b, "private memory of a warm Flask", (after-before)/manyFlasks, "MiB", 3)
	most := 0.0
	for n, name := range names {
		if first(b, server, name+".localhost"); n%100 == 0 {
			most = max(most, status(b, server, "status", "VmRSS"))
		}
	}
	r.Most(b, "RSS", max(most, status(b, server, "status", "VmRSS")), "MiB", 2048)
	largest := int64(0)
	for _, name := range names[:manyFlasks] {
		info, err := os.Stat(state + "/" + name + "/snapshot/app")
		if err != nil {
			b.Fatal(err)
		}
		largest = max(largest, info.Size())
	}
	r.Most(b, "disk of a Flask", float64(largest)/(1<<20), "MiB", 12)
}

// status returns a figure of the server's process, in MiB.
func status(b *testing.B, server *testkit.Server, file, name string) float64 {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", server.Pid(), file))
	if err != nil {
		b.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^` + name + `:\s+(\d+) kB$`).FindSubmatch(text)
	if found == nil {
		b.Fatalf("%s has no %s", file, name)
	}
	kib, err := strconv.Atoi(string(found[1]))
	if err != nil {
		b.Fatal(err)
	}
	return float64(kib) / 1024
}
