package wasi

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// trap makes a directory of the host with links of all kinds that lead out of
// dir, and returns what is outside.
func trap(t *testing.T, dir string) string {
	t.Helper()
	outside := t.TempDir()
	hostFile(t, "secret", outside, "secret")
	hostFile(t, "secret", outside, "sub", "secret")
	hostFile(t, "inside", dir, "real", "f")
	links := map[string]string{
		"abs-file":  filepath.Join(outside, "secret"),
		"abs-dir":   outside,
		"root":      "/",
		"real/up":   "../..",
		"real/loop": "loop",
		"rel":       "../" + filepath.Base(filepath.Dir(outside)) + "/" + filepath.Base(outside),
		"in":        "real/f",
		"in-dir":    "real",
		"dangling":  "nothing",
	}
	for name, target := range links {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return outside
}

func TestSymlinksOfTheHost(t *testing.T) {
	root, dir := hostDir(t)
	outside := trap(t, dir)
	data := DataDir(root, Quota{})
	link := LinkedDir(root, Quota{})
	out := []string{
		"abs-file", "abs-dir", "abs-dir/secret", "abs-dir/sub/secret", "root", "root/etc/passwd",
		"real/up", "real/up/x", "rel", "rel/secret", "real/loop", "abs-dir/new", "root/tmp/new", "dangling/x",
	}
	for name, fs := range map[string]FS{"read only": ReadOnlyDir(root), "data": data, "linked": link} {
		g := newGuest(t, Config{Preopens: []Mount{{"/", fs}}})
		for _, p := range out {
			for follow := range 2 {
				for _, oflags := range []int{0, oflagCreat, oflagTrunc, oflagDirectory, oflagCreat | oflagExcl} {
					if errno := g.call("path_open", 3, follow, p, oflags, RightFdRead|RightFdWrite, 0, 0, 0); errno == ESUCCESS {
						t.Errorf("%s: opened %s, follow %d, flags %d", name, p, follow, oflags)
					}
				}
				if strings.Contains(p, "/") && p != "real/up" && p != "real/loop" {
					if _, errno := g.stat(p, follow); errno == ESUCCESS {
						t.Errorf("%s: described %s", name, p)
					}
				}
			}
			if _, errno := g.stat(p, 1); errno == ESUCCESS && name != "data" {
				t.Errorf("%s: described %s", name, p)
			}
			for _, fn := range []string{"path_create_directory", "path_remove_directory"} {
				if errno := g.call(fn, 3, p); errno == ESUCCESS {
					t.Errorf("%s: %s %s", name, fn, p)
				}
			}
			if strings.HasPrefix(p, "abs-dir/") || strings.HasPrefix(p, "root/") || p == "rel/secret" {
				if errno := g.call("path_unlink_file", 3, p); errno == ESUCCESS {
					t.Errorf("%s: removed %s", name, p)
				}
				if errno := g.call("path_rename", 3, "real/f", 3, p); errno == ESUCCESS {
					t.Errorf("%s: renamed to %s", name, p)
				}
			}
		}
		for _, p := range []string{"abs-file", "abs-dir", "root", "rel"} {
			if errno := g.call("path_readlink", 3, p, 4096, 1000, 0); errno == ESUCCESS {
				t.Errorf("%s: %s holds %q", name, p, g.bytes(4096, g.u32(0)))
			}
		}
	}
	if got, err := os.ReadFile(filepath.Join(outside, "secret")); err != nil || string(got) != "secret" {
		t.Errorf("outside there is %q, %v", got, err)
	}
	if list, err := os.ReadDir(outside); err != nil || len(list) != 2 {
		t.Errorf("outside there is %v, %v", list, err)
	}
}

func TestReadOnlyDir(t *testing.T) {
	root, dir := hostDir(t)
	trap(t, dir)
	before := hostTree(t, dir)
	g := newGuest(t, Config{Preopens: []Mount{{"/", ReadOnlyDir(root)}}})
	g.ok("path_open", 3, 1, "in", 0, RightFdRead, 0, 0, 0)
	if s, _ := g.read(g.u32(0), 10); s != "inside" {
		t.Errorf("through a link inside: %q", s)
	}
	g.ok("path_open", 3, 0, "in-dir/f", 0, RightFdRead, 0, 0, 0)
	g.want(ELOOP, "path_open", 3, 0, "in", 0, RightFdRead, 0, 0, 0)
	g.ok("path_readlink", 3, "in", 4096, 100, 0)

	readOnly(t, g, "real/f", "real")
	if after := hostTree(t, dir); !slices.Equal(before, after) {
		t.Errorf("the host's tree changed from %q to %q", before, after)
	}
}

// readOnly tries every way to change what g sees: a file and its directory.
func readOnly(t *testing.T, g *guest, file, dir string) {
	t.Helper()
	for _, oflags := range []int{0, oflagCreat, oflagTrunc, oflagCreat | oflagTrunc} {
		g.want(EROFS, "path_open", 3, 1, file, oflags, RightFdWrite, 0, 0, 0)
	}
	g.want(EROFS, "path_open", 3, 1, file, oflagTrunc, 0, 0, 0, 0)
	g.want(EROFS, "path_open", 3, 1, file, 0, RightFdAllocate, 0, 0, 0)
	g.want(EEXIST, "path_open", 3, 1, file, oflagCreat|oflagExcl, 0, 0, 0, 0)
	g.want(EROFS, "path_open", 3, 1, dir+"/new", oflagCreat, 0, 0, 0, 0)
	g.want(ENOENT, "path_open", 3, 1, dir+"/none/new", oflagCreat, 0, 0, 0, 0)
	g.want(ENOTDIR, "path_open", 3, 1, file+"/new", oflagCreat, 0, 0, 0, 0)
	g.want(EISDIR, "path_open", 3, 1, dir, 0, RightFdWrite, 0, 0, 0)
	g.want(EROFS, "path_create_directory", 3, dir+"/new")
	g.want(EEXIST, "path_create_directory", 3, dir)
	g.want(EROFS, "path_unlink_file", 3, file)
	g.want(ENOENT, "path_unlink_file", 3, dir+"/none")
	g.want(EROFS, "path_remove_directory", 3, dir)
	g.want(EROFS, "path_rename", 3, file, 3, dir+"/new")
	g.want(EROFS, "path_link", 3, 0, file, 3, dir+"/new")
	g.want(EROFS, "path_symlink", "x", 3, dir+"/new")
	g.want(EROFS, "path_filestat_set_times", 3, 0, file, 1, 1, fstflagAtim)
	g.want(EINVAL, "path_readlink", 3, file, 4096, 10, 0)

	g.ok("path_open", 3, 0, file, 0, fileRights&^writeRights, 0, 0, 0)
	fd := g.u32(0)
	g.want(EROFS, "fd_filestat_set_times", fd, 1, 1, fstflagAtim)
	g.want(ENOTCAPABLE, "fd_filestat_set_size", fd, 1)
	g.iov("x", 1)
	g.want(ENOTCAPABLE, "fd_write", fd, 1000, 1, 0)
	g.want(ENOTDIR, "fd_readdir", fd, 4096, 100, 0, 0)
	g.ok("fd_sync", fd)
	g.ok("fd_close", fd)
}

// hostTree lists a directory of the host: names, modes and contents.
func hostTree(t *testing.T, dir string) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		line := strings.TrimPrefix(p, dir) + " " + e.Type().String()
		if e.Type().IsRegular() {
			b, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			line += " " + string(b)
		}
		list = append(list, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestSpecialFilesAreNotOpened(t *testing.T) {
	root, dir := hostDir(t)
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	data := DataDir(root, Quota{})
	for _, fs := range []FS{ReadOnlyDir(root), data} {
		g := newGuest(t, Config{Preopens: []Mount{{"/", fs}}})
		for _, rights := range []Rights{0, RightFdRead, RightFdWrite} {
			for _, oflags := range []int{0, oflagCreat, oflagTrunc} {
				if errno := g.call("path_open", 3, 1, "fifo", oflags, rights, 0, 0, 0); errno != EACCES {
					t.Errorf("opened a pipe: %v", errno)
				}
			}
		}
		if st, errno := g.stat("fifo", 1); errno != ESUCCESS || st.Type != FiletypeUnknown {
			t.Errorf("a pipe is %+v, %v", st, errno)
		}
	}
}

func TestDataDirModes(t *testing.T) {
	d, dir := dataDir(t, Quota{})
	g := newGuest(t, Config{Preopens: []Mount{{"/", d}}})
	g.ok("path_create_directory", 3, "d")
	g.put("d/f", "x")
	for p, want := range map[string]fs.FileMode{"d": 0o700, "d/f": 0o600} {
		if fi, err := os.Stat(filepath.Join(dir, p)); err != nil || fi.Mode().Perm() != want {
			t.Errorf("%s has mode %v, %v, want %v", p, fi.Mode(), err, want)
		}
	}
}

func TestHostErrorsAreNumbers(t *testing.T) {
	tests := map[error]Errno{
		nil:                                 ESUCCESS,
		syscall.ENOENT:                      ENOENT,
		&fs.PathError{Err: syscall.ENOSPC}:  ENOSPC,
		&fs.PathError{Err: errors.New("x")}: ENOTCAPABLE,
		fmt.Errorf("w: %w", fs.ErrNotExist): ENOENT,
		fs.ErrClosed:                        EBADF,
		syscall.ENOTTY:                      EIO,
		errors.New("anything"):              EIO,
	}
	for err, want := range tests {
		if got := errnoOf(err); got != want {
			t.Errorf("%v is %v, want %v", err, got, want)
		}
	}
	if got := ENOTCAPABLE.Error(); got != "notcapable" || ENOTCAPABLE != 76 || EXDEV != 75 || ENOSYS != 52 {
		t.Errorf("errno 76 is %q", got)
	}
	if got := Errno(200).Error(); got != "errno 200" {
		t.Errorf("errno 200 is %q", got)
	}
}

func TestMkdirIsALock(t *testing.T) {
	d, _ := dataDir(t, Quota{})
	for _, fs := range []FS{d, NewTmp(Quota{})} {
		for round := range 20 {
			var wg sync.WaitGroup
			var mu sync.Mutex
			won := 0
			for range 8 {
				wg.Go(func() {
					if fs.Mkdir(fmt.Sprint("lock", round)) == ESUCCESS {
						mu.Lock()
						won++
						mu.Unlock()
					}
				})
			}
			wg.Wait()
			if won != 1 {
				t.Fatalf("%d of 8 made the directory", won)
			}
		}
	}
}
