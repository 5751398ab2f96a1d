package wasi

import (
	"os"
	"sync/atomic"
)

// readOnlyDir is a directory of the host that cannot be changed.
type readOnlyDir struct {
	readOnlyNames
	root *os.Root
	open atomic.Int64 // host files open
}

// ReadOnlyDir returns the directory root as a file system that cannot be
// changed: whatever would is EROFS. The caller keeps root open as long as a
// sandbox uses it, and closes it.
//
// Symbolic links in it are followed by os.Root, so they lead to what is below
// root or nowhere (ENOTCAPABLE). Regular files can be opened, and directories;
// devices, pipes and sockets can not (EACCES). Changes that the host makes are
// seen.
func ReadOnlyDir(root *os.Root) FS {
	r := &readOnlyDir{root: root}
	r.readOnlyNames = readOnlyNames{stat: r.Stat}
	return r
}

// Stat implements FS.
func (r *readOnlyDir) Stat(p string, follow bool) (Filestat, Errno) {
	stat := r.root.Lstat
	if follow {
		stat = r.root.Stat
	}
	fi, err := stat(p)
	if err != nil {
		return Filestat{}, errnoOf(err)
	}
	return filestatOf(fi), ESUCCESS
}

// Open implements FS.
func (r *readOnlyDir) Open(p string, flags OpenFlags) (File, Errno) {
	st, errno := r.Stat(p, flags&OpenFollow != 0)
	switch {
	case errno == ENOENT && flags&OpenCreate != 0:
		return nil, r.absent(p)
	case errno != ESUCCESS:
		return nil, errno
	case st.Type == FiletypeSymbolicLink && flags&OpenExcl == 0:
		return nil, ELOOP
	}
	if errno := readOnlyOpen(st.Type, flags); errno != ESUCCESS {
		return nil, errno
	}
	if st.Type == FiletypeDirectory {
		return readOnlyDirectory{dir: r, path: p}, ESUCCESS
	}
	if r.open.Add(1) > maxHostFiles {
		r.open.Add(-1)
		return nil, ENFILE
	}
	f, _, errno := openHost(r.root, p, os.O_RDONLY, st)
	if errno != ESUCCESS {
		r.open.Add(-1)
		return nil, errno
	}
	return &readOnlyHostFile{dir: r, file: f}, ESUCCESS
}

// Readlink implements FS. What leads out of root is not told: ENOTCAPABLE.
func (r *readOnlyDir) Readlink(p string) (string, Errno) { return readHostLink(r.root, p) }

// readOnlyHostFile is an open regular file.
type readOnlyHostFile struct {
	readOnlyFile
	dir  *readOnlyDir
	file *os.File
}

// Type implements File.
func (f *readOnlyHostFile) Type() Filetype { return FiletypeRegularFile }

// Stat implements File.
func (f *readOnlyHostFile) Stat() (Filestat, Errno) {
	fi, err := f.file.Stat()
	if err != nil {
		return Filestat{}, errnoOf(err)
	}
	return filestatOf(fi), ESUCCESS
}

// ReadAt implements File.
func (f *readOnlyHostFile) ReadAt(p []byte, off int64) (int, Errno) {
	n, err := f.file.ReadAt(p, off)
	return n, errnoOf(err)
}

// ReadDir implements File.
func (f *readOnlyHostFile) ReadDir() ([]Dirent, Errno) { return nil, ENOTDIR }

// Close implements File.
func (f *readOnlyHostFile) Close() Errno {
	f.dir.open.Add(-1)
	return errnoOf(f.file.Close())
}

// readOnlyDirectory is an open directory: its path. The host keeps nothing
// open for it.
type readOnlyDirectory struct {
	readOnlyFile
	dir  *readOnlyDir
	path string
}

// Type implements File.
func (d readOnlyDirectory) Type() Filetype { return FiletypeDirectory }

// Stat implements File.
func (d readOnlyDirectory) Stat() (Filestat, Errno) { return d.dir.Stat(d.path, true) }

// ReadAt implements File.
func (d readOnlyDirectory) ReadAt([]byte, int64) (int, Errno) { return 0, EISDIR }

// ReadDir implements File.
func (d readOnlyDirectory) ReadDir() ([]Dirent, Errno) { return readHostDir(d.dir.root, d.path) }
