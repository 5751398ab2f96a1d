package wasi

import (
	"strings"
	"testing"
)

// direct calls a function without wazero's own cost: args as on its stack.
func (g *guest) direct(f func(call) Errno, args ...uint64) func() Errno {
	return func() Errno {
		return f(call{Sandbox: g.box, mem: g.box.memoryOf(g.mod), args: args})
	}
}

// hot are the calls that a Python import is made of.
func hot(t testing.TB) map[string]func() Errno {
	t.Helper()
	c := world(t)
	d, dir := dataDir(t, Quota{})
	hostFile(t, "x", dir, "f")
	root, ro := hostDir(t)
	hostFile(t, strings.Repeat("x", 4096), ro, "pkg", "m.py")
	c.Mounts = append(c.Mounts, Mount{"/data", d}, Mount{"/ro", ReadOnlyDir(root)})
	g := newGuest(t, c)
	g.put("tmp/f", strings.Repeat("x", 4096))
	stat := func(at uint32, path string) func() Errno {
		g.mem.WriteString(at, path)
		return g.direct(pathFilestatGet, 3, 0, uint64(at), uint64(len(path)), 0)
	}
	file := g.open("tmp/f", 0, true)
	lib := g.open("usr/lib/python3.13/os.py", 0, false)
	dirfd := g.open("usr/lib/python3.13", oflagDirectory, false)
	g.iov(strings.Repeat("x", 512), 512)
	return map[string]func() Errno{
		"clock_time_get":          g.direct(clockTimeGet, clockMonotonic, 0, 0),
		"fd_pread tmp":            g.direct(fdPread, uint64(file), 1000, 1, 0, 0),
		"fd_pwrite tmp":           g.direct(fdPwrite, uint64(file), 1000, 1, 0, 0),
		"fd_read archive at end":  g.direct(fdRead, uint64(lib), 1000, 1, 0),
		"fd_pread archive":        g.direct(fdPread, uint64(lib), 1000, 1, 0, 0),
		"fd_write stdout":         g.direct(fdWrite, 1, 1000, 1, 0),
		"fd_filestat_get archive": g.direct(fdFilestatGet, uint64(lib), 0),
		"fd_readdir archive":      g.direct(fdReaddir, uint64(dirfd), 4096, 4096, 0, 0),
		"stat hit archive":        stat(2048, "usr/lib/python3.13/json/__init__.py"),
		"stat miss archive":       stat(2148, "usr/lib/python3.13/json/none.so"),
		"stat hit tmp":            stat(2248, "tmp/f"),
		"stat hit data":           stat(2348, "data/f"),
		"stat hit read only":      stat(2448, "ro/pkg/m.py"),
	}
}

func TestHotPathsDoNotAllocate(t *testing.T) {
	for name, f := range hot(t) {
		want := 0.0
		switch {
		case strings.HasPrefix(name, "stat") && (strings.HasSuffix(name, "archive") || strings.HasSuffix(name, "tmp")):
			want = 1 // the path
		case strings.HasPrefix(name, "stat"), strings.HasPrefix(name, "fd_readdir"):
			continue
		}
		if got := testing.AllocsPerRun(100, func() { f() }); got > want {
			t.Errorf("%s: %v allocations, want %v", name, got, want)
		}
	}
}

func BenchmarkHot(b *testing.B) {
	for name, f := range hot(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
}

func BenchmarkOpenClose(b *testing.B) {
	g := newGuest(b, world(b))
	path := "usr/lib/python3.13/json/__init__.py"
	g.mem.WriteString(2048, path)
	open := g.direct(pathOpen, 3, 1, 2048, uint64(len(path)), 0, uint64(fileRights&^writeRights), 0, 0, 0)
	closeFile := g.direct(fdClose, 4)
	b.ReportAllocs()
	for b.Loop() {
		open()
		closeFile()
	}
}
