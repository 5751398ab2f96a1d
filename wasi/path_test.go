package wasi

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// tree makes d/n/f ("deep"), f ("flat") and the empty directory e.
func (g *guest) tree() {
	g.t.Helper()
	g.ok("path_create_directory", 3, "d")
	g.ok("path_create_directory", 3, "d/n")
	g.ok("path_create_directory", 3, "e")
	g.put("d/n/f", "deep")
	g.put("f", "flat")
}

func TestPaths(t *testing.T) {
	writable(t, func(t *testing.T, g *guest) {
		g.tree()
		long := strings.Repeat("x", maxName)
		tests := []struct {
			path string
			want Errno
		}{
			{"f", ESUCCESS},
			{"./f", ESUCCESS},
			{".", ESUCCESS},
			{"d/.//n/../../d/n/../n///./f", ESUCCESS},
			{"d/n/", ESUCCESS},
			{"d/n///", ESUCCESS},
			{"d/..", ESUCCESS},
			{"d/../f", ESUCCESS},
			{"", ENOENT},
			{"none", ENOENT},
			{"none/../f", ENOENT},
			{"f/../f", ENOTDIR},
			{"f/", ENOTDIR},
			{"f//", ENOTDIR},
			{"f/.", ENOTDIR},
			{"f/x", ENOTDIR},
			{"none/", ENOENT},
			{"/f", ENOTCAPABLE},
			{"/", ENOTCAPABLE},
			{"..", ENOTCAPABLE},
			{"../f", ENOTCAPABLE},
			{"d/../../f", ENOTCAPABLE},
			{"d/n/../../../etc/passwd", ENOTCAPABLE},
			{"f\x00", EINVAL},
			{"\x00", EINVAL},
			{"\xff", EILSEQ},
			{"d/\xc0\x80", EILSEQ},
			{long, ENOENT},
			{long + "x", ENAMETOOLONG},
			{strings.Repeat("d/../", maxPath/5) + "f", ESUCCESS},
			{strings.Repeat("./", maxPath/2) + "f", ENAMETOOLONG},
		}
		for _, tt := range tests {
			show := tt.path[:min(len(tt.path), 40)]
			if _, got := g.stat(tt.path, 1); got != tt.want {
				t.Errorf("stat %q: %v, want %v", show, got, tt.want)
			}
			fd, got := g.tryOpen(tt.path, 0, RightFdRead)
			if got != tt.want {
				t.Errorf("open %q: %v, want %v", show, got, tt.want)
			}
			if got == ESUCCESS {
				g.ok("fd_close", fd)
			}
		}
	})
}

func TestPathsFromADirectory(t *testing.T) {
	writable(t, func(t *testing.T, g *guest) {
		g.tree()
		d := g.open("d", oflagDirectory, false)
		open := func(path string) Errno {
			return g.call("path_open", d, 0, path, 0, RightFdRead, 0, 0, 0)
		}
		for path, want := range map[string]Errno{
			"n/f": ESUCCESS, "n/../n/f": ESUCCESS, ".": ESUCCESS,
			"..": ENOTCAPABLE, "../f": ENOTCAPABLE, "../d/n/f": ENOTCAPABLE, "n/../../d": ENOTCAPABLE,
		} {
			if got := open(path); got != want {
				t.Errorf("open %q in d: %v, want %v", path, got, want)
			}
		}
		f := g.open("f", 0, false)
		g.want(ENOTDIR, "path_open", f, 0, "x", oflagCreat, 0, 0, 0, 0)
		g.want(EBADF, "path_open", 999, 0, "x", 0, 0, 0, 0, 0)

		// The descriptor goes with the directory, and what is below too.
		n := g.open("d/n", oflagDirectory, false)
		g.ok("path_rename", 3, "d", 3, "e/moved")
		if got := open("n/f"); got != ESUCCESS {
			t.Errorf("open n/f after its directory moved: %v", got)
		}
		g.ok("path_open", n, 0, "f", 0, RightFdRead, 0, 0, 0)
		g.ok("fd_filestat_get", n, 0)
		if got := g.list(n, 512); !slices.Equal(got, []string{".", "..", "f"}) {
			t.Errorf("listed %q", got)
		}
	})
}

func TestOpenFlags(t *testing.T) {
	writable(t, func(t *testing.T, g *guest) {
		g.tree()
		const c, d, x, tr = oflagCreat, oflagDirectory, oflagExcl, oflagTrunc
		tests := []struct {
			path   string
			oflags int
			rights Rights
			want   Errno
		}{
			{"f", 0, RightFdRead, ESUCCESS},
			{"f", d, RightFdRead, ENOTDIR},
			{"f", c, RightFdRead, ESUCCESS},
			{"f", c | x, RightFdRead, EEXIST},
			{"d", c | x, RightFdRead, EEXIST},
			{"f", x, RightFdRead, ESUCCESS},
			{"d", 0, RightFdRead, ESUCCESS},
			{"d", d, RightFdRead, ESUCCESS},
			{"d", d, RightFdRead | RightFdSeek, ESUCCESS},
			{"d", d, RightFdRead | RightFdWrite, EISDIR},
			{"d", 0, RightFdWrite, EISDIR},
			{"d", tr, RightFdRead, EISDIR},
			{"d", c, RightFdRead, EISDIR},
			{"d/", c, RightFdRead, EISDIR},
			{"f/", c, RightFdRead, ENOTDIR},
			{"new/", c, RightFdRead, EISDIR},
			{"none", 0, RightFdRead, ENOENT},
			{"none", tr, RightFdWrite, ENOENT},
			{"none/x", c, RightFdWrite, ENOENT},
			{"f/x", c, RightFdWrite, ENOTDIR},
			{"new", c | d, RightFdRead, EINVAL},
			{"new", 16, RightFdRead, EINVAL},
			{"new", c | x, 0, ESUCCESS},
			{"new", c | x, 0, EEXIST},
			{"new2", c | tr, RightFdWrite, ESUCCESS},
			{"f", tr, 0, ESUCCESS},
		}
		for _, tt := range tests {
			fd, got := g.tryOpen(tt.path, tt.oflags, tt.rights)
			if got != tt.want {
				t.Errorf("open %q flags %d rights %#x: %v, want %v", tt.path, tt.oflags, tt.rights, got, tt.want)
			}
			if got == ESUCCESS {
				g.ok("fd_close", fd)
			}
		}
		if st, _ := g.stat("f", 0); st.Size != 0 {
			t.Errorf("f has %d bytes after truncation", st.Size)
		}
		g.want(EINVAL, "path_open", 3, 2, "f", 0, 0, 0, 0, 0)
		g.want(EINVAL, "path_open", 3, 0, "f", 0, 0, 0, 32, 0)
		g.want(EFAULT, "path_open", 3, 0, "f2", oflagCreat, 0, 0, 0, g.mem.Size()-3)
		g.want(EFAULT, "path_open", 3, 0, g.mem.Size()-1, 2, 0, 0, 0, 0, 0)
		if _, errno := g.stat("f2", 0); errno != ENOENT {
			t.Errorf("a file was made by a call that failed: %v", errno)
		}
	})
}

func TestRemove(t *testing.T) {
	writable(t, func(t *testing.T, g *guest) {
		g.tree()
		g.want(EISDIR, "path_unlink_file", 3, "d")
		g.want(EISDIR, "path_unlink_file", 3, "d/")
		g.want(EISDIR, "path_unlink_file", 3, ".")
		g.want(ENOTDIR, "path_unlink_file", 3, "f/")
		g.want(ENOENT, "path_unlink_file", 3, "none")
		g.want(ENOENT, "path_unlink_file", 3, "none/")
		g.want(ENOTDIR, "path_remove_directory", 3, "f")
		g.want(ENOTDIR, "path_remove_directory", 3, "f/")
		g.want(ENOENT, "path_remove_directory", 3, "none")
		g.want(ENOTEMPTY, "path_remove_directory", 3, "d")
		g.want(EINVAL, "path_remove_directory", 3, "e/.")
		g.want(EINVAL, "path_remove_directory", 3, "d/n/..")
		g.want(EINVAL, "path_remove_directory", 3, ".")
		g.ok("path_remove_directory", 3, "e/")
		g.ok("path_unlink_file", 3, "f")
		g.want(ENOENT, "path_unlink_file", 3, "f")
		g.want(EEXIST, "path_create_directory", 3, "d")
		g.want(EEXIST, "path_create_directory", 3, "d/")
		g.want(EEXIST, "path_create_directory", 3, ".")
		g.want(EEXIST, "path_create_directory", 3, "d/n/f")
		g.want(ENOTDIR, "path_create_directory", 3, "d/n/f/x")
		g.want(ENOENT, "path_create_directory", 3, "x/y")
		g.ok("path_create_directory", 3, "x/")

		// A file lives on until it is closed.
		fd := g.open("d/n/f", 0, true)
		g.ok("path_unlink_file", 3, "d/n/f")
		g.ok("path_remove_directory", 3, "d/n")
		if s, errno := g.read(fd, 10); s != "deep" || errno != ESUCCESS {
			t.Errorf("read %q, %v of a removed file", s, errno)
		}
		g.ok("fd_filestat_get", fd, 0)
		if st := g.filestat(); st.Nlink != 0 {
			t.Errorf("a removed file has %d links", st.Nlink)
		}
		g.put("d/n", "another")
		g.ok("fd_close", fd)
	})
}

func TestRename(t *testing.T) {
	// What is there, each made anew: a file, an empty and a full directory.
	setup := func(g *guest) {
		g.put("f", "f")
		g.put("g", "g")
		g.ok("path_create_directory", 3, "e")
		g.ok("path_create_directory", 3, "full")
		g.put("full/x", "x")
		g.ok("path_create_directory", 3, "d")
	}
	tests := []struct {
		from, to string
		want     Errno
	}{
		{"f", "new", ESUCCESS},
		{"f", "g", ESUCCESS},
		{"f", "f", ESUCCESS},
		{"f", "e", EISDIR},
		{"f", "full", EISDIR},
		{"f", "full/y", ESUCCESS},
		{"f", "none/y", ENOENT},
		{"f", "g/y", ENOTDIR},
		{"f", "new/", ENOTDIR},
		{"f/", "new", ENOTDIR},
		{"none", "new", ENOENT},
		{"e", "new", ESUCCESS},
		{"e/", "new", ESUCCESS},
		{"e", "new/", ESUCCESS},
		{"e/", "new/", ESUCCESS},
		{"e", "d", ESUCCESS},
		{"e", "e", ESUCCESS},
		{"e", "full", ENOTEMPTY},
		{"e", "f", ENOTDIR},
		{"full", "d", ESUCCESS},
		{"full", "full/x/y", EINVAL},
		{"full", "full/sub", EINVAL},
		{"full/x", "full", EISDIR},
		{"d", "full/x", ENOTDIR},
		{".", "new", EBUSY},
		{"e", ".", EBUSY},
		{"e/.", "new", EBUSY},
		{"e", "../x", ENOTCAPABLE},
		{"../x", "new", ENOTCAPABLE},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s to %s", strings.ReplaceAll(tt.from, "/", "|"), strings.ReplaceAll(tt.to, "/", "|")), func(t *testing.T) {
			writable(t, func(t *testing.T, g *guest) {
				setup(g)
				before, _ := g.stat(tt.from, 0)
				got := g.call("path_rename", 3, tt.from, 3, tt.to)
				if got != tt.want && (tt.want != EINVAL || got != ENOTDIR) {
					t.Fatalf("rename: %v, want %v", got, tt.want)
				}
				if got != ESUCCESS {
					return
				}
				if after, errno := g.stat(tt.to, 0); errno != ESUCCESS || after.Ino != before.Ino {
					t.Errorf("the target is inode %d, %v, want %d", after.Ino, errno, before.Ino)
				}
				if _, errno := g.stat(tt.from, 0); errno != ENOENT && tt.from != tt.to {
					t.Errorf("the source is still there: %v", errno)
				}
			})
		})
	}
}

func TestReaddir(t *testing.T) {
	writable(t, func(t *testing.T, g *guest) {
		fd := g.open(".", oflagDirectory, false)
		if got := g.list(fd, 256); !slices.Equal(got, []string{".", ".."}) {
			t.Errorf("an empty directory lists %q", got)
		}
		want := []string{".", ".."}
		for i := range 200 {
			name := fmt.Sprintf("file.%03d", i)
			want = append(want, name)
			g.put(name, "")
		}
		for _, size := range []uint32{33, 64, 100, 256, 1 << 14} {
			if got := g.list(fd, size); !slices.Equal(got, want) {
				t.Errorf("buffer of %d bytes: %d names, want %d", size, len(got), len(want))
			}
		}
		// Cookies stay right while files go: what was there at the start comes.
		g.ok("fd_readdir", fd, 4096, 100, 0, 0)
		if used := g.u32(0); used != 100 {
			t.Errorf("used %d of 100 bytes", used)
		}
		second := g.u64(4096)
		for i := range 100 {
			g.ok("path_unlink_file", 3, fmt.Sprintf("file.%03d", i))
		}
		g.ok("fd_readdir", fd, 4096, 24+2, second, 0)
		if got := g.bytes(4096+24, 2); got != ".." {
			t.Errorf("after the first entry comes %q", got)
		}
		g.ok("fd_readdir", fd, 4096, 24+8, uint64(2+99), 0)
		if got := g.bytes(4096+24, 8); got != "file.099" {
			t.Errorf("entry 101 is %q", got)
		}
		if got := g.list(fd, 1<<14); len(got) != 102 {
			t.Errorf("read anew there are %d entries", len(got))
		}
		for _, cookie := range []uint64{102, 103, 1 << 40, 1<<64 - 1} {
			g.ok("fd_readdir", fd, 4096, 100, cookie, 0)
			if used := g.u32(0); used != 0 {
				t.Errorf("cookie %d: %d bytes", cookie, used)
			}
		}
		f := g.open("file.150", 0, false)
		g.want(ENOTDIR, "fd_readdir", f, 4096, 100, 0, 0)
		g.want(EBADF, "fd_readdir", 99, 4096, 100, 0, 0)
		g.want(EFAULT, "fd_readdir", fd, 4096, 1<<20, 0, 0)
		g.want(EFAULT, "fd_readdir", fd, 4096, 100, 0, g.mem.Size()-3)
	})
}

func TestReaddirTellsWhatStatTells(t *testing.T) {
	writable(t, func(t *testing.T, g *guest) {
		g.tree()
		fd := g.open(".", oflagDirectory, false)
		g.ok("fd_filestat_get", fd, 0)
		self := g.filestat()
		g.ok("fd_readdir", fd, 4096, 4096, 0, 0)
		used := g.u32(0)
		for at := uint32(4096); at < 4096+used; {
			name := g.bytes(at+direntSize, g.u32(at+16))
			ino, typ := g.u64(at+8), Filetype(g.u32(at+20))
			st, errno := g.stat(name, 0)
			if name == ".." {
				st, errno = self, ESUCCESS
			}
			if errno != ESUCCESS || st.Ino != ino || st.Type != typ || ino == 0 {
				t.Errorf("%s: entry says inode %d type %d, stat %+v, %v", name, ino, typ, st, errno)
			}
			at += direntSize + uint32(len(name))
		}
	})
}

func TestTimes(t *testing.T) {
	writable(t, func(t *testing.T, g *guest) {
		g.tree()
		fd := g.open("f", 0, true)
		for _, flags := range []int{3, 12, 15, 16, 1 << 10} {
			g.want(EINVAL, "fd_filestat_set_times", fd, 1, 2, flags)
			g.want(EINVAL, "path_filestat_set_times", 3, 0, "f", 1, 2, flags)
		}
		g.want(EINVAL, "fd_filestat_set_times", fd, uint64(1<<63), 0, fstflagAtim)
		before, _ := g.stat("f", 0)
		g.ok("fd_filestat_set_times", fd, 100, 1234567890123456789&^0x3ff, fstflagMtim)
		st, _ := g.stat("f", 0)
		if st.Atim != before.Atim || st.Mtim != 1234567890123456789&^0x3ff {
			t.Errorf("times %d %d, want %d as before and the one set", st.Atim, st.Mtim, before.Atim)
		}
		for _, path := range []string{"f", "d", "."} {
			g.ok("path_filestat_set_times", 3, 0, path, 5000, 7000, fstflagAtim|fstflagMtim)
			if st, _ := g.stat(path, 0); st.Atim != 5000 || st.Mtim != 7000 {
				t.Errorf("%s: times %d %d, want 5000 7000", path, st.Atim, st.Mtim)
			}
		}
		g.ok("fd_filestat_set_times", fd, 0, 0, fstflagAtimNow|fstflagMtimNow)
		st, _ = g.stat("f", 0)
		for _, at := range []int64{st.Atim, st.Mtim} {
			if d := time.Since(time.Unix(0, at)); d < -time.Second || d > time.Minute {
				t.Errorf("now is %v off", d)
			}
		}
		g.want(ENOTDIR, "path_filestat_set_times", 3, 0, "f/", 0, 0, 0)
		g.want(ENOENT, "path_filestat_set_times", 3, 0, "none", 0, 0, 0)
		g.want(ESPIPE, "fd_filestat_set_times", 1, 0, 0, 0)
	})
}

func TestLinksAreRefused(t *testing.T) {
	d, _ := dataDir(t, Quota{})
	for name, fs := range map[string]FS{"tmp": NewTmp(Quota{}), "data": d} {
		g := newGuest(t, Config{Preopens: []Mount{{"/", fs}}})
		g.put("f", "x")
		g.want(EPERM, "path_symlink", "f", 3, "l")
		g.want(EPERM, "path_symlink", "/etc/passwd", 3, "l")
		g.want(EEXIST, "path_symlink", "f", 3, "f")
		g.want(EPERM, "path_link", 3, 0, "f", 3, "l")
		g.want(EEXIST, "path_link", 3, 0, "f", 3, "f")
		g.want(EINVAL, "path_link", 3, 1, "f", 3, "l")
		g.want(ENOENT, "path_link", 3, 0, "none", 3, "l")
		g.want(EINVAL, "path_readlink", 3, "f", 4096, 10, 0)
		g.want(ENOENT, "path_readlink", 3, "none", 4096, 10, 0)
		if got := g.list(g.open(".", 0, false), 256); len(got) != 3 {
			t.Errorf("%s: %q after refused links", name, got)
		}
	}
}
