package hogs

import (
	"net/http"
	"path/filepath"
	"strings"
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

// bornBad are apps that are hogs when they are imported.
func bornBad() map[string]struct {
	code  string
	limit quotas.Limit
} {
	return map[string]struct {
		code  string
		limit quotas.Limit
	}{
		"endless":    {"while True:\n    pass\n", quotas.LimitStartupCPU},
		"persistent": {"while True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass\n", quotas.LimitStartupCPU},
		"native":     {"sum(range(10**12))\n", quotas.LimitStartupCPU},
		"balloon":    {"hoard = []\nwhile True:\n    hoard.append(bytearray(1 << 20))\n", quotas.LimitMemory},
		"sleeper":    {"import time\ntime.sleep(1e9)\n", quotas.LimitStartupTimeout},
		"sleepless":  {"import time\nwhile True:\n    try:\n        time.sleep(1e9)\n    except BaseException:\n        pass\n", quotas.LimitStartupTimeout},
		"deep":       {"values = iter([1])\nfor _ in range(100_000):\n    values = map(int, values)\nnext(values)\n", quotas.LimitStack},
	}
}

// TestHogsAtTheStart serves apps that never come to be: each is told of, and once it is
// mended it answers.
func TestHogsAtTheStart(t *testing.T) {
	t.Parallel()
	const manifest = "[app]\nentry = \"app:application\"\nhosts = [\"%.localhost\"]\n[limits]\nmemory = \"64MiB\"\nstartup_cpu = \"1s\"\nstartup_timeout = \"6s\"\n"
	dir := t.TempDir()
	for name, bad := range bornBad() {
		testkit.Write(t, filepath.Join(dir, name), testkit.Files{"app.py": bad.code + neighbourApp, "wasgi.toml": strings.ReplaceAll(manifest, "%", name)})
	}
	stageNeighbour(t, dir)
	server := testkit.Start(t, testkit.Options{Dir: dir})
	v := newVisitor(t, server)
	stop := v.watch(t)
	for name, bad := range bornBad() {
		got, err := v.get(name, "/")
		if err != nil || got.status != http.StatusServiceUnavailable || got.limit != string(bad.limit) {
			t.Errorf("%s: %+v, %v; want 503 and %q", name, got, err, bad.limit)
		}
		testkit.Write(t, filepath.Join(dir, name), testkit.Files{"app.py": neighbourApp})
	}
	for name := range bornBad() {
		awaitMended(t, v, name)
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
