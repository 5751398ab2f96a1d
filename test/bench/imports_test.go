package bench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"wasgi/abi"
	"wasgi/pyruntime"
	"wasgi/quotas"
	"wasgi/runtime"
	"wasgi/test/testkit"
	"wasgi/wasi"
)

// BenchmarkImport compares the import of a framework, from bytecode, by an app that a
// fresh guest loads with that of the machine's own python3, in turn, and counts how
// often the guest looks a name up.
func BenchmarkImport(b *testing.B) {
	for name, modules := range map[string]string{
		"flask":  "flask",
		"django": "django, django.conf, django.db, django.http, django.urls, django.template, django.forms, django.contrib.auth.hashers",
	} {
		b.Run(name, func(b *testing.B) {
			site := filepath.Join(testkit.Stage(b, b.TempDir(), testkit.App{Name: "hello", Site: name}), "site-packages")
			native, guest := newNative(b, site), newGuests(b, site)
			script := "import sys, time\nbefore, t = len(sys.modules), time.perf_counter()\nimport " + modules +
				"\nprint(time.perf_counter() - t, len(sys.modules) - before)"
			least := map[string]float64{}
			imported, before := 0, int64(0)
			for range 2 * rounds {
				before = guest.lookups.Load()
				for who, run := range map[string]func(string) string{"native": native, "guest": guest.run} {
					var seconds float64
					var count int
					if _, err := fmt.Sscan(run(script), &seconds, &count); err != nil {
						b.Fatal(err)
					}
					if old, ok := least[who]; !ok || seconds < old {
						least[who] = seconds
					}
					if who == "guest" {
						imported = count
					}
				}
			}
			b.ReportMetric(least["native"]*1000, "native-ms")
			b.ReportMetric(least["guest"]*1000, "guest-ms")
			b.ReportMetric(least["guest"]/least["native"], "ratio")
			b.ReportMetric(float64(guest.lookups.Load()-before)/float64(imported), "lookups/module")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// newNative returns what runs a script with the machine's python3 and a compiled copy of
// the packages.
func newNative(b *testing.B, site string) func(script string) string {
	b.Helper()
	copied := filepath.Join(b.TempDir(), "site")
	if err := os.CopyFS(copied, os.DirFS(site)); err != nil {
		b.Fatal(err)
	}
	python := func(args ...string) string {
		cmd := exec.Command("python3", args...)
		cmd.Env = append(os.Environ(), "PYTHONPATH="+copied, "PYTHONDONTWRITEBYTECODE=")
		out, err := cmd.Output()
		if err != nil {
			b.Fatalf("python3: %v (make bench installs it)", err)
		}
		return string(out)
	}
	python("-m", "compileall", "-q", copied)
	return func(script string) string { return python("-c", script) }
}

// guests runs scripts, each in a guest of its own, where it imports an app.
type guests struct {
	b       *testing.B
	image   *runtime.Image
	stdlib  wasi.FS
	app     wasi.FS
	cache   wasi.FS
	lookups atomic.Int64
}

func newGuests(b *testing.B, site string) *guests {
	b.Helper()
	g := &guests{b: b}
	artefact, err := pyruntime.Open("")
	fatal(b, err)
	wasm, err := artefact.Wasm()
	fatal(b, err)
	g.image, err = runtime.LoadImage(context.Background(), runtime.ImageConfig{Wasm: wasm, CacheDir: b.TempDir()})
	fatal(b, err)
	b.Cleanup(func() { g.image.Close(context.Background()) })
	archive, size, err := artefact.Stdlib()
	fatal(b, err)
	stdlib, err := wasi.NewArchive(archive, size)
	fatal(b, err)
	g.stdlib = counted{stdlib, &g.lookups}
	testkit.Write(b, site, testkit.Files{"timed.py": "import os\n\nexec(os.environ['SCRIPT'])\napplication = print\n"})
	app, err := os.OpenRoot(site)
	fatal(b, err)
	b.Cleanup(func() { app.Close() })
	g.app = counted{wasi.ReadOnlyDir(app), &g.lookups}
	cache, err := os.OpenRoot(b.TempDir())
	fatal(b, err)
	b.Cleanup(func() { cache.Close() })
	data := wasi.DataDir(cache, wasi.Quota{})
	g.cache = counted{data, &g.lookups}
	g.run("print()") // the archive's directory, and what Python itself imports
	return g
}

func fatal(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (g *guests) run(script string) string {
	g.b.Helper()
	var out strings.Builder
	i, err := g.image.NewInstance(context.Background(), runtime.Spec{
		Quota: quotas.Quota{Memory: 256 * quotas.MiB, Stack: 8 * quotas.MiB, CPUShare: 64, CPUBurst: time.Hour},
		Mounts: []wasi.Mount{
			{Path: "/usr/lib/python3.13", FS: g.stdlib}, {Path: "/app", FS: g.app}, {Path: "/var/cache/python", FS: g.cache},
			{Path: "/tmp", FS: wasi.NewTmp(wasi.Quota{})},
		},
		Log: func(_, _, line string) { out.WriteString(line + "\n") },
	})
	fatal(g.b, err)
	defer i.Close()
	settings := &abi.Pairs{}
	settings.Add(abi.SettingPath, "/app")
	settings.Add(abi.SettingEntry, "timed:application")
	settings.Add(abi.SettingEnv, "SCRIPT="+script)
	fatal(g.b, i.Load(context.Background(), settings))
	fatal(g.b, i.Begin(context.Background()))
	return out.String()
}

// counted is a file system that counts how often a name is looked up in it.
type counted struct {
	wasi.FS
	n *atomic.Int64
}

func (c counted) Stat(path string, follow bool) (wasi.Filestat, wasi.Errno) {
	c.n.Add(1)
	return c.FS.Stat(path, follow)
}

func (c counted) Open(path string, flags wasi.OpenFlags) (wasi.File, wasi.Errno) {
	c.n.Add(1)
	return c.FS.Open(path, flags)
}
