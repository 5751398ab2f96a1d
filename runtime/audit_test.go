package runtime

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"wasgi/abi"
	"wasgi/pyruntime"
	"wasgi/quotas"
	"wasgi/wasi"
)

// auditedApp changes all that it can: objects, globals of C, more memory than it began with,
// files, what is open and where it is.
const auditedApp = `import os, random, sys
kept, log = {}, open("/tmp/log", "w+")
log.write("imported\n")
log.flush()
os.mkdir("/tmp/folder")

def application(environ, start_response):
    n = int(environ["QUERY_STRING"])
    chance = random.Random(n)
    kept[n] = [chance.random() for _ in range(chance.randrange(2000))]
    log.write("request %d\n" % n)
    log.flush()
    if n % 2:
        globals()["open_%d" % n] = open("/tmp/folder/%d" % n, "wb+")
        globals()["open_%d" % n].write(b"x" * chance.randrange(100000))
    if n % 3 == 0:
        os.rename("/tmp/log", "/tmp/log.%d" % n)
        os.rmdir("/tmp/folder") if not os.listdir("/tmp/folder") else None
    if n % 5 == 0:
        globals()["large"] = b"y" * chance.randrange(8 << 20)
        os.environ["CHANGED"] = str(n)
    if n % 7 == 0:
        sys.setrecursionlimit(2000 + n % 100)
        log.close()
    if n % 11 == 0:
        raise ValueError(n)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%d" % len(kept)]
`

// python is the interpreter, for tests that look into it.
type python struct {
	img    *Image
	stdlib wasi.FS
	base   *Snapshot
}

func newPython(t *testing.T) *python {
	t.Helper()
	artefact, err := pyruntime.Open("")
	fatal(t, err)
	wasm, err := artefact.Wasm()
	fatal(t, err)
	cache, err := os.UserCacheDir()
	fatal(t, err)
	p := &python{}
	p.img, err = LoadImage(context.Background(), ImageConfig{Wasm: wasm, CacheDir: filepath.Join(cache, "wasgi", "compiled")})
	fatal(t, err)
	t.Cleanup(func() { p.img.Close(context.Background()) })
	archive, size, err := artefact.Stdlib()
	fatal(t, err)
	p.stdlib, err = wasi.NewArchive(archive, size)
	fatal(t, err)
	p.base, err = p.img.Base(context.Background(), Spec{
		ID: "base", Quota: quotas.Default(), HashSeed: 1, Mounts: []wasi.Mount{{Path: "/usr/lib/python3.13", FS: p.stdlib}},
	})
	fatal(t, err)
	t.Cleanup(p.base.Close)
	return p
}

// pythonApp is an app of that interpreter, imported.
type pythonApp struct {
	*python
	root     *os.Root
	seed     uint32
	snapshot *Snapshot
}

func (p *python) open(t *testing.T, code string) *pythonApp {
	t.Helper()
	dir := t.TempDir()
	fatal(t, os.WriteFile(filepath.Join(dir, "app.py"), []byte(code), 0o600))
	root, err := os.OpenRoot(dir)
	fatal(t, err)
	t.Cleanup(func() { root.Close() })
	a := &pythonApp{python: p, root: root, seed: 1 + rand.Uint32N(1<<31)}
	i, err := p.img.Restore(context.Background(), a.spec(t, nil), p.base)
	fatal(t, err)
	defer i.Close()
	settings := &abi.Pairs{}
	settings.Add(abi.SettingPath, "/app")
	settings.Add(abi.SettingEntry, "app:application")
	fatal(t, i.Load(context.Background(), settings))
	a.snapshot, err = i.Snapshot(context.Background())
	fatal(t, err)
	t.Cleanup(a.snapshot.Close)
	return a
}

func (a *pythonApp) spec(t *testing.T, begin *wasi.TmpImage) Spec {
	room := wasi.Quota{Bytes: 16 << 20, Inodes: 100}
	tmp := wasi.NewTmp(room)
	if begin != nil {
		tmp = wasi.NewTmpFrom(room, begin)
	}
	return Spec{
		ID: "app", Quota: quotas.Default(), HashSeed: a.seed, Tmp: tmp,
		Mounts: []wasi.Mount{{Path: "/usr/lib/python3.13", FS: a.stdlib}, {Path: "/app", FS: wasi.ReadOnlyDir(a.root)}, {Path: "/tmp", FS: tmp}},
	}
}

// move puts a slot on the app's snapshot.
func (a *pythonApp) move(t *testing.T) *Instance {
	t.Helper()
	i, err := a.img.move(context.Background(), a.spec(t, a.snapshot.Tmp()), a.snapshot)
	fatal(t, err)
	return i
}

// ask has an instance, which is a copy from then on, answer request n.
func (a *pythonApp) ask(t *testing.T, i *Instance, n int) {
	t.Helper()
	fatal(t, i.restored(context.Background(), quotas.Usage{}))
	environ := &abi.Pairs{}
	for _, pair := range [][2]string{
		{"REQUEST_METHOD", "GET"}, {"SCRIPT_NAME", ""}, {"PATH_INFO", "/"}, {"QUERY_STRING", strconv.Itoa(n)}, {"SERVER_NAME", "a"},
		{"SERVER_PORT", "80"}, {"SERVER_PROTOCOL", "HTTP/1.1"}, {"wsgi.url_scheme", "http"},
	} {
		environ.Add(pair[0], pair[1])
	}
	err := i.Serve(context.Background(), &Request{Environ: environ, Body: io.Reader(nil)}, &answer{})
	if i.Condemned() || err != nil && n%11 != 0 {
		t.Fatalf("request %d: %v\n%s", n, err, i.Report())
	}
}

// audit compares each byte of memory, each global and all files with the snapshot, the
// files by those of an instance in a slot that nobody had before.
func (a *pythonApp) audit(t *testing.T, what string, i, fresh *Instance) {
	t.Helper()
	got, at := view(t, i), 0
	if len(got) != int(a.snapshot.memory.Size()) {
		t.Fatalf("%s: %d bytes of memory, want %d", what, len(got), a.snapshot.memory.Size())
	}
	for from, run := range a.snapshot.memory.Runs {
		wantZeros(t, what, got[at:from])
		if at = int(from) + len(run); !bytes.Equal(got[from:at], run) {
			t.Fatalf("%s: memory differs from %#x to %#x", what, from, at)
		}
	}
	wantZeros(t, what, got[at:])
	for n, g := range i.globals {
		if g.Get() != a.snapshot.globals[n] {
			t.Fatalf("%s: global %d is %#x, want %#x", what, n, g.Get(), a.snapshot.globals[n])
		}
	}
	if ptr, size := i.guest.Buffer(); ptr != a.snapshot.ptr || size != a.snapshot.size {
		t.Fatalf("%s: its buffer is %d bytes at %#x", what, size, ptr)
	}
	if list := wasi.Differences(i.sandbox, fresh.sandbox); len(list) > 0 {
		t.Fatalf("%s: files differ: %q", what, list)
	}
}

func wantZeros(t *testing.T, what string, b []byte) {
	t.Helper()
	if len(b) > 0 && (b[0] != 0 || !bytes.Equal(b[1:], b[:len(b)-1])) {
		t.Fatalf("%s: memory that was all zeros is not", what)
	}
}

func fatal(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// audits returns how many times something is audited: a few, but WASGI_AUDITS says.
func audits(t *testing.T) int {
	t.Helper()
	text := os.Getenv("WASGI_AUDITS")
	if text == "" {
		return 100
	}
	n, err := strconv.Atoi(text)
	fatal(t, err)
	return n
}

func TestAuditedResets(t *testing.T) {
	a := newPython(t).open(t, auditedApp)
	fresh, i := a.move(t), a.move(t)
	defer fresh.Close()
	defer i.Close()
	for n := range audits(t) {
		a.ask(t, i, n)
		_, err := i.takeBack()
		fatal(t, err)
		a.audit(t, "reset "+strconv.Itoa(n), i, fresh)
	}
}

// TestAuditedMoves has slots go from one tenant to another, which is smaller or larger.
func TestAuditedMoves(t *testing.T) {
	p := newPython(t)
	p.img.slots.ready = 0 // all that are free have had a guest
	apps := []*pythonApp{p.open(t, auditedApp), p.open(t, auditedApp+"more = [bytes(100) * n for n in range(1000)]\n")}
	if apps[0].snapshot.memory.Size() >= apps[1].snapshot.memory.Size() {
		t.Error("the second app is not larger")
	}
	fresh := []*Instance{apps[0].move(t), apps[1].move(t)}
	defer fresh[0].Close()
	defer fresh[1].Close()
	seen := map[*slot]int{}
	for n := range audits(t) {
		a := apps[n*n%3%2]
		i := a.move(t)
		a.audit(t, "move "+strconv.Itoa(n), i, fresh[n*n%3%2])
		seen[i.slot]++
		a.ask(t, i, n)
		i.Close()
	}
	if len(seen) > 3 {
		t.Errorf("%d slots were made", len(seen))
	}
}
