package wasi

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// TestTwoSandboxes has two guests on one file system.
func TestTwoSandboxes(t *testing.T) {
	quotaed(t, Quota{Bytes: 1 << 20}, func(t *testing.T, fs limited) {
		c := Config{Preopens: []Mount{{"/", fs}}}
		a, b := newGuest(t, c), newGuest(t, c)
		a.put("f", "from a")
		if got := b.get("f"); got != "from a" {
			t.Errorf("b reads %q", got)
		}
		fd := b.open("f", 0, true)
		a.ok("path_unlink_file", 3, "f")
		a.put("f", "new")
		if s, _ := b.read(fd, 100); s != "from a" {
			t.Errorf("b reads %q of what a removed", s)
		}
		if used := fs.Usage(); used != (Usage{9, 2}) {
			t.Errorf("used %+v", used)
		}
		b.ok("fd_close", fd)

		// A directory that another sandbox moved is gone, for its descriptor.
		a.ok("path_create_directory", 3, "d")
		dir := b.open("d", oflagDirectory, false)
		a.ok("path_rename", 3, "d", 3, "e")
		b.want(ENOENT, "path_open", dir, 0, "x", oflagCreat, 0, 0, 0, 0)
		a.ok("path_remove_directory", 3, "e")
		b.want(ENOENT, "path_open", dir, 0, "x", oflagCreat, 0, 0, 0, 0)
	})
}

// TestAppendersDoNotOverwrite has many sandboxes append to one file at once.
func TestAppendersDoNotOverwrite(t *testing.T) {
	quotaed(t, Quota{}, func(t *testing.T, fs limited) {
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				f, errno := fs.Open("log", OpenWrite|OpenCreate)
				if errno != ESUCCESS {
					t.Error(errno)
					return
				}
				for n := range 200 {
					f.Append(fmt.Appendf(nil, "%d:%03d\n", i, n))
				}
				f.Close()
			})
		}
		wg.Wait()
		g := newGuest(t, Config{Preopens: []Mount{{"/", fs}}})
		if lines := strings.Count(g.get("log"), "\n"); lines != 800 {
			t.Errorf("%d lines, want 800", lines)
		}
	})
}

// TestArchiveIsShared has many sandboxes read one archive at once.
func TestArchiveIsShared(t *testing.T) {
	a := archiveOf(t, "f="+strings.Repeat("hello", 10000))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			f, errno := a.Open("f", 0)
			b := make([]byte, 5)
			n, read := f.ReadAt(b, 49995)
			if errno != ESUCCESS || read != ESUCCESS || string(b[:n]) != "hello" {
				t.Errorf("read %q, %v, %v", b[:n], errno, read)
			}
		})
	}
	wg.Wait()
}

// TestUsualRights opens a directory with the rights that conformance suites ask
// for, and does what they do below it.
func TestUsualRights(t *testing.T) {
	writable(t, func(t *testing.T, g *guest) {
		base := RightFdFilestatGet | RightFdReaddir | RightPathCreateFile | RightPathCreateDirectory |
			RightPathRemoveDirectory | RightPathOpen | RightPathUnlinkFile | RightPathRenameSource |
			RightPathRenameTarget | RightPathFilestatGet | RightPathFilestatSetSize | RightPathFilestatSetTimes
		inheriting := RightFdRead | RightFdWrite | RightFdReaddir | RightFdFilestatGet | RightFdSeek |
			RightPathOpen | RightPathFilestatGet | RightFdFdstatSetFlags | RightFdSync | RightFdTell |
			RightFdAdvise | RightFdAllocate | RightFdFilestatSetSize | RightFdFilestatSetTimes
		g.ok("path_create_directory", 3, "dir")
		g.ok("path_open", 3, 0, "dir", oflagDirectory, base, inheriting, 0, 0)
		dir := g.u32(0)
		g.ok("fd_fdstat_get", dir, 0)
		if b, i := Rights(g.u64(8)), Rights(g.u64(16)); b != base || i != inheriting {
			t.Errorf("rights %#x and %#x, want %#x and %#x", b, i, base, inheriting)
		}
		// What a file has no use for is dropped, what the directory does not
		// pass on is refused.
		g.ok("path_open", dir, 0, "file", oflagCreat, RightFdRead|RightFdReaddir|RightPathFilestatGet, 0, 0, 0)
		g.ok("fd_fdstat_get", g.u32(0), 0)
		if got := Rights(g.u64(8)); got != RightFdRead {
			t.Errorf("a file has the rights %#x", got)
		}
		g.want(ENOTCAPABLE, "path_open", dir, 0, "file", 0, RightFdDatasync, 0, 0, 0)
		g.ok("path_open", dir, 0, "file", oflagTrunc, 0, 0, 0, 0)
		g.ok("fd_fdstat_set_rights", dir, base, inheriting&^RightFdFilestatSetSize)
		g.ok("path_open", dir, 0, "file", oflagTrunc, 0, 0, 0, 0)
		g.ok("fd_fdstat_set_rights", dir, base&^RightPathFilestatSetSize, inheriting&^RightFdFilestatSetSize)
		g.want(ENOTCAPABLE, "path_open", dir, 0, "file", oflagTrunc, 0, 0, 0, 0)
		g.ok("path_open", dir, 0, ".", oflagDirectory, RightFdRead, 0, 0, 0)
		g.want(EISDIR, "path_open", dir, 0, ".", oflagDirectory, RightFdRead|RightFdWrite, 0, 0, 0)
		g.ok("path_open", dir, 0, ".", 0, 0, 0, 4, 0)
	})
}
