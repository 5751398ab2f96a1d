package wasi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tetratelabs/wazero"
)

// forkable is a world as an app has it: /app read-only, /data shared, /tmp its own.
type forkable struct {
	t    testing.TB
	app  FS
	data *Data
	dirs [2]string // of the host: app, data
	run  wazero.Runtime
	mod  wazero.CompiledModule
}

func newForkable(t testing.TB) *forkable {
	root, app := hostDir(t)
	hostFile(t, "0123456789abcdef", app, "module.py")
	hostFile(t, "x", app, "pkg", "a.py")
	hostFile(t, "y", app, "pkg", "b.py")
	data, dir := dataDir(t, Quota{})
	r := wazero.NewRuntimeWithConfig(t.Context(), wazero.NewRuntimeConfigInterpreter())
	t.Cleanup(func() { _ = r.Close(t.Context()) })
	return &forkable{t, ReadOnlyDir(root), data, [2]string{app, dir}, r, compileGuest(t, r)}
}

// config is the world with tmp at /tmp, going on from st.
func (w *forkable) config(tmp *Tmp, st *State) Config {
	return Config{
		Args: []string{"app"}, State: st,
		Mounts: []Mount{{"/app", w.app}, {"/data", w.data}, {"/tmp", tmp}},
	}
}

// guest starts a guest in that world.
func (w *forkable) guest(tmp *Tmp, st *State) *guest {
	w.t.Helper()
	return guestIn(w.t, w.run, w.mod, w.config(tmp, st))
}

// save saves g's state.
func save(t testing.TB, g *guest) *State {
	t.Helper()
	st, err := g.box.Save()
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// same fails the test unless a guest can see no difference.
func same(t testing.TB, a, b *Sandbox) {
	t.Helper()
	if diff := Differences(a, b); len(diff) > 0 {
		t.Fatalf("they differ:\n%s", strings.Join(diff, "\n"))
	}
}

// carried is st and img after a way through bytes and JSON.
func carried(t testing.TB, st *State, img *TmpImage) (*State, *TmpImage) {
	t.Helper()
	text, err := json.Marshal(st)
	if err != nil {
		t.Fatal(err)
	}
	var fromText, fromBytes State
	if err := json.Unmarshal(text, &fromText); err != nil || !reflect.DeepEqual(*st, fromText) {
		t.Fatalf("JSON: %v\n%+v\n%+v", err, *st, fromText)
	}
	b, _ := st.MarshalBinary()
	if err := fromBytes.UnmarshalBinary(b); err != nil || !reflect.DeepEqual(*st, fromBytes) {
		t.Fatalf("bytes: %v\n%+v\n%+v", err, *st, fromBytes)
	}
	var again TmpImage
	b, _ = img.MarshalBinary()
	if err := again.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	return &fromBytes, &again
}

// busy opens files in g as apps do, and in ways that they do not.
func busy(g *guest) map[string]uint32 {
	t := g.t
	fds := make(map[string]uint32)
	fds["app"] = g.open("app/module.py", 0, false)
	g.ok("fd_seek", fds["app"], 3, whenceSet, 0)

	gap := g.open("app/module.py", 0, false)
	g.put("data/log", "first\n")
	g.ok("path_open", 3, 1, "data/log", 0, fileRights, 0, int(FdflagAppend|FdflagDsync), 0)
	fds["data"] = g.u32(0)
	g.write(fds["data"], "second\n")

	g.ok("path_create_directory", 3, "tmp/d")
	fds["tmp"] = g.open("tmp/d/was", oflagCreat, true)
	g.write(fds["tmp"], strings.Repeat("t", 3*pageSize))
	g.ok("fd_seek", fds["tmp"], pageSize+7, whenceSet, 0)
	g.ok("path_rename", 3, "tmp/d/was", 3, "tmp/d/is") // it is followed
	g.ok("fd_fdstat_set_rights", fds["tmp"], RightFdRead|RightFdWrite|RightFdSeek, 0)

	fds["dir"] = g.open("app/pkg", oflagDirectory, false)
	g.ok("fd_readdir", fds["dir"], 4096, 200, 0, 0)
	fds["random"] = g.open("dev/urandom", 0, false)
	fds["null"] = g.open("dev/null", 0, true)

	g.ok("fd_close", gap)
	g.ok("fd_close", 0)
	out := g.open("tmp/out", oflagCreat, true)
	fds["moved"] = 2
	g.ok("fd_renumber", out, 2) // standard errors go to a file
	if n, errno := g.write(2, "errors"); n != 6 {
		t.Fatal(errno)
	}
	return fds
}

func TestSaveAndRestore(t *testing.T) {
	w := newForkable(t)
	tmp := NewTmp(Quota{})
	a := w.guest(tmp, nil)
	fds := busy(a)
	st, img := carried(t, save(t, a), tmp.Save())
	b := w.guest(NewTmpFrom(Quota{}, img), st)
	same(t, a.box, b.box)

	if got, _ := b.read(fds["app"], 4); got != "3456" {
		t.Errorf("app goes on with %q", got)
	}
	b.write(fds["data"], "third\n")
	if got := b.get("data/log"); got != "first\nsecond\nthird\n" {
		t.Errorf("data is %q", got)
	}
	b.write(fds["tmp"], "!")
	if got := b.get("tmp/d/is"); got[pageSize+7] != '!' || len(got) != 3*pageSize {
		t.Error("tmp was not written where it stood")
	}
	if got := a.get("tmp/d/is"); strings.Contains(got, "!") {
		t.Error("what the copy wrote is in the first")
	}
	b.want(ENOTCAPABLE, "fd_sync", fds["tmp"])
	b.ok("fd_readdir", fds["dir"], 4096, 200, 3, 0)
	if got := b.bytes(4096+direntSize, 4); got != "b.py" {
		t.Errorf("the directory goes on with %q", got)
	}
	if got, _ := b.read(fds["random"], 8); len(got) != 8 {
		t.Errorf("random bytes: %q", got)
	}
	b.write(2, "!")
	if got := b.get("tmp/out"); got != "errors!" {
		t.Errorf("descriptor 2 is %q", got)
	}
	// The numbers that were free are free.
	if fd := b.open("app/module.py", 0, false); fd != 0 {
		t.Errorf("the lowest free number is %d", fd)
	}
	for i := range 3 {
		same(t, a.box, w.guest(NewTmpFrom(Quota{}, img), st).box)
		if err := a.box.Reset(st); err != nil {
			t.Fatalf("time %d: %v", i, err)
		}
	}
}

// TestResetToNothing makes a sandbox what it was at first.
func TestResetToNothing(t *testing.T) {
	w := newForkable(t)
	tmp := NewTmp(Quota{})
	g := w.guest(tmp, nil)
	busy(g)
	tmp.Reset()
	if err := g.box.Reset(nil); err != nil {
		t.Fatal(err)
	}
	same(t, g.box, w.guest(NewTmpFrom(Quota{}, tmp.Save()), nil).box)
}

func TestSaveRefuses(t *testing.T) {
	w := newForkable(t)
	other := w.guest(NewTmp(Quota{}), nil)
	for name, c := range map[string]struct {
		do   func(g *guest) uint32
		why  string
		path string
	}{
		"removed": {func(g *guest) uint32 {
			fd := g.open("tmp/f", oflagCreat, true)
			g.ok("path_unlink_file", 3, "tmp/f")
			return fd
		}, "removed or renamed", "/tmp/f"},
		"below what was renamed by another": {func(g *guest) uint32 {
			g.call("path_create_directory", 3, "data/d")
			fd := g.open("data/d/f", oflagCreat, true)
			other.ok("path_rename", 3, "data/d", 3, "data/e")
			return fd
		}, "removed or renamed", "/data/d/f"},
		"replaced": {func(g *guest) uint32 {
			fd := g.open("data/f", oflagCreat, true)
			g.put("data/g", "")
			g.ok("path_rename", 3, "data/g", 3, "data/f")
			return fd
		}, "another file has taken its place", "/data/f"},
		"locked": {func(g *guest) uint32 {
			fd := g.open("data/db", oflagCreat, true)
			g.ok("fd_lock", fd, lockWrite, 0, 1)
			return fd
		}, "locked", "/data/db"},
		"removed directory": {func(g *guest) uint32 {
			g.ok("path_create_directory", 3, "tmp/d")
			fd := g.open("tmp/d", oflagDirectory, false)
			g.ok("path_remove_directory", 3, "tmp/d")
			return fd
		}, "removed or renamed", "/tmp/d"},
	} {
		g := w.guest(NewTmp(Quota{}), nil)
		fd := c.do(g)
		_, err := g.box.Save()
		var wrong *DescriptorError
		if !errors.As(err, &wrong) || wrong.FD != fd || wrong.Path != c.path || !strings.Contains(wrong.Why, c.why) {
			t.Errorf("%s: %v", name, err)
		}
		g.ok("fd_close", fd)
		save(t, g)
	}
}

func TestRestoreRefuses(t *testing.T) {
	w := newForkable(t)
	tmp := NewTmp(Quota{})
	g := w.guest(tmp, nil)
	g.put("data/kept", "1")
	fd := g.open("data/kept", 0, true)
	g.open("tmp/f", oflagCreat, true)
	st, img := save(t, g), tmp.Save()
	fresh := func(change func(c *Config)) error {
		c := w.config(NewTmpFrom(Quota{}, img), st)
		change(&c)
		box, err := New(c)
		if err == nil {
			err = box.Close()
		}
		return err
	}
	kept, moved := filepath.Join(w.dirs[1], "kept"), filepath.Join(w.dirs[1], "moved")
	for name, c := range map[string]struct {
		change, undo func(c *Config)
		why          string
	}{
		"nothing":        {func(*Config) {}, func(*Config) {}, ""},
		"no mount":       {func(c *Config) { c.Mounts = c.Mounts[:2] }, nil, "/tmp is not mounted any more"},
		"no tree":        {func(c *Config) { c.Mounts = nil }, nil, "its preopened directory is not there"},
		"another preop.": {func(c *Config) { c.Mounts, c.Preopens = nil, []Mount{{"/x", w.app}} }, nil, "/ is not mounted any more"},
		"empty tmp":      {func(c *Config) { c.Mounts[2].FS = NewTmp(Quota{}) }, nil, "/tmp/f: it cannot be opened again: noent"},
		"gone":           {func(*Config) { os.Rename(kept, moved) }, func(*Config) { os.Rename(moved, kept) }, "/data/kept: it cannot be opened again: noent"},
		"replaced": {func(*Config) { os.Rename(kept, moved); hostFile(t, "2", kept) }, func(*Config) { os.Rename(moved, kept) },
			"another file has taken its place"},
		"a directory": {func(*Config) { os.Rename(kept, moved); os.Mkdir(kept, 0o700) }, func(*Config) { os.Remove(kept); os.Rename(moved, kept) },
			"it cannot be opened again: isdir"},
	} {
		g.ok("fd_close", fd) // else Data has it open and looks no further
		err := fresh(c.change)
		if c.undo != nil {
			c.undo(nil)
		}
		var wrong *DescriptorError
		if c.why == "" && err != nil || c.why != "" && (!errors.As(err, &wrong) || !strings.Contains(err.Error(), c.why)) {
			t.Errorf("%s: %v, want %s", name, err, c.why)
		}
		if len(w.data.nodes) != 0 {
			t.Errorf("%s: %d files are left open", name, len(w.data.nodes))
		}
		fd = g.open("data/kept", 0, true)
	}
}

func TestHostileStates(t *testing.T) {
	file := SavedDescriptor{FD: 4, Source: FromPath, Path: "/tmp/f", Mount: "/tmp", Type: FiletypeRegularFile}
	with := func(change func(o *SavedDescriptor)) *State {
		o := file
		change(&o)
		return &State{Open: []SavedDescriptor{o}}
	}
	if err := with(func(*SavedDescriptor) {}).Validate(); err != nil {
		t.Fatal(err)
	}
	for name, st := range map[string]*State{
		"number":      with(func(o *SavedDescriptor) { o.FD = maxDescriptors }),
		"twice":       {Open: []SavedDescriptor{file, file}},
		"clock":       {Monotonic: -1},
		"source":      with(func(o *SavedDescriptor) { o.Source = 3 }),
		"index":       with(func(o *SavedDescriptor) { o.Index = -1 }),
		"stream":      with(func(o *SavedDescriptor) { o.Source, o.Index, o.Path, o.Mount = FromStream, 3, "", "" }),
		"rights":      with(func(o *SavedDescriptor) { o.Base = RightPathOpen }),
		"input":       with(func(o *SavedDescriptor) { o.Source, o.Path, o.Mount, o.Base = FromStream, "", "", RightFdWrite }),
		"all rights":  with(func(o *SavedDescriptor) { o.Inheriting = allRights + 1 }),
		"flags":       with(func(o *SavedDescriptor) { o.Flags = 1 << 9 }),
		"write":       with(func(o *SavedDescriptor) { o.Base = RightFdWrite }),
		"creates":     with(func(o *SavedDescriptor) { o.How = OpenCreate }),
		"truncates":   with(func(o *SavedDescriptor) { o.How = OpenWrite | OpenTrunc }),
		"upwards":     with(func(o *SavedDescriptor) { o.Path = "/tmp/../x" }),
		"relative":    with(func(o *SavedDescriptor) { o.Path = "tmp" }),
		"NUL":         with(func(o *SavedDescriptor) { o.Path = "/tmp/\x00" }),
		"not clean":   with(func(o *SavedDescriptor) { o.Path = "/tmp//x" }),
		"long":        with(func(o *SavedDescriptor) { o.Path = strings.Repeat("/a", maxPath) }),
		"preopen":     with(func(o *SavedDescriptor) { o.Source = FromPreopen }),
		"offset":      with(func(o *SavedDescriptor) { o.Offset = -1 }),
		"entries":     with(func(o *SavedDescriptor) { o.Entries = []Dirent{{}} }),
		"entry":       with(func(o *SavedDescriptor) { o.Type, o.Entries = FiletypeDirectory, []Dirent{{Name: "a/b"}} }),
		"all entries": with(func(o *SavedDescriptor) { o.Type, o.Entries = FiletypeDirectory, make([]Dirent, maxEntries+1) }),
	} {
		if st.Validate() == nil {
			t.Errorf("%s: accepted", name)
		}
		if _, err := New(Config{State: st}); err == nil {
			t.Errorf("%s: New accepts it", name)
		}
	}
}

// TestRestoredClocks has clocks go on, and not go back at a Reset below what was saved.
func TestRestoredClocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		used := 3 * time.Second
		c := Config{CPUTime: func() time.Duration { return used }}
		a, _ := New(c)
		time.Sleep(time.Hour)
		st, _ := a.Save()
		if st.Monotonic != time.Hour || st.CPU != used {
			t.Errorf("saved %v and %v", st.Monotonic, st.CPU)
		}
		time.Sleep(time.Hour)
		used = time.Second // another instance's
		c.State = st
		b, _ := New(c)
		check := func(monotonic, cpu time.Duration) {
			t.Helper()
			for id, want := range map[uint32]time.Duration{clockMonotonic: monotonic, clockProcessCPU: cpu} {
				if got, _ := b.now(id); got != int64(want) {
					t.Errorf("clock %d says %v, want %v", id, time.Duration(got), want)
				}
			}
			if got, _ := b.now(clockRealtime); got != time.Now().UnixNano() {
				t.Error("realtime is not now")
			}
		}
		check(time.Hour, 3*time.Second)
		time.Sleep(time.Minute)
		used += time.Second
		check(time.Hour+time.Minute, 4*time.Second)
		if err := b.Reset(st); err != nil {
			t.Fatal(err)
		}
		check(time.Hour, 3*time.Second)
		c.CPUTime = nil
		c.MonotonicStart = 2 * time.Hour
		b, _ = New(c)
		check(2*time.Hour, 2*time.Hour)
	})
}

func TestEntropy(t *testing.T) {
	drawn := 0
	g := newGuest(t, Config{
		Mounts: []Mount{{"/tmp", NewTmp(Quota{})}}, Entropy: func(n int) { drawn += n },
	})
	g.ok("random_get", 0, 100)
	if drawn != 100 {
		t.Errorf("%d bytes drawn of 100", drawn)
	}
	fd := g.open("dev/urandom", 0, false)
	g.read(fd, 10)
	if drawn != 110 {
		t.Errorf("%d bytes drawn of 110", drawn)
	}
}

// TestResetAfterAnything has a guest do things at random, and resets it.
func TestResetAfterAnything(t *testing.T) {
	w := newForkable(t)
	origin := NewTmp(Quota{})
	first := w.guest(origin, nil)
	busy(first)
	st, img := save(t, first), origin.Save()
	want := w.guest(NewTmpFrom(Quota{}, img), st)

	have := &budget{limit: 1 << 30}
	tmp := NewTmpFrom(Quota{}, img)
	have.attach(tmp)
	g := w.guest(tmp, st)
	for seed := range uint64(1000) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		for range 5 + rnd.IntN(40) {
			anything(g, rnd)
		}
		tmp.Reset()
		if err := g.box.Reset(st); err != nil {
			t.Fatalf("sequence %d: %v", seed, err)
		}
		same(t, want.box, g.box)
		if have.used != 0 || !reflect.DeepEqual(g.box.owner, lockOwner{}) {
			t.Fatalf("sequence %d: %d bytes taken, locks %+v", seed, have.used, g.box.owner)
		}
	}
}

// anything does something in g at random. Of /data it changes no names.
func anything(g *guest, rnd *rand.Rand) {
	fd := uint32(rnd.IntN(14))
	p := []string{"tmp/d/is", "tmp/out", "tmp/a", "tmp/a/b", "tmp/d", "data/log"}[rnd.IntN(6)]
	if p == "data/log" && rnd.IntN(2) == 0 {
		p = "tmp/b"
	}
	named := strings.HasPrefix(p, "tmp/")
	switch rnd.IntN(14) {
	case 0:
		g.call("fd_close", fd)
	case 1:
		g.call("fd_renumber", fd, rnd.IntN(14))
	case 2:
		g.tryOpen(p, oflagCreat, fileRights)
	case 3:
		g.tryOpen(p, rnd.IntN(16), fileRights)
	case 4, 5:
		g.write(fd, strings.Repeat("w", rnd.IntN(5000)))
	case 6:
		g.call("fd_seek", fd, rnd.IntN(20000), whenceSet, 0)
	case 7:
		g.call("fd_filestat_set_size", fd, rnd.IntN(20000))
	case 8:
		g.call("fd_fdstat_set_flags", fd, rnd.IntN(2))
	case 9:
		g.call("fd_fdstat_set_rights", fd, RightFdRead, 0)
	case 10:
		g.call("fd_readdir", fd, 4096, 100, 0, 0)
	case 11:
		g.call("fd_lock", fd, rnd.IntN(3), rnd.IntN(10), 1+rnd.IntN(10))
	case 12:
		g.call("path_create_directory", 3, "tmp/a")
		if named {
			g.call("path_rename", 3, p, 3, "tmp/a/c")
		}
	case 13:
		if named {
			g.call("path_unlink_file", 3, p)
			g.call("path_remove_directory", 3, p)
		}
	}
}

// TestManyGuestsFromOne has copies of one guest write at once.
func TestManyGuestsFromOne(t *testing.T) {
	w := newForkable(t)
	origin := NewTmp(Quota{})
	first := w.guest(origin, nil)
	fds := busy(first)
	st, img := save(t, first), origin.Save()
	var guests []*guest
	for range 16 {
		guests = append(guests, w.guest(NewTmpFrom(Quota{}, img), st))
	}
	var wg sync.WaitGroup
	for i, g := range guests {
		wg.Go(func() {
			for n := range 20 {
				line := fmt.Sprintf("%02d:%02d\n", i, n)
				g.write(fds["tmp"], line)
				g.write(fds["data"], line)
				g.put("tmp/own", line)
				if got := g.get("tmp/own"); got != line {
					t.Errorf("%q, want %q", got, line)
				}
				g.call("fd_readdir", fds["dir"], 4096, 200, 0, 0)
				if n%7 == 6 {
					g.box.mounted("/tmp").(*Tmp).Reset()
					if err := g.box.Reset(st); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	if got := strings.Count(guests[0].get("data/log"), "\n"); got != 2+16*20 {
		t.Errorf("%d lines in the log", got)
	}
	if first.get("tmp/d/is") != strings.Repeat("t", 3*pageSize) {
		t.Error("the first guest's file was written")
	}
}

// mounted is the file system at a path.
func (s *Sandbox) mounted(p string) FS { return s.roots[0].at(p).fs }

// FuzzState decodes anything: what is accepted is encoded the same ever after, and
// New does not fail but by an error.
func FuzzState(f *testing.F) {
	tmp := NewTmp(Quota{})
	edit(f, tmp, "f", func(File) {})
	c := Config{Mounts: []Mount{{"/tmp", tmp}}}
	box, err := New(c)
	if err != nil {
		f.Fatal(err)
	}
	file, _ := tmp.Open("f", OpenWrite)
	box.fds.add(&descriptor{file: file, typ: FiletypeRegularFile, dev: 2, tree: box.roots[0].tree, path: "/tmp/f", how: OpenWrite})
	st, err := box.Save()
	if err != nil {
		f.Fatal(err)
	}
	st.Open[3].Entries = []Dirent{{Name: ".", Type: FiletypeDirectory}}
	good, _ := st.MarshalBinary()
	f.Add(good)
	f.Add(good[:30])
	f.Fuzz(func(t *testing.T, data []byte) {
		var st, again State
		if st.UnmarshalBinary(data) != nil {
			return
		}
		b, err := st.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if err := again.UnmarshalBinary(b); err != nil || !reflect.DeepEqual(st, again) {
			t.Fatalf("not read again: %v", err)
		}
		if twice, _ := again.MarshalBinary(); !bytes.Equal(b, twice) {
			t.Fatal("encoded another way the second time")
		}
		c.State = &st
		box, err := New(c)
		if err != nil {
			return
		}
		if _, err := box.Save(); err != nil {
			t.Fatal(err)
		}
		if err := box.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// BenchmarkRestore is what a copy of a guest costs, and going back to it.
func BenchmarkRestore(b *testing.B) {
	w := newForkable(b)
	tmp := NewTmp(Quota{})
	idle := w.guest(tmp, nil)
	states := map[string]*State{"none": nil, "nothing open": save(b, idle)}
	busy(idle)
	states["8 open"] = save(b, idle)
	img := tmp.Save()
	for _, name := range []string{"none", "nothing open", "8 open"} {
		st := states[name]
		b.Run("new, "+name, func(b *testing.B) {
			for b.Loop() {
				box, err := New(w.config(NewTmpFrom(Quota{}, img), st))
				if err != nil {
					b.Fatal(err)
				}
				_ = box.Close()
			}
		})
		b.Run("reset, "+name, func(b *testing.B) {
			tmp := NewTmpFrom(Quota{}, img)
			box, err := New(w.config(tmp, st))
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				tmp.Reset()
				if err := box.Reset(st); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
