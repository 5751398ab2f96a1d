package wasi

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// limited is a file system with a quota.
type limited interface {
	FS
	Usage() Usage
}

// quotaed calls fn with each kind of file system that has a quota.
func quotaed(t *testing.T, q Quota, fn func(t *testing.T, fs limited)) {
	t.Helper()
	t.Run("tmp", func(t *testing.T) { fn(t, NewTmp(q)) })
	t.Run("data", func(t *testing.T) {
		d, dir := dataDir(t, q)
		fn(t, d)
		root, err := os.OpenRoot(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close() //nolint:errcheck // read only
		again := DataDir(root, q)
		if got, want := d.Usage(), again.Usage(); got != want {
			t.Errorf("usage kept is %+v, counted anew %+v", got, want)
		}
	})
}

func TestByteQuota(t *testing.T) {
	quotaed(t, Quota{Bytes: 10000}, func(t *testing.T, fs limited) {
		g := newGuest(t, Config{Preopens: []Mount{{"/", fs}}})
		used := func(bytes, inodes int64) {
			t.Helper()
			if got := fs.Usage(); got != (Usage{bytes, inodes}) {
				t.Errorf("used %+v, want %d bytes, %d inodes", got, bytes, inodes)
			}
		}
		big := strings.Repeat("x", 8000)
		a := g.open("a", oflagCreat, true)
		if n, _ := g.write(a, big); n != 8000 {
			t.Errorf("wrote %d", n)
		}
		used(8000, 1)
		if n, _ := g.write(a, big); n != 2000 {
			t.Errorf("wrote %d, want what fits, 2000", n)
		}
		if _, errno := g.write(a, "x"); errno != ENOSPC {
			t.Errorf("over the quota: %v", errno)
		}
		g.want(ENOSPC, "fd_filestat_set_size", a, 10001)
		g.want(ENOSPC, "fd_allocate", a, 0, 10001)
		g.want(ENOSPC, "fd_filestat_set_size", a, uint64(1)<<62)
		g.ok("fd_filestat_set_size", a, 100)
		used(100, 1)
		// What is there can be overwritten; a hole counts in full.
		g.ok("fd_seek", a, 0, whenceSet, 0)
		if n, _ := g.write(a, big[:100]); n != 100 {
			t.Errorf("overwrote %d", n)
		}
		g.iov("x", 1)
		g.want(ENOSPC, "fd_pwrite", a, 1000, 1, 10000, 0)
		g.want(ENOSPC, "fd_pwrite", a, 1000, 1, uint64(1)<<62, 0)
		g.ok("fd_pwrite", a, 1000, 1, 9999, 0)
		used(10000, 1)
		g.ok("fd_filestat_set_size", a, 9000)

		// Removed but open still counts.
		g.ok("path_unlink_file", 3, "a")
		used(9000, 1)
		b := g.open("b", oflagCreat, true)
		if n, _ := g.write(b, big); n != 1000 {
			t.Errorf("wrote %d beside a removed file, want 1000", n)
		}
		g.ok("fd_close", a)
		used(1000, 1)

		// Replacing frees, truncating on opening frees.
		g.put("c", big)
		used(9000, 2)
		g.ok("path_rename", 3, "b", 3, "c")
		used(1000, 1)
		g.put("c", "")
		used(0, 1)
		if n, _ := g.write(b, "x"); n != 1 {
			t.Errorf("wrote %d", n)
		}
		g.ok("fd_close", b)
		g.ok("path_unlink_file", 3, "c")
		used(0, 0)
	})
}

func TestAppendQuota(t *testing.T) {
	quotaed(t, Quota{Bytes: 10}, func(t *testing.T, fs limited) {
		g := newGuest(t, Config{Preopens: []Mount{{"/", fs}}})
		g.ok("path_open", 3, 0, "f", oflagCreat, fileRights, 0, int(FdflagAppend), 0)
		fd := g.u32(0)
		for _, want := range []int{6, 4} {
			n, errno := g.write(fd, "123456")
			if n != want || errno != ESUCCESS {
				t.Errorf("appended %d, %v, want %d", n, errno, want)
			}
		}
		if _, errno := g.write(fd, "x"); errno != ENOSPC {
			t.Errorf("over the quota: %v", errno)
		}
		g.ok("fd_tell", fd, 0)
		if g.u64(0) != 10 {
			t.Errorf("at %d", g.u64(0))
		}
	})
}

func TestInodeQuota(t *testing.T) {
	quotaed(t, Quota{Inodes: 4}, func(t *testing.T, fs limited) {
		g := newGuest(t, Config{Preopens: []Mount{{"/", fs}}})
		g.ok("path_create_directory", 3, "d")
		g.put("d/a", "1")
		g.put("d/b", "2")
		g.put("c", "3")
		if _, errno := g.tryOpen("e", oflagCreat, 0); errno != ENOSPC {
			t.Errorf("a fifth file: %v", errno)
		}
		g.want(ENOSPC, "path_create_directory", 3, "e")
		g.want(EEXIST, "path_create_directory", 3, "d")
		g.ok("path_rename", 3, "c", 3, "e")
		g.put("e", "overwritten")
		g.ok("path_rename", 3, "d/a", 3, "d/b")
		g.ok("path_create_directory", 3, "f")
		g.want(ENOSPC, "path_create_directory", 3, "g")
		g.ok("path_remove_directory", 3, "f")
		if got := fs.Usage().Inodes; got != 3 {
			t.Errorf("%d inodes, want 3", got)
		}
	})
}

func TestQuotaAcrossSandboxes(t *testing.T) {
	const limit = 100_000
	quotaed(t, Quota{Bytes: limit, Inodes: 50}, func(t *testing.T, fs limited) {
		var wg sync.WaitGroup
		for i := range 4 {
			box, err := New(Config{Preopens: []Mount{{"/", fs}}})
			if err != nil {
				t.Fatal(err)
			}
			wg.Go(func() {
				rnd := rand.New(rand.NewPCG(uint64(i), 1))
				for range 300 {
					hammer(rnd, fs, t)
				}
				if err := box.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if u := fs.Usage(); u.Bytes > limit || u.Inodes > 50 || u.Bytes < 0 || u.Inodes < 0 {
			t.Errorf("used %+v", u)
		}
	})
}

// hammer does one random thing to one of a few files.
func hammer(rnd *rand.Rand, fs limited, t *testing.T) {
	name := fmt.Sprint("f", rnd.IntN(8))
	switch rnd.IntN(6) {
	case 0:
		fs.Unlink(name)
		return
	case 1:
		fs.Rename(name, fmt.Sprint("f", rnd.IntN(8)))
		return
	}
	f, errno := fs.Open(name, OpenWrite|OpenCreate)
	if errno != ESUCCESS {
		return
	}
	switch rnd.IntN(3) {
	case 0:
		f.WriteAt(make([]byte, rnd.IntN(20000)), int64(rnd.IntN(60000)))
	case 1:
		f.Truncate(int64(rnd.IntN(60000)))
	case 2:
		f.Append(make([]byte, rnd.IntN(20000)))
	}
	if u := fs.Usage(); u.Bytes > 100_000 || u.Inodes > 50 {
		t.Errorf("used %+v", u)
	}
	f.Close()
}

func TestUsageIsCounted(t *testing.T) {
	root, dir := hostDir(t)
	hostFile(t, "12345", dir, "a", "b", "f")
	hostFile(t, "123", dir, "g")
	if err := os.Link(filepath.Join(dir, "g"), filepath.Join(dir, "h")); err != nil {
		t.Fatal(err)
	}
	d := DataDir(root, Quota{Bytes: 5})
	if got := d.Usage(); got != (Usage{8, 4}) {
		t.Errorf("counted %+v, want 8 bytes, 4 inodes", got)
	}
	g := newGuest(t, Config{Preopens: []Mount{{"/", d}}})
	fd := g.open("g", 0, true)
	if _, errno := g.write(fd, "12"); errno != ESUCCESS {
		t.Errorf("overwriting while over the quota: %v", errno)
	}
	g.ok("fd_seek", fd, 0, whenceEnd, 0)
	if _, errno := g.write(fd, "x"); errno != ENOSPC {
		t.Errorf("growing while over the quota: %v", errno)
	}
}

func TestTmpFreesMemory(t *testing.T) {
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	tmp := NewTmp(Quota{})
	f, errno := tmp.Open("f", OpenWrite|OpenCreate)
	if errno != ESUCCESS {
		t.Fatal(errno)
	}
	before := heap()
	f.WriteAt(bytes.Repeat([]byte("x"), 16<<20), 0)
	if got := heap() - before; got < 16<<20 {
		t.Errorf("16 MiB take %d bytes", got)
	}
	f.Truncate(100)
	if got := int64(heap() - before); got > 1<<20 {
		t.Errorf("%d bytes are held after truncation", got)
	}
	f.Truncate(1 << 50)
	f.WriteAt([]byte("x"), 1<<49)
	if got := int64(heap() - before); got > 1<<20 {
		t.Errorf("a hole takes %d bytes", got)
	}
	f.Close()
}

// What Tmp holds is taken from where it is counted too, and given back.
func TestTmpIsCountedElsewhereToo(t *testing.T) {
	taken, most := int64(0), int64(5000)
	tmp := NewTmp(Quota{Bytes: 10000})
	tmp.From(func(n int64) bool {
		if taken+n > most {
			return false
		}
		taken += n
		return true
	}, func(n int64) { taken -= n })
	g := newGuest(t, Config{Preopens: []Mount{{"/", tmp}}})
	a := g.open("a", oflagCreat, true)
	if n, _ := g.write(a, strings.Repeat("x", 5000)); n != 5000 || taken != 5000 {
		t.Errorf("wrote %d, taken %d", n, taken)
	}
	if n, errno := g.write(a, "x"); n != 0 || errno != ENOSPC || tmp.Refused() != 1 {
		t.Errorf("wrote %d more, %v, refused %d", n, errno, tmp.Refused())
	}
	if taken != 5000 || tmp.Left() != 5000 {
		t.Errorf("taken %d, left %d", taken, tmp.Left())
	}
	tmp.Free()
	if taken != 0 {
		t.Errorf("%d are not given back", taken)
	}
}
