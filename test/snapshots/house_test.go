package snapshots

import (
	"context"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"wasgi/abi"
	"wasgi/pyruntime"
	"wasgi/quotas"
	"wasgi/runtime"
	"wasgi/wasi"
)

// house is the interpreter within this process, so that can be seen what no client sees.
type house struct {
	img    *runtime.Image
	stdlib wasi.FS
	base   *runtime.Snapshot
	budget *quotas.Budget
}

func newHouse(t testing.TB) *house {
	t.Helper()
	artefact, err := pyruntime.Open("")
	fatal(t, err)
	wasm, err := artefact.Wasm()
	fatal(t, err)
	cache, err := os.UserCacheDir()
	fatal(t, err)
	h := &house{budget: quotas.NewBudget(8*quotas.GiB, nil)}
	h.img, err = runtime.LoadImage(context.Background(), runtime.ImageConfig{Wasm: wasm, CacheDir: filepath.Join(cache, "wasgi", "compiled")})
	fatal(t, err)
	t.Cleanup(func() { h.img.Close(context.Background()) })
	archive, size, err := artefact.Stdlib()
	fatal(t, err)
	h.stdlib, err = wasi.NewArchive(archive, size)
	fatal(t, err)
	h.base, err = h.img.Base(context.Background(), runtime.Spec{
		ID: "base", Quota: quotas.Default(), HashSeed: 1, Budget: h.budget,
		Mounts: []wasi.Mount{{Path: "/usr/lib/python3.13", FS: h.stdlib}},
	})
	fatal(t, err)
	t.Cleanup(h.base.Close)
	return h
}

// app is a tenant's, imported.
type app struct {
	h        *house
	name     string
	root     *os.Root
	quota    quotas.Quota
	account  *quotas.Account
	seed     uint32
	snapshot *runtime.Snapshot
	instance *runtime.Instance // where one is measured
}

// stage imports an app with its packages.
func (h *house) stage(b *testing.B, a coldApp) *app {
	b.Helper()
	dir := b.TempDir()
	a.stage(b, dir, a.name, "")
	return h.open(b, a.name, filepath.Join(dir, a.name))
}

// open imports the app of a bundle.
func (h *house) open(t testing.TB, name, dir string) *app {
	t.Helper()
	a := &app{h: h, name: name, quota: quotas.Default(), seed: 1 + rand.Uint32N(math.MaxUint32)}
	a.quota.CPUShare, a.quota.CPU = 64, time.Minute
	a.account = quotas.NewAccount(a.quota, quotas.NewGate(4).NewFlow(1))
	var err error
	a.root, err = os.OpenRoot(dir)
	fatal(t, err)
	t.Cleanup(func() { a.root.Close() })
	i, err := h.img.Restore(context.Background(), a.spec(t, nil), h.base)
	fatal(t, err)
	defer i.Close()
	settings := &abi.Pairs{}
	settings.Add(abi.SettingCwd, "/app")
	for _, path := range []string{"/app", "/app/site-packages"} {
		settings.Add(abi.SettingPath, path)
	}
	settings.Add(abi.SettingEntry, "app:application")
	fatal(t, i.Load(context.Background(), settings))
	a.snapshot, err = i.Snapshot(context.Background())
	fatal(t, err)
	t.Cleanup(a.snapshot.Close)
	return a
}

func (a *app) spec(t testing.TB, tmp *wasi.TmpImage) runtime.Spec {
	room := wasi.Quota{Bytes: int64(a.quota.Tmp), Inodes: 4096}
	own := wasi.NewTmp(room)
	if tmp != nil {
		own = wasi.NewTmpFrom(room, tmp)
	}
	return runtime.Spec{
		ID: a.name, Quota: a.quota, Account: a.account, HashSeed: a.seed, Budget: a.h.budget, Tmp: own,
		Mounts: []wasi.Mount{
			{Path: "/usr/lib/python3.13", FS: a.h.stdlib}, {Path: "/app", FS: wasi.ReadOnlyDir(a.root)}, {Path: "/tmp", FS: own},
		},
		Log: func(_, _, line string) { t.Log(line) },
	}
}

// restore makes an instance of the app's snapshot.
func (a *app) restore(t testing.TB) *runtime.Instance {
	t.Helper()
	i, err := a.h.img.Restore(context.Background(), a.spec(t, a.snapshot.Tmp()), a.snapshot)
	fatal(t, err)
	return i
}

// ask has an instance answer a request and returns the body.
func ask(t testing.TB, i *runtime.Instance) string {
	t.Helper()
	got := &body{}
	fatal(t, i.Serve(context.Background(), &runtime.Request{Environ: environ()}, got))
	return string(*got)
}

// environ is that of a plain request.
func environ() *abi.Pairs {
	p := &abi.Pairs{}
	for _, pair := range [][2]string{
		{"REQUEST_METHOD", "GET"}, {"SCRIPT_NAME", ""}, {"PATH_INFO", "/"}, {"QUERY_STRING", ""},
		{"SERVER_NAME", "localhost"}, {"SERVER_PORT", "80"}, {"SERVER_PROTOCOL", "HTTP/1.1"}, {"HTTP_HOST", "localhost"},
		{"wsgi.url_scheme", "http"},
	} {
		p.Add(pair[0], pair[1])
	}
	return p
}

// body keeps what an app answers.
type body []byte

func (b *body) Start([]byte, abi.View) error { return nil }

func (b *body) Expect(int64) {}

func (b *body) Write(block []byte, _ bool) error {
	*b = append(*b, block...)
	return nil
}

func fatal(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// write makes a bundle of an app of one file, and imports it.
func (h *house) write(t testing.TB, name, code string) *app {
	t.Helper()
	dir := t.TempDir()
	fatal(t, os.WriteFile(filepath.Join(dir, "app.py"), []byte(code), 0o600))
	return h.open(t, name, dir)
}

// times returns how often something is done: least, but an environment variable says.
func times(t testing.TB, variable string, least int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return least
	}
	n, err := strconv.Atoi(text)
	fatal(t, err)
	return n
}
