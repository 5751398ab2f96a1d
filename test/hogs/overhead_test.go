package hogs

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	goruntime "runtime"
	"testing"
	"time"

	"wasgi/abi"
	"wasgi/pyruntime"
	"wasgi/quotas"
	"wasgi/runtime"
	"wasgi/test/testkit"
	"wasgi/wasi"
)

// workloads are the pages of the app work.
func workloads() []string {
	return []string{
		"integers", "fib", "methods", "dicts", "regexes", "documents", "sorting", "formatting", "templates",
		"generators", "exceptions", "strings",
	}
}

// How many interpreters of either kind are measured, each with machine code of its own, since where code
// and memory lie makes a difference of some percent; how often each workload with each;
// and how long it is to take.
const (
	overheadWorkers = 4
	overheadRounds  = 100
	overheadWork    = 3 * time.Millisecond // so short that some are not disturbed
)

// measureOverhead compares, for each workload, the least processor time that it takes
// metered interpreters with the least of those whose code was not rewritten. All live in
// this process and take turns.
func measureOverhead(b *testing.B, r *testkit.Report) {
	var workers []*worker // of either kind in turn
	for n := range 2 * overheadWorkers {
		workers = append(workers, newWorker(b, newImage(b, n%2 == 0)))
	}
	product := 1.0
	for _, name := range workloads() {
		n := workers[0].repeats(name)
		for _, w := range workers[1:] {
			w.follow(name, n)
		}
		least := [2]time.Duration{math.MaxInt64, math.MaxInt64}
		for i := range overheadRounds * len(workers) {
			least[i%2] = min(least[i%2], workers[i%len(workers)].time(name, n))
		}
		ratio := float64(least[1]) / float64(least[0])
		product *= ratio
		r.Tell(b, name, (ratio-1)*100, "%")
	}
	r.Most(b, "geometric mean", (math.Pow(product, 1/float64(len(workloads())))-1)*100, "%", 7)
}

// worker is an interpreter that holds the app work.
type worker struct {
	b        *testing.B
	instance *runtime.Instance
}

func newWorker(b *testing.B, img *image) *worker {
	b.Helper()
	bundle := testkit.Stage(b, b.TempDir(), testkit.App{Name: "work"})
	quota := quotas.Default()
	quota.CPU, quota.CPUShare = time.Hour, 64
	i, err := img.NewInstance(context.Background(), runtime.Spec{
		ID: "worker", Quota: quota, HashSeed: 1,
		Mounts: []wasi.Mount{
			{Path: "/usr/lib/python3.13", FS: img.stdlib},
			{Path: "/app", FS: wasi.ReadOnlyDir(root(b, bundle))},
			{Path: "/tmp", FS: wasi.NewTmp(wasi.Quota{})},
		},
		Log: func(_, _, line string) { b.Log(line) },
	})
	fatal(b, err)
	b.Cleanup(i.Close)
	settings := &abi.Pairs{}
	settings.Add(abi.SettingPath, "/app")
	settings.Add(abi.SettingEntry, "app:application")
	fatal(b, i.Load(context.Background(), settings))
	fatal(b, i.Begin(context.Background()))
	return &worker{b, i}
}

// image is the interpreter, compiled, and its library.
type image struct {
	*runtime.Image
	stdlib wasi.FS
}

func newImage(b *testing.B, unmetered bool) *image {
	b.Helper()
	artefact, err := pyruntime.Open("")
	fatal(b, err)
	wasm, err := artefact.Wasm()
	fatal(b, err)
	cache, err := os.UserCacheDir()
	fatal(b, err)
	compiled, err := runtime.LoadImage(context.Background(), runtime.ImageConfig{
		Wasm: wasm, CacheDir: filepath.Join(cache, "wasgi", "compiled"), Unmetered: unmetered,
	})
	fatal(b, err)
	b.Cleanup(func() { compiled.Close(context.Background()) })
	archive, size, err := artefact.Stdlib()
	fatal(b, err)
	stdlib, err := wasi.NewArchive(archive, size)
	fatal(b, err)
	return &image{compiled, stdlib}
}

func root(b *testing.B, dir string) *os.Root {
	b.Helper()
	r, err := os.OpenRoot(dir)
	fatal(b, err)
	b.Cleanup(func() { r.Close() })
	return r
}

// repeats returns how often work is to be done so that it takes its time.
func (w *worker) repeats(name string) int {
	w.time(name, 1) // what is compiled or cached at the first use
	n := 1
	for w.time(name, n) < overheadWork {
		n *= 2
	}
	return n
}

// follow does what the worker did whose repeats returned n. Python adapts code to what it
// meets first: a worker that came to a workload in other steps is up to 8 % slower in it.
func (w *worker) follow(name string, n int) {
	w.time(name, 1)
	for i := 1; i <= n; i *= 2 {
		w.time(name, i)
	}
}

// time returns the processor time that one request takes.
func (w *worker) time(name string, n int) time.Duration {
	e := &abi.Pairs{}
	for _, pair := range [][2]string{
		{"REQUEST_METHOD", "GET"}, {"SCRIPT_NAME", ""}, {"PATH_INFO", "/" + name}, {"QUERY_STRING", fmt.Sprint(n)},
		{"SERVER_NAME", "work.localhost"}, {"SERVER_PORT", "80"}, {"SERVER_PROTOCOL", "HTTP/1.1"}, {"wsgi.url_scheme", "http"},
	} {
		e.Add(pair[0], pair[1])
	}
	var a ignored
	goruntime.LockOSThread() // whose clock tells less of what else the machine does
	defer goruntime.UnlockOSThread()
	begun := quotas.ThreadCPU()
	err := w.instance.Serve(context.Background(), &runtime.Request{ID: "work", Environ: e}, &a)
	took := quotas.ThreadCPU() - begun
	if err != nil || a.status != "200 OK" {
		w.b.Fatalf("%s: %q, %v; %s", name, a.status, err, w.instance.Report())
	}
	return took
}

// ignored is a response of which only the status is kept.
type ignored struct{ status string }

func (r *ignored) Start(status []byte, _ abi.View) error {
	r.status = string(status)
	return nil
}

func (r *ignored) Expect(int64) {}

func (r *ignored) Write([]byte, bool) error { return nil }
