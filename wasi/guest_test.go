package wasi

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// guestModule is a module with 16 pages of memory that imports every function
// and exports one of the same name that calls it with its own arguments.
func guestModule() []byte {
	fs := append(everyFunction(), function{name: "proc_exit", params: []param{i32("rval")}})
	var types, imports, funcs, exports, code []byte
	exports = append(name("memory"), 2, 0)
	for i, f := range fs {
		types = append(types, 0x60, byte(len(f.params)))
		for _, p := range f.params {
			types = append(types, p.typ)
		}
		results := []byte{1, api.ValueTypeI32}
		if f.name == "proc_exit" {
			results = []byte{0}
		}
		types = append(types, results...)
		imports = append(append(imports, name(moduleOf(f))...), name(f.name)...)
		imports = append(append(imports, 0), leb(i)...)
		funcs = append(funcs, leb(i)...)
		exports = append(append(append(exports, name(f.name)...), 0), leb(len(fs)+i)...)
		body := []byte{0}
		for p := range f.params {
			body = append(body, 0x20, byte(p))
		}
		body = append(append(append(body, 0x10), leb(i)...), 0x0b)
		code = append(append(code, leb(len(body))...), body...)
	}
	wasm := []byte("\x00asm\x01\x00\x00\x00")
	wasm = append(wasm, section(1, len(fs), types)...)
	wasm = append(wasm, section(2, len(fs), imports)...)
	wasm = append(wasm, section(3, len(fs), funcs)...)
	wasm = append(wasm, section(5, 1, []byte{0, 16})...)
	wasm = append(wasm, section(7, len(fs)+1, exports)...)
	return append(wasm, section(10, len(fs), code)...)
}

// everyFunction lists the functions of all modules but proc_exit.
func everyFunction() []function { return append(functions(), filesFunctions()...) }

// moduleOf is the module that f is imported from.
func moduleOf(f function) string {
	if slices.ContainsFunc(filesFunctions(), func(own function) bool { return own.name == f.name }) {
		return FilesModuleName
	}
	return ModuleName
}

// leb is n as an unsigned LEB128 number.
func leb(n int) []byte { return binary.AppendUvarint(nil, uint64(n)) }

// name is s as a name of the binary format.
func name(s string) []byte { return append(leb(len(s)), s...) }

// section is a section of count items.
func section(id byte, count int, items []byte) []byte {
	items = append(leb(count), items...)
	return append(append([]byte{id}, leb(len(items))...), items...)
}

// guest is a module under test, and where to put things in its memory: from 0
// for results, from heap on for arguments.
type guest struct {
	t    testing.TB
	ctx  context.Context
	box  *Sandbox
	mod  api.Module
	mem  api.Memory
	heap uint32
}

// newGuest starts a guest in the world of c.
func newGuest(t testing.TB, c Config) *guest {
	t.Helper()
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	t.Cleanup(func() { _ = r.Close(ctx) })
	return guestIn(t, r, compileGuest(t, r), c)
}

// compileGuest gives r the functions and compiles the module.
func compileGuest(t testing.TB, r wazero.Runtime) wazero.CompiledModule {
	t.Helper()
	ctx := context.Background()
	if err := Instantiate(ctx, r); err != nil {
		t.Fatal(err)
	}
	compiled, err := r.CompileModule(ctx, guestModule())
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// guestIn starts a guest in r.
func guestIn(t testing.TB, r wazero.Runtime, compiled wazero.CompiledModule, c Config) *guest {
	t.Helper()
	box, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := box.Close(); err != nil {
			t.Error(err)
		}
	})
	ctx := WithSandbox(context.Background(), box)
	mod, err := r.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithName(""))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = mod.Close(ctx) })
	return &guest{t: t, ctx: ctx, box: box, mod: mod, mem: mod.Memory()}
}

// call calls a function. Arguments are integers, or strings, which become
// pointer and length.
func (g *guest) call(fn string, args ...any) Errno {
	g.t.Helper()
	g.heap = 1 << 16
	var stack []uint64
	for _, a := range args {
		switch a := a.(type) {
		case string:
			g.mem.WriteString(g.heap, a)
			stack = append(stack, uint64(g.heap), uint64(len(a)))
			g.heap += uint32(len(a))
		case int:
			stack = append(stack, uint64(a))
		case uint32:
			stack = append(stack, uint64(a))
		case uint64:
			stack = append(stack, a)
		case Rights:
			stack = append(stack, uint64(a))
		default:
			g.t.Fatalf("argument of type %T", a)
		}
	}
	res, err := g.mod.ExportedFunction(fn).Call(g.ctx, stack...)
	if err != nil {
		g.t.Fatalf("%s%v: %v", fn, args, err)
	}
	return Errno(res[0])
}

// want calls a function and fails the test if it does not return errno.
func (g *guest) want(errno Errno, fn string, args ...any) {
	g.t.Helper()
	if got := g.call(fn, args...); got != errno {
		g.t.Errorf("%s%v: %v, want %v", fn, args, got, errno)
	}
}

// ok calls a function that must succeed.
func (g *guest) ok(fn string, args ...any) {
	g.t.Helper()
	g.want(ESUCCESS, fn, args...)
}

// u32 and u64 read memory.
func (g *guest) u32(ptr uint32) uint32 {
	v, _ := g.mem.ReadUint32Le(ptr)
	return v
}
func (g *guest) u64(ptr uint32) uint64 {
	v, _ := g.mem.ReadUint64Le(ptr)
	return v
}

// bytes reads memory.
func (g *guest) bytes(ptr, n uint32) string {
	b, ok := g.mem.Read(ptr, n)
	if !ok {
		g.t.Fatalf("memory %d+%d is out of range", ptr, n)
	}
	return string(b)
}

// tryOpen opens a path from descriptor 3 with file rights.
func (g *guest) tryOpen(path string, oflags int, rights Rights) (uint32, Errno) {
	g.t.Helper()
	errno := g.call("path_open", 3, 0, path, oflags, rights, allRights, 0, 0)
	return g.u32(0), errno
}

// open opens a path to read, and to write if write.
func (g *guest) open(path string, oflags int, write bool) uint32 {
	g.t.Helper()
	rights := (fileRights | dirRights) &^ writeRights
	if write {
		rights = fileRights
	}
	fd, errno := g.tryOpen(path, oflags, rights)
	if errno != ESUCCESS {
		g.t.Fatalf("open %q: %v", path, errno)
	}
	return fd
}

// iov puts one buffer at 1024 and its record at 1000.
func (g *guest) iov(b string, n uint32) {
	g.mem.WriteUint32Le(1000, 1024)
	g.mem.WriteUint32Le(1004, n)
	g.mem.WriteString(1024, b)
}

// write writes s to fd and returns how much was written.
func (g *guest) write(fd uint32, s string) (int, Errno) {
	g.t.Helper()
	g.iov(s, uint32(len(s)))
	errno := g.call("fd_write", fd, 1000, 1, 0)
	if errno != ESUCCESS {
		return 0, errno
	}
	return int(g.u32(0)), ESUCCESS
}

// read reads up to n bytes from fd.
func (g *guest) read(fd, n uint32) (string, Errno) {
	g.t.Helper()
	g.iov("", n)
	if errno := g.call("fd_read", fd, 1000, 1, 0); errno != ESUCCESS {
		return "", errno
	}
	return g.bytes(1024, g.u32(0)), ESUCCESS
}

// put makes a file with content, get returns what is in one.
func (g *guest) put(path, content string) {
	g.t.Helper()
	fd := g.open(path, oflagCreat|oflagTrunc, true)
	if n, errno := g.write(fd, content); n != len(content) {
		g.t.Fatalf("write %q: %d of %d bytes, %v", path, n, len(content), errno)
	}
	g.ok("fd_close", fd)
}

func (g *guest) get(path string) string {
	g.t.Helper()
	fd := g.open(path, 0, false)
	s, errno := g.read(fd, 1<<15)
	if errno != ESUCCESS {
		g.t.Fatalf("read %q: %v", path, errno)
	}
	g.ok("fd_close", fd)
	return s
}

// stat describes a path.
func (g *guest) stat(path string, follow int) (Filestat, Errno) {
	g.t.Helper()
	errno := g.call("path_filestat_get", 3, follow, path, 0)
	return g.filestat(), errno
}

// filestat reads a filestat at 0.
func (g *guest) filestat() Filestat {
	return Filestat{
		Dev: g.u64(0), Ino: g.u64(8), Type: Filetype(g.u64(16)), Nlink: g.u64(24), Size: g.u64(32),
		Atim: int64(g.u64(40)), Mtim: int64(g.u64(48)), Ctim: int64(g.u64(56)),
	}
}

// list returns a directory's names, read through a buffer of n bytes.
func (g *guest) list(fd, n uint32) []string {
	g.t.Helper()
	var names []string
	var cookie uint64
	for {
		g.ok("fd_readdir", fd, 4096, n, cookie, 0)
		used := g.u32(0)
		at, end := uint32(4096), 4096+used
		for at+direntSize <= end {
			size := g.u32(at + 16)
			if at+direntSize+size > end {
				break
			}
			cookie = g.u64(at)
			names = append(names, g.bytes(at+direntSize, size))
			at += direntSize + size
		}
		if used < n {
			return names
		}
		if at == 4096 {
			g.t.Fatalf("a buffer of %d bytes is too small for one entry", n)
		}
	}
}

// hostDir returns a new directory of the host as a Root, closed by the test.
func hostDir(t testing.TB) (*os.Root, string) {
	t.Helper()
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	return root, dir
}

// hostFile writes a file of the host.
func hostFile(t testing.TB, content string, elem ...string) {
	t.Helper()
	p := filepath.Join(elem...)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// dataDir returns a DataDir in a new directory of the host, and its path.
func dataDir(t testing.TB, q Quota) (*Data, string) {
	t.Helper()
	root, dir := hostDir(t)
	d := DataDir(root, q)
	return d, dir
}

// writable calls fn with a guest for each kind of file system that can be
// written, preopened as descriptor 3.
func writable(t *testing.T, fn func(t *testing.T, g *guest)) {
	t.Helper()
	t.Run("tmp", func(t *testing.T) {
		fn(t, newGuest(t, Config{Preopens: []Mount{{"/", NewTmp(Quota{})}}}))
	})
	t.Run("data", func(t *testing.T) {
		d, _ := dataDir(t, Quota{})
		fn(t, newGuest(t, Config{Preopens: []Mount{{"/", d}}}))
	})
	t.Run("linked", func(t *testing.T) {
		root, _ := hostDir(t)
		d := LinkedDir(root, Quota{})
		fn(t, newGuest(t, Config{Preopens: []Mount{{"/", d}}}))
	})
}
