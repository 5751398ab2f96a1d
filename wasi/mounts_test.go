package wasi

import (
	"archive/zip"
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"
)

// zipOf returns a zip file of the entries: names ending in "/" are directories.
func zipOf(t testing.TB, entries ...string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for _, e := range entries {
		name, content, _ := strings.Cut(e, "=")
		f, err := w.CreateHeader(&zip.FileHeader{
			Name: name, Method: zip.Deflate, Modified: time.Unix(1700000000, 0),
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// archiveOf returns an Archive of the entries.
func archiveOf(t testing.TB, entries ...string) *Archive {
	t.Helper()
	b := zipOf(t, entries...)
	a, err := NewArchive(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// world is a tree like the one apps get.
func world(t testing.TB) Config {
	return Config{Mounts: []Mount{
		{"/usr/lib/python3.13", archiveOf(t, "os.py=import sys", "json/__init__.py=x")},
		{"/app", archiveOf(t, "app.py=app", "pkg/", "pkg/m.py=m")},
		{"/tmp", NewTmp(Quota{})},
	}}
}

func TestTree(t *testing.T) {
	g := newGuest(t, world(t))
	g.ok("fd_prestat_get", 3, 0)
	g.ok("fd_prestat_dir_name", 3, 16, 1)
	if got := g.bytes(16, 1); got != "/" {
		t.Errorf("the preopened directory is %q", got)
	}
	g.want(EBADF, "fd_prestat_get", 4, 0)
	for dir, want := range map[string]string{
		".":                       ". .. app dev etc tmp usr",
		"usr":                     ". .. lib",
		"usr/lib":                 ". .. python3.13",
		"usr/lib/python3.13":      ". .. json os.py",
		"usr/lib/python3.13/json": ". .. __init__.py",
		"app":                     ". .. app.py pkg",
		"tmp":                     ". ..",
		"dev":                     ". .. null random urandom",
		"etc":                     ". .. group passwd",
	} {
		fd := g.open(dir, oflagDirectory, false)
		if got := strings.Join(g.list(fd, 512), " "); got != want {
			t.Errorf("%s lists %q, want %q", dir, got, want)
		}
		g.ok("fd_close", fd)
	}
	for path, want := range map[string]string{
		"app/app.py":                             "app",
		"usr/../app/pkg/../app.py":               "app",
		"../app/app.py":                          "app",
		"app/../../../tmp/../app/./pkg/m.py":     "m",
		"usr/lib/python3.13/../python3.13/os.py": "import sys",
	} {
		if got := g.get(path); got != want {
			t.Errorf("%s holds %q, want %q", path, got, want)
		}
	}
	usr := g.open("usr", oflagDirectory, false)
	g.want(ENOTCAPABLE, "path_open", usr, 0, "../app/app.py", 0, 0, 0, 0, 0)
	g.ok("path_open", usr, 0, "lib/python3.13/os.py", 0, 0, 0, 0, 0)
}

func TestMountsAreApart(t *testing.T) {
	g := newGuest(t, world(t))
	g.put("tmp/f", "x")
	g.want(EXDEV, "path_rename", 3, "tmp/f", 3, "app/f")
	g.want(EXDEV, "path_link", 3, 0, "tmp/f", 3, "app/f")
	g.want(EXDEV, "path_rename", 3, "app/app.py", 3, "tmp/app.py")
	for _, m := range []string{"tmp", "app", "usr/lib/python3.13"} {
		g.want(EBUSY, "path_remove_directory", 3, m)
		g.want(EBUSY, "path_rename", 3, m, 3, "tmp/new")
		g.want(EISDIR, "path_unlink_file", 3, m)
		g.want(EEXIST, "path_create_directory", 3, m)
	}
	g.want(EEXIST, "path_create_directory", 3, "usr")
	g.want(EROFS, "path_create_directory", 3, "new")
	g.want(EROFS, "path_remove_directory", 3, "usr")
	g.want(EROFS, "path_open", 3, 0, "usr/new", oflagCreat, 0, 0, 0, 0)
	readOnly(t, g, "app/app.py", "app/pkg")
	readOnly(t, g, "etc/passwd", "etc")

	type id struct{ dev, ino uint64 }
	seen := make(map[id]string)
	for _, p := range []string{".", "usr", "usr/lib", "usr/lib/python3.13", "app", "app/pkg", "app/app.py",
		"tmp", "tmp/f", "usr/lib/python3.13/os.py", "dev", "dev/null", "etc/passwd"} {
		st, errno := g.stat(p, 0)
		if errno != ESUCCESS {
			t.Errorf("stat %s: %v", p, errno)
		}
		if other := seen[id{st.Dev, st.Ino}]; other != "" {
			t.Errorf("%s and %s are both device %d inode %d", p, other, st.Dev, st.Ino)
		}
		seen[id{st.Dev, st.Ino}] = p
		fd := g.open(p, 0, false)
		g.ok("fd_filestat_get", fd, 0)
		if opened := g.filestat(); opened != st {
			t.Errorf("%s is %+v, opened %+v", p, st, opened)
		}
		g.ok("fd_close", fd)
	}
}

func TestDevices(t *testing.T) {
	g := newGuest(t, world(t))
	null := g.open("dev/null", 0, true)
	if n, errno := g.write(null, "gone"); n != 4 || errno != ESUCCESS {
		t.Errorf("wrote %d, %v to null", n, errno)
	}
	if s, errno := g.read(null, 10); s != "" || errno != ESUCCESS {
		t.Errorf("read %q, %v from null", s, errno)
	}
	random := g.open("dev/urandom", 0, false)
	a, _ := g.read(random, 32)
	b, _ := g.read(random, 32)
	if len(a) != 32 || a == b {
		t.Errorf("random bytes are %q and %q", a, b)
	}
	g.ok("path_open", 3, 0, "dev/null", oflagTrunc, RightFdWrite, 0, 0, 0)
	if got := g.get("etc/passwd"); !strings.HasPrefix(got, "app:") {
		t.Errorf("passwd holds %q", got)
	}
}

func TestArchive(t *testing.T) {
	big := strings.Repeat("0123456789", 5000)
	a := archiveOf(t, "a/b/c=deep", "big="+big, "empty=", "dir/")
	g := newGuest(t, Config{Preopens: []Mount{{"/", a}}})
	if got := g.get("a/b/c"); got != "deep" {
		t.Errorf("a/b/c holds %q", got)
	}
	fd := g.open("big", 0, false)
	g.ok("fd_seek", fd, 49995, whenceSet, 0)
	if s, errno := g.read(fd, 100); s != "56789" || errno != ESUCCESS {
		t.Errorf("the end of big is %q, %v", s, errno)
	}
	g.ok("fd_seek", fd, 1<<40, whenceSet, 0)
	if s, errno := g.read(fd, 100); s != "" || errno != ESUCCESS {
		t.Errorf("beyond the end is %q, %v", s, errno)
	}
	st, _ := g.stat("a/b/c", 0)
	if st.Size != 4 || st.Mtim != 1700000000e9 || st.Type != FiletypeRegularFile {
		t.Errorf("a/b/c is %+v", st)
	}
	g.want(ENOTDIR, "path_open", 3, 0, "empty/x", 0, 0, 0, 0, 0)
	g.want(ENOTDIR, "path_open", 3, 0, "a/b/c/d/e", 0, 0, 0, 0, 0)
	g.want(ENOENT, "path_open", 3, 0, "a/x/c", 0, 0, 0, 0, 0)
	if got := g.list(g.open("dir", 0, false), 100); !slices.Equal(got, []string{".", ".."}) {
		t.Errorf("dir lists %q", got)
	}
}

func TestBadArchives(t *testing.T) {
	for _, entries := range [][]string{
		{"../x=1"}, {"/x=1"}, {"a/../x=1"}, {"a//b=1"}, {"./a=1"}, {"a\\b=1"},
		{"a=1", "a=2"}, {"a=1", "a/b=2"}, {"a/b=1", "a=2"}, {"a=1", "a/"}, {"\xff=1"},
	} {
		b := zipOf(t, entries...)
		if _, err := NewArchive(bytes.NewReader(b), int64(len(b))); err == nil {
			t.Errorf("accepted %q", entries)
		}
	}
	if _, err := NewArchive(strings.NewReader("no zip"), 6); err == nil {
		t.Error("accepted what is no zip file")
	}
	if _, err := OpenArchive(t.TempDir() + "/none"); err == nil {
		t.Error("opened a file that is not there")
	}
	// Damage shows when the file is read, as EIO.
	b := zipOf(t, "f="+strings.Repeat("hello", 1000))
	b[40] ^= 0x55
	a, err := NewArchive(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	g := newGuest(t, Config{Preopens: []Mount{{"/", a}}})
	fd := g.open("f", 0, false)
	for range 2 {
		if _, errno := g.read(fd, 10); errno != EIO {
			t.Errorf("a damaged file reads %v", errno)
		}
	}
}
