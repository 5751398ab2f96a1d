package guest

import (
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"testing"
	"unsafe"

	"github.com/tetratelabs/wazero/api"
	"golang.org/x/sys/unix"

	"wasgi/abi"
	"wasgi/wasi"
)

// snapshot is a guest between calls: its memory, in a file, and its global.
type snapshot struct {
	file  int
	pages int // of 4 KiB
	stack uint64
}

func (i *instance) capture(t *testing.T) snapshot {
	t.Helper()
	all, _ := i.mod.Memory().Read(0, i.mod.Memory().Size())
	file, err := os.CreateTemp(t.TempDir(), "snapshot")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	if _, err := file.Write(all); err != nil {
		t.Fatal(err)
	}
	return snapshot{file: int(file.Fd()), pages: len(all) / 4096, stack: i.mod.ExportedGlobal("__stack_pointer").Get()}
}

// clone makes a fresh guest of the same module that goes on where the snapshot was taken.
func (img *image) clone(t *testing.T, s snapshot, app wasi.FS) *instance {
	t.Helper()
	i := img.open(t, app)
	i.instantiate(t, img)
	size := uint32(s.pages * 4096)
	i.mod.Memory().Grow((size - i.mod.Memory().Size()) / 65536)
	if _, err := unix.MmapPtr(s.file, 0, i.address(), uintptr(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_FIXED); err != nil {
		t.Fatal(err)
	}
	i.mod.ExportedGlobal("__stack_pointer").(api.MutableGlobal).Set(s.stack)
	i.find(t)
	return i
}

// address is where the guest's memory is.
func (i *instance) address() unsafe.Pointer {
	b, _ := i.mod.Memory().Read(0, 1)
	return unsafe.Pointer(&b[0])
}

// own returns which pages of a clone are its own, because it has written to them.
func (i *instance) own(t *testing.T) map[int]bool {
	t.Helper()
	f, err := os.Open("/proc/self/pagemap")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	entries := make([]byte, i.mod.Memory().Size()/4096*8)
	if _, err := f.ReadAt(entries, int64(uintptr(i.address())/4096*8)); err != nil {
		t.Fatal(err)
	}
	pages := map[int]bool{}
	const present, ofFile = 1 << 63, 1 << 61
	for n := range len(entries) / 8 {
		if e := binary.LittleEndian.Uint64(entries[n*8:]); e&present != 0 && e&ofFile == 0 {
			pages[n] = true
		}
	}
	return pages
}

func (i *instance) restored(t *testing.T, hashSeed uint32) {
	t.Helper()
	i.must(t, "restored", func() (abi.Outcome, error) { return i.guest.Restored(i.ctx, hashSeed) })
}

// withApp returns a guest with the app of code loaded on top of a base, and its files.
func (img *image) withApp(t *testing.T, base snapshot, hashSeed uint32, code string) (*instance, wasi.FS) {
	t.Helper()
	app := appFolder(t, code)
	i := img.clone(t, base, app)
	i.restored(t, hashSeed)
	i.load(t, "app:application")
	return i, app
}

func (i *instance) freeze(t *testing.T) snapshot {
	t.Helper()
	i.must(t, "freeze", func() (abi.Outcome, error) { return i.guest.Freeze(i.ctx) })
	return i.capture(t)
}

// base returns a base snapshot.
func (img *image) base(t *testing.T) snapshot {
	t.Helper()
	i := img.open(t, img.app)
	i.instantiate(t, img, "_initialize")
	i.must(t, "start", func() (abi.Outcome, error) { return i.guest.Start(i.ctx, 1) })
	i.must(t, "prepare", func() (abi.Outcome, error) { return i.guest.Prepare(i.ctx) })
	return i.capture(t)
}

func TestSnapshots(t *testing.T) {
	img := compile(t)
	base := img.base(t)
	t.Run("secrets", func(t *testing.T) { secrets(t, img, base) })
	t.Run("hashes", func(t *testing.T) { hashes(t, img, base) })
	t.Run("clones differ", func(t *testing.T) { clonesDiffer(t, img, base) })
	t.Run("hooks", func(t *testing.T) { hooks(t, img, base) })
	t.Run("ends", func(t *testing.T) { ends(t, img, base) })
	t.Run("warnings", func(t *testing.T) { warnings(t, img, base) })
}

// secrets shows that each guest made from a base hashes by its own, and copies of one alike.
func secrets(t *testing.T, img *image, base snapshot) {
	const code = "result = hash('of the tenant'), hash(b'of the tenant'), hash('environ')"
	of := func(seed uint32) (*instance, string) {
		i, _ := img.withApp(t, base, seed, app)
		return i, i.result(t, code)
	}
	seven, first := of(7)
	if _, again := of(7); again != first {
		t.Errorf("with the same seed %s, and then %s", first, again)
	}
	_, other := of(8)
	_, chance := of(0)
	_, again := of(0)
	if other == first || chance == again || chance == first {
		t.Errorf("%s, %s, %s and %s are not all different", first, other, chance, again)
	}
	c := img.clone(t, seven.freeze(t), img.app)
	c.restored(t, 9)
	if got := c.result(t, code); got != first {
		t.Errorf("a copy of the app has %s, not %s", got, first)
	}
}

// hashes compares, in a guest with a secret of its own, the hash of every str and bytes that
// can be reached with that of a copy of it, and looks every key up.
func hashes(t *testing.T, img *image, base snapshot) {
	i, _ := img.withApp(t, base, 0, app)
	got := i.result(t, `
import gc, sys, types
gc.collect()
seen, wrong, lost, kept = {}, [], [], []
stack = [gc.get_objects(), sys.modules, list(map(id, [0]))]
gc.unfreeze()
stack.append(gc.get_objects())
while stack:
    o = stack.pop()
    if id(o) in seen:
        continue
    seen[id(o)] = None
    kept.append(o)
    t = type(o)
    if t is str:
        if hash(o) != hash(str((o + "x").encode("utf-8", "surrogatepass")[:-1], "utf-8", "surrogatepass")):
            wrong.append(o)
    elif t is bytes:
        if hash(o) != hash((o + b"x")[:-1]):
            wrong.append(o)
    elif t in (dict, set, frozenset):
        lost += [k for k in list(o) if type(k) in (str, bytes, int, tuple) and k not in o]
        if t is frozenset and hash(o) != hash(frozenset(list(o))):
            wrong.append(o)
    if t is not str and t is not bytes:
        stack += gc.get_referents(o)
result = len(seen) > 50000, wrong[:5], lost[:5]
`)
	if got != "(True, [], [])" {
		t.Errorf("enough objects, wrong hashes, keys not found: %s", got)
	}
}

const chancy = `
import random, secrets, tempfile, uuid, wasgi, sqlite3
mine = random.Random()
class Sub(random.Random): pass
sub = Sub()
seeded = random.Random(42)
kept = random.Random()
kept.setstate(seeded.getstate())
lost = [random.Random() for n in range(100)]
del lost
uuid.uuid1()
mine.gauss(0, 1)
names = tempfile._get_candidate_names()
next(names)
db = sqlite3.connect(":memory:")
db.execute("select random()")

def application(environ, start_response):
    start_response("200 OK", [])
    path = environ["PATH_INFO"][1:]
    if path == "fixed":
        text = [seeded.random(), kept.random()]
    elif path == "first":
        text = [mine.gauss(0, 1)]
    else:
        text = [random.random(), random.randint(0, 1 << 60), uuid.uuid4(), uuid.uuid1(), secrets.token_hex(),
                next(names), mine.random(), sub.random(), random.Random().random(), random.SystemRandom().random(),
                db.execute("select random()").fetchone()[0]]
    return ["\n".join(map(str, text)).encode()]
`

// clonesDiffer shows that no two copies draw the same, but from what the app has seeded.
func clonesDiffer(t *testing.T, img *image, base snapshot) {
	i, files := img.withApp(t, base, 0, chancy)
	i.get(t, "/warm")
	s := i.freeze(t)
	if len(i.warnings) != 2 || !strings.HasPrefix(i.warnings[0], "app.py:11: uuid.uuid1() ") || !strings.HasPrefix(i.warnings[1], "app.py:12: random.gauss() ") {
		t.Errorf("warnings: %q", i.warnings)
	}
	fixed := plainSequence(t, img)
	seen := map[string]int{}
	for n := range 1000 {
		c := img.clone(t, s, files)
		c.restored(t, 0)
		if n%2 == 0 {
			seen[c.get(t, "/first")]++
		}
		for _, drawn := range strings.Split(c.get(t, "/"), "\n") {
			if seen[drawn]++; seen[drawn] > 1 {
				t.Fatalf("copy %d draws %s, as one before", n, drawn)
			}
		}
		if got := c.get(t, "/fixed"); got != fixed {
			t.Fatalf("what was seeded draws %s, want %s", got, fixed)
		}
		c.close()
	}
}

// plainSequence is what random.Random(42) draws first, twice.
func plainSequence(t *testing.T, img *image) string {
	t.Helper()
	one := img.start(t, 0).result(t, "import random\nresult = random.Random(42).random()")
	return one + "\n" + one
}

// close gives a clone's memory and files back.
func (i *instance) close() {
	i.mod.Close(i.ctx)
	i.sandbox.Close()
}

// hooks shows what becomes of functions given to wasgi.after_restore.
func hooks(t *testing.T, img *image, base snapshot) {
	const code = `
import wasgi
said = []
@wasgi.after_restore
def one(): said.append("one")
two = wasgi.after_restore(lambda: said.append("two"))
assert two
try: wasgi.after_restore(3)
except TypeError as e: said.append(str(e))
if %d: wasgi.after_restore(lambda: 1 / 0)
def application(environ, start_response):
    start_response("200 OK", [])
    return [repr(said).encode()]
`
	i, files := img.withApp(t, base, 0, fmt.Sprintf(code, 0))
	s := i.freeze(t)
	for range 2 {
		c := img.clone(t, s, files)
		c.restored(t, 0)
		if got, want := c.get(t, "/"), "['after_restore needs a function, not int', 'one', 'two']"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	i, files = img.withApp(t, base, 0, fmt.Sprintf(code, 1))
	c := img.clone(t, i.freeze(t), files)
	outcome, err := c.guest.Restored(c.ctx, 0)
	if err != nil || outcome != abi.OutcomeRaised || !strings.Contains(c.report, `File "/app/app.py", line 10, in <lambda>`) || !strings.Contains(c.report, "ZeroDivisionError") {
		t.Errorf("outcome %d, %v, report:\n%s", outcome, err, c.report)
	}
	if i.must(t, "restored where there is no copy", func() (abi.Outcome, error) {
		if o, err := i.guest.Restored(i.ctx, 0); o == abi.OutcomeRaised {
			return abi.OutcomeOK, err
		}
		return abi.OutcomeBroken, nil
	}); i.report == "" {
		t.Error("no report")
	}
}

// ends shows that what has something to do at its end does it in a copy, and that blocks are
// freed and used again where objects of before and after the snapshot stand together.
func ends(t *testing.T, img *image, base snapshot) {
	const code = `
import gc, io, weakref
class Ends:
    def __init__(self, n): self.n = n
    def __del__(self): said.append(self.n)
class Plain: pass
said = []
many = [Ends(n) for n in range(20000)]
plain = [Plain() for n in range(20000)]
del plain[::3]
file = open("/tmp/written", "w")
generator = (said.append("closed") for n in iter([0, 1]))
def end_of():
    try: yield
    finally: said.append("finally")
running = end_of()
next(running)

def application(environ, start_response):
    global file, running, generator
    start_response("200 OK", [])
    said.clear()
    for n in range(3):
        many.clear(); plain.clear()
        gc.collect()
        kept = [(str(n), [n], {n: "x" * (n % 600)}) for n in range(20000)]
        assert all(k == (str(n), [n], {n: "x" * (n % 600)}) for n, k in enumerate(kept))
        del kept[::2]
        kept += [bytearray(n % 2000) for n in range(5000)]
        del kept
        many.extend(Ends(n) for n in range(100))
    file.write("written")
    file = running = None
    return [repr((len(said), said[-1], open("/tmp/written").read())).encode()]
`
	i, _ := img.withApp(t, base, 0, code)
	i.must(t, "freeze", func() (abi.Outcome, error) { return i.guest.Freeze(i.ctx) })
	i.restored(t, 0)
	if got, want := i.get(t, "/"), "(20201, 'finally', 'written')"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// warnings shows what is told of randomness at import: the place in the app.
func warnings(t *testing.T, img *image, base snapshot) {
	const serves = "\nimport uuid as _u\ndef application(environ, start_response):\n  start_response('200 OK', [])\n  return [str(_u.uuid4()).encode()]\n"
	for name, test := range map[string]struct{ code, want string }{
		"clean":         {"import clean, tempfile, random\nrng = random.Random()\ntempfile.mkstemp()\nseeded = random.Random(1).random()\nimport multiprocessing.process, uuid; uuid.getnode()", ""},
		"os.urandom":    {"import os\nkey = os.urandom(16)", "app.py:2: os.urandom(16) while the app was imported: every instance will have the same value; call it in a request, or in wasgi.after_restore"},
		"from os":       {"from os import urandom as u\ndef f():\n  return u(4)\nkey = f()", "app.py:3: os.urandom(4) while"},
		"uuid4":         {"import uuid\n\nkey = uuid.uuid4()", "app.py:3: uuid.uuid4() while"},
		"token_hex":     {"import secrets\nkey = secrets.token_hex()", "app.py:2: secrets.token_hex() while"},
		"choice":        {"from random import choice\nx = choice('abc')", "app.py:2: random.choice() while"},
		"random.random": {"from random import random\nx = random()", "app.py:2: random.random() while"},
		"a package":     {"import chancy_package", "app.py:1: uuid.uuid4() by site-packages/chancy_package.py:2 while"},
		"a class":       {"import random\nclass C:\n  x = random.SystemRandom().randbytes(3)", "app.py:3: random.randbytes() while"},
		"seed":          {"import random\nrandom.seed(1)\nx = random.random()\nrandom.seed()\ny = random.random()", "app.py:5: random.random() while"},
		"a loop":        {"import uuid\nkeys = [uuid.uuid4() for n in range(9)]", "app.py:2: uuid.uuid4() while"},
	} {
		t.Run(name, func(t *testing.T) {
			files := appFolder(t, test.code+serves, [2]string{"clean.py", "import logging, json, http.server, secrets"},
				[2]string{"site-packages/chancy_package.py", "import uuid\nkey = uuid.uuid4()\n"})
			i := img.clone(t, base, files)
			i.restored(t, 0)
			i.load(t, "app:application")
			i.get(t, "/")
			i.freeze(t)
			got := strings.Join(i.warnings, "\n")
			if test.want == "" && got != "" || !strings.HasPrefix(got, test.want) || len(i.warnings) > 1 {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
