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

// How often each workload is measured with either image, and how long it is to take.
const (
	overheadRounds = 40
	overheadWork   = 20 * time.Millisecond
)

// measureOverhead compares, for each workload, the least processor time that it takes on a metered
// interpreter with the least on one whose code was not rewritten. Both live in this
// process and take turns.
func measureOverhead(b *testing.B, r *report) {
	plain, metered := newWorker(b, true), newWorker(b, false)
	product := 1.0
	for _, name := range workloads() {
		n := plain.repeats(name)
		least := [2]time.Duration{math.MaxInt64, math.MaxInt64}
		for range overheadRounds {
			least[0] = min(least[0], plain.time(name, n))
			least[1] = min(least[1], metered.time(name, n))
		}
		ratio := float64(least[1]) / float64(least[0])
		product *= ratio
		r.tell(b, name, (ratio-1)*100, "%")
	}
	r.most(b, "geometric mean", (math.Pow(product, 1/float64(len(workloads())))-1)*100, "%", 7)
}

// worker is an interpreter that holds the app work.
type worker struct {
	b        *testing.B
	instance *runtime.Instance
}

func newWorker(b *testing.B, unmetered bool) *worker {
	b.Helper()
	image, stdlib := newImage(b, unmetered)
	bundle := testkit.Stage(b, b.TempDir(), testkit.App{Name: "work"})
	quota := quotas.Default()
	quota.CPU, quota.CPUShare = time.Hour, 64
	i, err := image.NewInstance(context.Background(), runtime.Spec{
		ID: "worker", Quota: quota, HashSeed: 1,
		Mounts: []wasi.Mount{
			{Path: "/usr/lib/python3.13", FS: stdlib},
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
	return &worker{b, i}
}

// newImage compiles the interpreter, with its library beside it.
func newImage(b *testing.B, unmetered bool) (*runtime.Image, wasi.FS) {
	b.Helper()
	artefact, err := pyruntime.Open("")
	fatal(b, err)
	wasm, err := artefact.Wasm()
	fatal(b, err)
	cache, err := os.UserCacheDir()
	fatal(b, err)
	image, err := runtime.LoadImage(context.Background(), runtime.ImageConfig{
		Wasm: wasm, CacheDir: filepath.Join(cache, "wasgi", "compiled"), Unmetered: unmetered,
	})
	fatal(b, err)
	b.Cleanup(func() { image.Close(context.Background()) })
	archive, size, err := artefact.Stdlib()
	fatal(b, err)
	stdlib, err := wasi.NewArchive(archive, size)
	fatal(b, err)
	return image, stdlib
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

func (r *ignored) Write([]byte, bool) error { return nil }
