package wasi

import (
	"math"
	"slices"
	"strings"
	"testing"
)

func TestReadWriteSeek(t *testing.T) {
	writable(t, func(t *testing.T, g *guest) {
		fd := g.open("f", oflagCreat, true)
		at := func(want uint64) {
			t.Helper()
			g.ok("fd_tell", fd, 0)
			if got := g.u64(0); got != want {
				t.Errorf("at %d, want %d", got, want)
			}
		}
		if n, _ := g.write(fd, "hello world"); n != 11 {
			t.Errorf("wrote %d bytes", n)
		}
		at(11)
		g.ok("fd_seek", fd, uint64(1<<64-5), whenceEnd, 0)
		at(6)
		if s, _ := g.read(fd, 100); s != "world" {
			t.Errorf("read %q", s)
		}
		if s, errno := g.read(fd, 100); s != "" || errno != ESUCCESS {
			t.Errorf("read %q, %v at the end", s, errno)
		}
		minus := func(n uint64) uint64 { return -n }
		g.want(EINVAL, "fd_seek", fd, minus(12), whenceEnd, 0)
		g.want(EINVAL, "fd_seek", fd, minus(1), whenceSet, 0)
		g.want(EINVAL, "fd_seek", fd, 0, 3, 0)
		g.want(EOVERFLOW, "fd_seek", fd, uint64(math.MaxInt64), whenceCur, 0)
		g.want(EFAULT, "fd_seek", fd, 0, whenceSet, g.mem.Size()-7)
		at(11)
		g.ok("fd_seek", fd, 20, whenceSet, 0)
		g.write(fd, "!")
		if got := g.get("f"); got != "hello world\x00\x00\x00\x00\x00\x00\x00\x00\x00!" {
			t.Errorf("a hole reads %q", got)
		}

		g.iov("HELLO", 5)
		g.ok("fd_pwrite", fd, 1000, 1, 0, 0)
		at(21)
		g.iov("", 5)
		g.ok("fd_pread", fd, 1000, 1, 3, 0)
		if got := g.bytes(1024, g.u32(0)); got != "LO wo" {
			t.Errorf("pread %q", got)
		}
		g.want(EINVAL, "fd_pread", fd, 1000, 1, minus(1), 0)
		g.want(EINVAL, "fd_pwrite", fd, 1000, 1, minus(1), 0)
		g.want(ESUCCESS, "fd_pread", fd, 1000, 1, uint64(math.MaxInt64), 0)
		g.want(EFBIG, "fd_pwrite", fd, 1000, 1, uint64(math.MaxInt64), 0)
		g.want(ESPIPE, "fd_pread", 0, 1000, 1, 0, 0)
		g.want(ESPIPE, "fd_pwrite", 1, 1000, 1, 0, 0)
		g.want(ESPIPE, "fd_seek", 0, 0, whenceSet, 0)
	})
}

func TestReadFileReadsForTheHost(t *testing.T) {
	writable(t, func(t *testing.T, g *guest) {
		fd := g.open("f", oflagCreat, true)
		g.write(fd, "hello world")
		for _, test := range []struct {
			fd    uint32
			off   int64
			want  string
			errno Errno
		}{
			{fd, 0, "hello", ESUCCESS}, {fd, 8, "rld", ESUCCESS}, {fd, 11, "", ESUCCESS}, {fd, math.MaxInt64, "", ESUCCESS},
			{fd, -1, "", EINVAL}, {fd, math.MinInt64, "", EINVAL},
			{0, 0, "", ESPIPE}, {1, 0, "", ENOTCAPABLE}, {3, 0, "", EISDIR}, {fd + 1, 0, "", EBADF}, {math.MaxUint32, 0, "", EBADF},
		} {
			p := make([]byte, 5)
			n, errno := g.box.ReadFile(test.fd, p, test.off)
			if string(p[:n]) != test.want || errno != test.errno {
				t.Errorf("descriptor %d at %d: %q, %v; want %q, %v", test.fd, test.off, p[:n], errno, test.want, test.errno)
			}
		}
		for fd, want := range map[uint32]int64{fd: 11, 0: -1, 1: -1, 3: -1, fd + 1: -1, math.MaxUint32: -1} {
			if got := g.box.FileSize(fd); got != want {
				t.Errorf("descriptor %d: %d bytes, want %d", fd, got, want)
			}
		}
		g.ok("fd_tell", fd, 0)
		if got := g.u64(0); got != 11 {
			t.Errorf("the descriptor moved to %d", got)
		}
	})
}

func TestVectors(t *testing.T) {
	writable(t, func(t *testing.T, g *guest) {
		fd := g.open("f", oflagCreat, true)
		g.mem.WriteString(2000, "abcdef")
		vec := func(pairs ...uint32) int {
			for i, v := range pairs {
				g.mem.WriteUint32Le(1000+uint32(i)*4, v)
			}
			return len(pairs) / 2
		}
		n := vec(2000, 2, 0, 0, 2004, 2, 2002, 2)
		g.ok("fd_write", fd, 1000, n, 0)
		if got := g.get("f"); got != "abefcd" || g.u32(0) != 6 {
			t.Errorf("wrote %q", got)
		}
		g.ok("fd_seek", fd, 0, whenceSet, 0)
		n = vec(3000, 4, 3010, 0, 3020, 10)
		g.ok("fd_read", fd, 1000, n, 0)
		if got := g.bytes(3000, 4) + "|" + g.bytes(3020, 2); got != "abef|cd" {
			t.Errorf("read %q", got)
		}
		g.ok("fd_read", fd, 1000, 0, 0)
		g.want(EINVAL, "fd_write", fd, 1000, maxIovecs+1, 0)
		g.want(EFAULT, "fd_write", fd, g.mem.Size()-7, 1, 0)
		g.want(EFAULT, "fd_write", fd, uint32(1<<32-8), 1024, 0)
		vec(2000, 2, g.mem.Size()-1, 2)
		g.want(EFAULT, "fd_write", fd, 1000, 2, 0)
		vec(2000, 2, 4, 1<<32-1)
		g.want(EFAULT, "fd_write", fd, 1000, 2, 0)
		vec(2000, 2)
		g.want(EFAULT, "fd_write", fd, 1000, 1, g.mem.Size()-3)
		if got := g.get("f"); got != "abefcd" {
			t.Errorf("failed writes left %q", got)
		}
	})
}

func TestTransferIsBounded(t *testing.T) {
	var out strings.Builder
	g := newGuest(t, Config{Stdout: &out})
	for i := range uint32(maxIovecs) {
		g.mem.WriteUint32Le(i*8, 0)
		g.mem.WriteUint32Le(i*8+4, g.mem.Size())
	}
	g.ok("fd_write", 1, 0, maxIovecs, g.mem.Size()-4)
	if n, _ := g.mem.ReadUint32Le(g.mem.Size() - 4); n != maxTransfer || out.Len() != maxTransfer {
		t.Errorf("wrote %d, %d came", n, out.Len())
	}
}

func TestAppend(t *testing.T) {
	writable(t, func(t *testing.T, g *guest) {
		g.put("f", "12")
		g.ok("path_open", 3, 0, "f", 0, fileRights, 0, int(FdflagAppend|FdflagSync), 0)
		fd := g.u32(0)
		g.write(fd, "34")
		g.ok("fd_seek", fd, 0, whenceSet, 0)
		g.write(fd, "56")
		g.ok("fd_tell", fd, 0)
		if got := g.u64(0); got != 6 {
			t.Errorf("at %d after appending", got)
		}
		g.iov("x", 1)
		g.ok("fd_pwrite", fd, 1000, 1, 0, 0)
		g.ok("fd_fdstat_get", fd, 0)
		if got := Fdflags(g.u32(0) >> 16); got != FdflagAppend|FdflagSync {
			t.Errorf("flags are %#x", got)
		}
		g.ok("fd_fdstat_set_flags", fd, 0)
		g.ok("fd_seek", fd, 1, whenceSet, 0)
		g.write(fd, "y")
		if got := g.get("f"); got != "xy3456" {
			t.Errorf("the file holds %q", got)
		}
		g.want(EINVAL, "fd_fdstat_set_flags", fd, 32)
	})
}

func TestSize(t *testing.T) {
	writable(t, func(t *testing.T, g *guest) {
		g.put("f", "hello")
		fd := g.open("f", 0, true)
		size := func(want uint64) {
			t.Helper()
			g.ok("fd_filestat_get", fd, 0)
			if got := g.filestat().Size; got != want {
				t.Errorf("size %d, want %d", got, want)
			}
		}
		g.ok("fd_allocate", fd, 0, 100)
		size(100)
		g.ok("fd_allocate", fd, 10, 10)
		size(100)
		g.ok("fd_allocate", fd, 90, 20)
		size(110)
		g.want(EINVAL, "fd_allocate", fd, 0, 0)
		g.want(EINVAL, "fd_allocate", fd, uint64(1<<63), 1)
		g.want(EFBIG, "fd_allocate", fd, uint64(math.MaxInt64), 1)
		g.ok("fd_filestat_set_size", fd, 3)
		size(3)
		g.ok("fd_filestat_set_size", fd, 6)
		if got := g.get("f"); got != "hel\x00\x00\x00" {
			t.Errorf("cut and extended: %q", got)
		}
		g.want(EFBIG, "fd_filestat_set_size", fd, uint64(1<<63))
		g.ok("fd_advise", fd, 10, 50, 0)
		g.want(EINVAL, "fd_advise", fd, 0, 0, 6)
		g.ok("fd_sync", fd)
		g.ok("fd_datasync", fd)
		size(6)
	})
}

func TestDirectoryIsNoFile(t *testing.T) {
	writable(t, func(t *testing.T, g *guest) {
		g.iov("", 10)
		g.want(EISDIR, "fd_read", 3, 1000, 1, 0)
		g.want(EISDIR, "fd_pread", 3, 1000, 1, 0, 0)
		g.want(EISDIR, "fd_write", 3, 1000, 1, 0)
		g.want(EISDIR, "fd_pwrite", 3, 1000, 1, 0, 0)
		for whence := range 3 {
			g.want(EISDIR, "fd_seek", 3, 0, whence, 0)
		}
		g.want(EISDIR, "fd_tell", 3, 0)
		g.want(EISDIR, "fd_allocate", 3, 0, 1)
		g.want(EISDIR, "fd_filestat_set_size", 3, 0)
		g.ok("fd_sync", 3)
		g.ok("fd_filestat_get", 3, 0)
	})
}

func TestPrestat(t *testing.T) {
	g := newGuest(t, Config{Preopens: []Mount{{"/tmp", NewTmp(Quota{})}, {"rel", NewTmp(Quota{})}}})
	g.ok("fd_prestat_get", 3, 0)
	if got := g.u64(0); got != 4<<32 {
		t.Errorf("prestat %#x", got)
	}
	g.ok("fd_prestat_dir_name", 3, 16, 4)
	if got := g.bytes(16, 4); got != "/tmp" {
		t.Errorf("name %q", got)
	}
	g.ok("fd_prestat_dir_name", 4, 16, 100)
	g.want(ENAMETOOLONG, "fd_prestat_dir_name", 3, 16, 3)
	g.want(EFAULT, "fd_prestat_dir_name", 3, g.mem.Size()-3, 4)
	g.want(EBADF, "fd_prestat_get", 0, 0)
	g.want(EBADF, "fd_prestat_get", 5, 0)
	g.ok("fd_close", 4)
	g.want(EBADF, "fd_prestat_get", 4, 0)
}

func TestRenumber(t *testing.T) {
	tmp := NewTmp(Quota{})
	g := newGuest(t, Config{Preopens: []Mount{{"/", tmp}}})
	a, b := g.open("a", oflagCreat, true), g.open("b", oflagCreat, true)
	g.write(a, "a")
	g.ok("fd_renumber", a, b)
	g.want(EBADF, "fd_close", a)
	g.write(b, "a")
	if got := g.get("a"); got != "aa" {
		t.Errorf("a holds %q", got)
	}
	g.want(EBADF, "fd_renumber", b, a)
	g.want(EBADF, "fd_renumber", a, b)
	g.want(EBADF, "fd_renumber", b, uint32(1<<32-1))
	g.ok("fd_renumber", b, b)
	if got := g.open("b", 0, false); got != a {
		t.Errorf("the lowest free number is %d, got %d", a, got)
	}
	g.ok("fd_renumber", 1, b)
	g.want(EBADF, "fd_fdstat_get", 1, 0)
	dir := g.open(".", oflagDirectory, false)
	g.ok("fd_renumber", dir, 3)
	g.want(EBADF, "fd_prestat_get", 3, 0)
	g.ok("path_open", 3, 0, "a", 0, 0, 0, 0, 0)
}

func TestDescriptorsRunOut(t *testing.T) {
	tmp := NewTmp(Quota{})
	g := newGuest(t, Config{Preopens: []Mount{{"/", tmp}}})
	g.put("f", "x")
	for want := uint32(4); want < maxDescriptors; want++ {
		if fd := g.open("f", 0, false); fd != want {
			t.Fatalf("descriptor %d, want %d", fd, want)
		}
	}
	if _, errno := g.tryOpen("f", 0, 0); errno != EMFILE {
		t.Errorf("one more: %v, want %v", errno, EMFILE)
	}
	if _, errno := g.tryOpen("new", oflagCreat, 0); errno != EMFILE {
		t.Errorf("one more: %v, want %v", errno, EMFILE)
	}
	if _, errno := g.stat("new", 0); errno != ENOENT {
		t.Errorf("a file was made without a descriptor: %v", errno)
	}
	g.ok("fd_close", 500)
	g.ok("fd_close", 77)
	if fd := g.open("f", 0, false); fd != 77 {
		t.Errorf("descriptor %d, want 77", fd)
	}
	g.ok("path_unlink_file", 3, "f")
	if err := g.box.Close(); err != nil {
		t.Error(err)
	}
	if err := g.box.Close(); err != nil {
		t.Error(err)
	}
	if u := tmp.Usage(); u != (Usage{}) {
		t.Errorf("%+v is used after closing", u)
	}
	g.want(EBADF, "fd_tell", 3, 0)
}

func TestRights(t *testing.T) {
	writable(t, func(t *testing.T, g *guest) {
		g.put("f", "x")
		ro, _ := g.tryOpen("f", 0, RightFdRead)
		wo, _ := g.tryOpen("f", 0, RightFdWrite)
		g.iov("y", 1)
		g.want(ENOTCAPABLE, "fd_write", ro, 1000, 1, 0)
		g.want(ENOTCAPABLE, "fd_read", wo, 1000, 1, 0)
		for _, fn := range []string{"fd_tell", "fd_filestat_get"} {
			g.want(ENOTCAPABLE, fn, ro, 0)
		}
		g.want(ENOTCAPABLE, "fd_seek", ro, 0, 0, 0)
		g.want(ENOTCAPABLE, "fd_sync", ro)
		g.want(ENOTCAPABLE, "fd_datasync", ro)
		g.want(ENOTCAPABLE, "fd_allocate", ro, 0, 1)
		g.want(ENOTCAPABLE, "fd_advise", ro, 0, 1, 0)
		g.want(ENOTCAPABLE, "fd_filestat_set_size", ro, 0)
		g.want(ENOTCAPABLE, "fd_filestat_set_times", ro, 0, 0, 0)
		g.want(ENOTCAPABLE, "fd_fdstat_set_flags", ro, 0)

		fd := g.open("f", 0, true)
		g.ok("fd_fdstat_set_rights", fd, RightFdSeek|RightFdRead, 0)
		g.ok("fd_seek", fd, 0, whenceCur, 0)
		g.want(ENOTCAPABLE, "fd_fdstat_set_rights", fd, RightFdWrite, 0)
		g.want(ENOTCAPABLE, "fd_fdstat_set_rights", fd, 0, RightFdWrite)
		g.want(ENOTCAPABLE, "fd_write", fd, 1000, 1, 0)
		g.ok("fd_fdstat_get", fd, 0)
		if got := Rights(g.u64(8)); got != RightFdSeek|RightFdRead {
			t.Errorf("rights %#x", got)
		}
		g.ok("fd_fdstat_set_rights", fd, 0, 0)
		g.want(ENOTCAPABLE, "fd_seek", fd, 0, whenceCur, 0)
	})
}

func TestDirectoryRights(t *testing.T) {
	// Each path function with the right it needs.
	needs := []struct {
		right Rights
		call  []any
	}{
		{RightPathCreateDirectory, []any{"path_create_directory", 3, "new"}},
		{RightPathFilestatGet, []any{"path_filestat_get", 3, 0, "f", 0}},
		{RightPathFilestatSetTimes, []any{"path_filestat_set_times", 3, 0, "f", 0, 0, 0}},
		{RightPathLinkSource, []any{"path_link", 3, 0, "f", 3, "l"}},
		{RightPathLinkTarget, []any{"path_link", 3, 0, "f", 3, "l"}},
		{RightPathOpen, []any{"path_open", 3, 0, "f", 0, 0, 0, 0, 0}},
		{RightPathCreateFile, []any{"path_open", 3, 0, "f", oflagCreat, 0, 0, 0, 0}},
		{RightPathFilestatSetSize, []any{"path_open", 3, 0, "f", oflagTrunc, 0, 0, 0, 0}},
		{RightPathReadlink, []any{"path_readlink", 3, "f", 0, 0, 0}},
		{RightPathRemoveDirectory, []any{"path_remove_directory", 3, "d"}},
		{RightPathRenameSource, []any{"path_rename", 3, "f", 3, "g"}},
		{RightPathRenameTarget, []any{"path_rename", 3, "f", 3, "g"}},
		{RightPathSymlink, []any{"path_symlink", "f", 3, "l"}},
		{RightPathUnlinkFile, []any{"path_unlink_file", 3, "f"}},
		{RightFdReaddir, []any{"fd_readdir", 3, 0, 0, 0, 0}},
	}
	for _, tt := range needs {
		g := newGuest(t, Config{Preopens: []Mount{{"/", NewTmp(Quota{})}}})
		g.tree()
		name := tt.call[0].(string)
		g.ok("fd_fdstat_set_rights", 3, dirRights&^tt.right, allRights)
		g.want(ENOTCAPABLE, name, tt.call[1:]...)
	}
	g := newGuest(t, Config{Preopens: []Mount{{"/", NewTmp(Quota{})}}})
	g.tree()
	g.ok("fd_fdstat_get", 3, 0)
	if b, i := Rights(g.u64(8)), Rights(g.u64(16)); b&dirRights != dirRights || i != allRights {
		t.Errorf("a preopened directory has %#x and passes on %#x", b, i)
	}
	g.ok("fd_fdstat_set_rights", 3, dirRights, allRights&^RightFdWrite)
	g.want(ENOTCAPABLE, "path_open", 3, 0, "f", 0, RightFdWrite, 0, 0, 0)
	g.want(ENOTCAPABLE, "path_open", 3, 0, "d", 0, RightFdRead, RightFdWrite, 0, 0)
	g.ok("path_open", 3, 0, "d", 0, dirRights, RightFdRead, 0, 0)
	g.want(ENOTCAPABLE, "path_open", int(g.u32(0)), 0, "n/f", 0, RightFdSeek, 0, 0, 0)
}

func TestStdio(t *testing.T) {
	var out, errs strings.Builder
	g := newGuest(t, Config{Stdin: strings.NewReader("in"), Stdout: &out, Stderr: &errs, StdTTY: true})
	g.write(1, "to out")
	g.write(2, "to err")
	if out.String() != "to out" || errs.String() != "to err" {
		t.Errorf("wrote %q and %q", out.String(), errs.String())
	}
	if s, errno := g.read(0, 10); s != "in" || errno != ESUCCESS {
		t.Errorf("read %q, %v", s, errno)
	}
	g.iov("x", 1)
	g.want(ENOTCAPABLE, "fd_write", 0, 1000, 1, 0)
	g.want(ENOTCAPABLE, "fd_read", 1, 1000, 1, 0)
	var inos []uint64
	for fd := range 3 {
		g.ok("fd_fdstat_get", fd, 0)
		if typ, rights := Filetype(g.u32(0)), Rights(g.u64(8)); typ != FiletypeCharacterDevice || rights&(RightFdSeek|RightFdTell) != 0 {
			t.Errorf("descriptor %d is of type %d with rights %#x", fd, typ, rights)
		}
		g.ok("fd_filestat_get", fd, 0)
		inos = append(inos, g.filestat().Ino)
	}
	if slices.Sort(inos); len(slices.Compact(inos)) != 3 {
		t.Errorf("inodes %v are not unique", inos)
	}
	g.ok("fd_sync", 1)

	none := newGuest(t, Config{})
	if s, errno := none.read(0, 10); s != "" || errno != ESUCCESS {
		t.Errorf("read %q, %v without input", s, errno)
	}
	if n, errno := none.write(1, "gone"); n != 4 || errno != ESUCCESS {
		t.Errorf("wrote %d, %v without output", n, errno)
	}
	none.ok("fd_fdstat_get", 0, 0)
	if typ := Filetype(none.u32(0)); typ != FiletypeUnknown {
		t.Errorf("type %d", typ)
	}
	none.want(EBADF, "fd_prestat_get", 3, 0)
}
