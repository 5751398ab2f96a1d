package wasi

import (
	"bytes"
	"context"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/tetratelabs/wazero"
)

// hostileWorld has one of everything, and next to its data directories a file
// that nothing may touch. dir is the host's directory with both.
func hostileWorld(t testing.TB) (c Config, dir string, check func()) {
	t.Helper()
	dir = t.TempDir()
	hostFile(t, "untouched", dir, "secret")
	hostFile(t, "code", dir, "ro", "code.py")
	for _, data := range []string{"data", "linked"} {
		hostFile(t, "kept", dir, data, "kept")
		if err := os.Symlink("../secret", filepath.Join(dir, data, "link")); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("kept", filepath.Join(dir, data, "fine")); err != nil {
			t.Fatal(err)
		}
	}
	var roots []*os.Root
	open := func(name string) *os.Root {
		root, err := os.OpenRoot(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		roots = append(roots, root)
		return root
	}
	quota := Quota{Bytes: 1 << 20, Inodes: 64}
	data := DataDir(open("data"), quota)
	linked := LinkedDir(open("linked"), quota)
	tmp := NewTmp(quota)
	c = Config{
		Args: []string{"a"}, Env: []string{"A=b"},
		Mounts: []Mount{
			{"/data", data}, {"/tmp", tmp}, {"/app", ReadOnlyDir(open("ro"))},
			{"/usr/lib", archiveOf(t, "os.py=x")},
		},
		Preopens: []Mount{{"/tmp2", tmp}, {"/linked", linked}},
	}
	return c, dir, func() {
		for _, r := range roots {
			_ = r.Close()
		}
		for _, u := range []Usage{tmp.Usage(), data.Usage(), linked.Usage()} {
			if u.Bytes > quota.Bytes || u.Inodes > quota.Inodes || u.Bytes < 0 || u.Inodes < 0 {
				t.Errorf("the quota is %+v, used %+v", quota, u)
			}
		}
		if b, err := os.ReadFile(filepath.Join(dir, "secret")); err != nil || string(b) != "untouched" {
			t.Errorf("the file outside holds %q, %v", b, err)
		}
		if b, err := os.ReadFile(filepath.Join(dir, "ro", "code.py")); err != nil || string(b) != "code" {
			t.Errorf("the read-only file holds %q, %v", b, err)
		}
		for d, want := range map[string]int{".": 4, "ro": 1} {
			if list, err := os.ReadDir(filepath.Join(dir, d)); err != nil || len(list) != want {
				t.Errorf("%s holds %v, %v", d, list, err)
			}
		}
	}
}

// paths are what hostile calls name.
func hostilePaths() []string {
	return []string{
		".", "..", "/", "", "tmp", "tmp/a", "tmp/a/b", "tmp/../data/a", "data/kept", "data/link", "data/link/x",
		"data/a", "data/a/b", "data/../../secret", "../secret", "app/code.py", "app/..", "usr/lib/os.py",
		"dev/urandom", "dev/null", "a", "a/b", "a/", "b", "link", "link/..", "../../../etc/passwd", "tmp/\x00",
		"tmp/\xff", "etc/passwd", "tmp/a/../../../..", "usr", "tmp/.", "..//..", "kept", "fine", "data/fine",
		"a", "b", "c", "a/c", "a", "b", "tmp/b", "tmp/c", "data/b", "data/c",
	}
}

// sow puts paths, buffers and subscriptions into memory, each at a multiple of
// 64, in the first 32 KiB.
func (g *guest) sow(rnd *rand.Rand) {
	paths := hostilePaths()
	for at := uint32(0); at < 1<<15; at += 64 {
		cell := make([]byte, 64)
		switch rnd.IntN(4) {
		case 0:
			copy(cell, paths[rnd.IntN(len(paths))])
		case 1:
			for i := 0; i < 64; i += 8 {
				binary.LittleEndian.PutUint32(cell[i:], g.argument32(rnd))
				binary.LittleEndian.PutUint32(cell[i+4:], g.argument32(rnd)>>rnd.IntN(32))
			}
		case 2:
			binary.LittleEndian.PutUint64(cell, rnd.Uint64())
			cell[8] = byte(rnd.IntN(4))
			binary.LittleEndian.PutUint32(cell[16:], rnd.Uint32N(8))
			binary.LittleEndian.PutUint64(cell[24:], rnd.Uint64()>>rnd.IntN(64))
		case 3:
			for i := range cell {
				cell[i] = byte(rnd.Uint32())
			}
		}
		g.mem.Write(at, cell)
	}
}

// argument32 is a random argument: small, a pointer, or near an edge.
func (g *guest) argument32(rnd *rand.Rand) uint32 {
	edges := []uint32{0, 1, 7, 8, g.mem.Size() - 1, g.mem.Size(), g.mem.Size() - 64, 1 << 31, 1<<31 - 1, 1<<32 - 1, 1<<32 - 8}
	switch rnd.IntN(8) {
	case 0:
		return edges[rnd.IntN(len(edges))]
	case 1:
		return rnd.Uint32()
	case 2, 3:
		return rnd.Uint32N(1<<9) * 64
	case 4:
		return rnd.Uint32N(1 << 16)
	}
	return rnd.Uint32N(16)
}

// hostileCall calls a random function with random arguments.
func (g *guest) hostileCall(rnd *rand.Rand, fs []function) (string, Errno) {
	f := fs[rnd.IntN(len(fs))]
	if rnd.IntN(5) == 0 {
		f = fs[slices.IndexFunc(fs, func(f function) bool { return f.name == "path_open" })]
	}
	stack := make([]uint64, len(f.params))
	for i, p := range f.params {
		stack[i] = uint64(g.argument32(rnd))
		if p.typ == i64("").typ && rnd.IntN(2) == 0 {
			stack[i] = rnd.Uint64() >> rnd.IntN(64)
		}
		g.plausible(rnd, p.name, stack, i)
	}
	res, err := g.mod.ExportedFunction(f.name).Call(g.ctx, stack...)
	if err != nil {
		g.t.Fatalf("%s%d: %v", f.name, stack, err)
	}
	return f.name, Errno(res[0])
}

// plausible often makes an argument one that the call gets further with.
func (g *guest) plausible(rnd *rand.Rand, name string, stack []uint64, i int) {
	if rnd.IntN(10) == 0 {
		return
	}
	switch name {
	case "fd", "old_fd", "new_fd", "to":
		stack[i] = uint64(3 + rnd.IntN(6))
		switch {
		case rnd.IntN(4) == 0:
			stack[i] = uint64(rnd.IntN(12))
		case name != "fd" && rnd.IntN(2) == 0:
			stack[i] = 5 // where links can be made
		}
	case "path_len", "old_path_len", "new_path_len":
		p := hostilePaths()[rnd.IntN(len(hostilePaths()))]
		g.mem.WriteString(uint32(1<<15+i*256), p)
		stack[i-1], stack[i] = uint64(1<<15+i*256), uint64(len(p))
	case "fs_rights_base":
		stack[i] = uint64(allRights) & (rnd.Uint64() | rnd.Uint64())
	case "oflags", "fdflags", "iovs_len", "nsubscriptions":
		stack[i] = uint64(rnd.IntN(8))
	case "whence", "type":
		stack[i] = uint64(rnd.IntN(3))
	case "dirflags", "flags", "old_flags":
		stack[i] = uint64(rnd.IntN(2))
	}
}

// TestHostileCalls makes random calls with random arguments;
// WASI_HOSTILE_CALLS sets how many.
func TestHostileCalls(t *testing.T) {
	calls, err := strconv.Atoi(os.Getenv("WASI_HOSTILE_CALLS"))
	if err != nil {
		calls = 200_000
	}
	c, _, check := hostileWorld(t)
	defer check()
	g := newGuest(t, c)
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // no call waits
	g.box.SetContext(ctx)
	rnd := rand.New(rand.NewPCG(3, 4))
	fs := everyFunction()
	succeeded := make(map[string]int)
	before := make([]byte, g.mem.Size())
	for i := range calls {
		if i%500 == 0 {
			g.sow(rnd)
		}
		if i%100 == 99 {
			g = reopened(t, g, c, ctx)
		}
		looked := i%64 == 1
		all, _ := g.mem.Read(0, g.mem.Size())
		if looked {
			copy(before[:1<<15], all)
		}
		name, errno := g.hostileCall(rnd, fs)
		if errno == ESUCCESS {
			succeeded[name]++
		} else if looked && name != "random_get" && !bytes.Equal(before[:1<<15], all[:1<<15]) {
			t.Errorf("%s changed memory and returned %v", name, errno)
		}
	}
	if missing := neverSucceeded(fs, succeeded); len(missing) > 0 && calls >= 200_000 {
		t.Errorf("never succeeded: %v", missing)
	}
}

// reopened replaces a guest, whose descriptors are mostly closed, by a new one.
func reopened(t *testing.T, g *guest, c Config, ctx context.Context) *guest {
	t.Helper()
	if err := g.box.Close(); err != nil {
		t.Error(err)
	}
	box, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = box.Close() })
	box.SetContext(ctx)
	next := *g
	next.box, next.ctx = box, WithSandbox(context.Background(), box)
	return &next
}

// neverSucceeded lists the functions that should have and did not.
func neverSucceeded(fs []function, succeeded map[string]int) []string {
	var list []string
	refused := []string{"proc_raise", "sock_accept", "sock_recv", "sock_send", "sock_shutdown"}
	for _, f := range fs {
		if succeeded[f.name] == 0 && !slices.Contains(refused, f.name) {
			list = append(list, f.name)
		}
	}
	return list
}

// FuzzCalls makes the calls that the input says: for each a function and its
// arguments, the rest of the input being the memory.
func FuzzCalls(f *testing.F) {
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	f.Cleanup(func() { _ = r.Close(ctx) })
	compiled := compileGuest(f, r)
	fs := everyFunction()
	f.Add([]byte{}, []byte("tmp/a"))
	f.Add([]byte{29, 3, 0, 0, 5, 1, 255, 255, 0, 4, 12, 4, 0, 0, 0}, []byte("tmp/a"))
	f.Add(bytes.Repeat([]byte{38, 0, 32, 1, 8}, 20), make([]byte, 200))
	done, cancel := context.WithCancel(ctx)
	cancel()
	f.Fuzz(func(t *testing.T, program, data []byte) {
		c, _, check := hostileWorld(t)
		defer check()
		g := guestIn(t, r, compiled, c)
		g.box.SetContext(done)
		g.mem.Write(0, data[:min(len(data), 1<<15)])
		for n := 0; len(program) > 0 && n < 200; n++ {
			fn := fs[int(program[0])%len(fs)]
			program = program[1:]
			stack := make([]uint64, len(fn.params))
			for i := range stack {
				stack[i], program = fuzzArgument(program)
			}
			if _, err := g.mod.ExportedFunction(fn.name).Call(g.ctx, stack...); err != nil {
				t.Fatalf("%s%d: %v", fn.name, stack, err)
			}
		}
	})
}

// fuzzArgument takes an argument off the input: a byte, or after a byte of
// 250 and more a number of eight bytes.
func fuzzArgument(b []byte) (uint64, []byte) {
	switch {
	case len(b) == 0:
		return 0, nil
	case b[0] < 250:
		return uint64(b[0]), b[1:]
	case len(b) < 9:
		return 1<<64 - 1, nil
	}
	return binary.LittleEndian.Uint64(b[1:]), b[9:]
}
