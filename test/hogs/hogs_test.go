package hogs

import (
	"fmt"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"wasgi/quotas"
	"wasgi/test/testkit"
)

// TestHogs lets each hog loose once. Each ends, by the limit that is meant for it; the
// next request to its tenant is answered well; and a neighbour's interpreter goes on all
// the while, from answer to answer.
func TestHogs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, family := range families() {
		stagePen(t, dir, family, limitsOf(family))
	}
	stageNeighbour(t, dir)
	server := testkit.Start(t, testkit.Options{Dir: dir})
	v := newVisitor(t, server)
	stop := v.watch(t)
	t.Run("zoo", func(t *testing.T) {
		for _, family := range families() {
			t.Run(family, func(t *testing.T) {
				t.Parallel()
				releaseFamily(t, v, family)
			})
		}
	})
	stop()
	if made := server.Log.Find(0, testkit.Match{Tenant: neighbourName, Text: "instance ready"}); len(made) != 1 {
		t.Errorf("the neighbour had %d instances, want 1", len(made))
	}
}

func releaseFamily(t *testing.T, v *visitor, family string) {
	for _, h := range zoo() {
		if h.family != family {
			continue
		}
		t.Run(h.name, func(t *testing.T) {
			got, line := v.release(t, family, h)
			h.check(t, got, line)
			if err := v.good(family); err != nil {
				t.Error(err)
			}
		})
	}
}

// badStart is an app that is a hog when it is imported, and the limit that it meets.
type badStart struct {
	name, code string
	limit      quotas.Limit
}

func badStarts() []badStart {
	const catching = "while True:\n    try:\n        %s\n    except BaseException:\n        pass\n"
	return []badStart{
		{"endless", "while True:\n    pass\n", quotas.LimitStartupCPU},
		{"persistent", fmt.Sprintf(catching, "while True: pass"), quotas.LimitStartupCPU},
		{"native", "sum(range(10**12))\n", quotas.LimitStartupCPU},
		{"balloon", "hoard = []\nwhile True:\n    hoard.append(bytearray(1 << 20))\n", quotas.LimitMemory},
		{"sleeper", "import time\ntime.sleep(1e9)\n", quotas.LimitStartupTimeout},
		{"sleepless", "import time\n" + fmt.Sprintf(catching, "time.sleep(1e9)"), quotas.LimitStartupTimeout},
		{"deep", "values = iter([1])\nfor _ in range(300_000):\n    values = map(int, values)\nnext(values)\n", quotas.LimitStack},
	}
}

// files returns the bundle: bad, or mended.
func (s badStart) files(mended bool) testkit.Files {
	manifest := "[app]\nentry = \"app:application\"\nhosts = [\"" + s.name + ".localhost\"]\n"
	if mended {
		return testkit.Files{"app.py": neighbourApp, "wasgi.toml": manifest}
	}
	manifest += "[limits]\nmemory = \"64MiB\"\n"
	switch s.limit {
	case quotas.LimitStartupCPU:
		manifest += "startup_cpu = \"500ms\"\n"
	case quotas.LimitStack:
		manifest += "stack = \"8MiB\"\n"
	case quotas.LimitStartupTimeout:
		manifest += "startup_timeout = \"2s\"\n"
	}
	return testkit.Files{"app.py": s.code + neighbourApp, "wasgi.toml": manifest}
}

// TestHogsAtTheStart serves apps that never come to be: each is told of, and once it is
// mended it answers.
func TestHogsAtTheStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, bad := range badStarts() {
		testkit.Write(t, filepath.Join(dir, bad.name), bad.files(false))
	}
	stageNeighbour(t, dir)
	server := testkit.Start(t, testkit.Options{Dir: dir})
	v := newVisitor(t, server)
	stop := v.watch(t)
	for _, bad := range badStarts() {
		got, err := v.get(bad.name, "/")
		if err != nil || got.status != http.StatusServiceUnavailable || got.limit != string(bad.limit) {
			t.Errorf("%s: %+v, %v; want 503 and %q", bad.name, got, err, bad.limit)
		}
		testkit.Write(t, filepath.Join(dir, bad.name), bad.files(true))
	}
	for _, bad := range badStarts() {
		awaitMended(t, v, bad.name)
	}
	stop()
}

// awaitMended returns when a tenant answers.
func awaitMended(t *testing.T, v *visitor, tenant string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if got, err := v.get(tenant, "/"); err == nil && got.status == http.StatusOK {
			return
		}
	}
	t.Errorf("%s does not answer though it is mended", tenant)
}
