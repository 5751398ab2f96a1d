package wasi

import (
	"os"
	"sync"
)

// dataNode is a regular file of a Data that is open, once for all who have it
// open.
type dataNode struct {
	ino   uint64
	file  *os.File
	fixed bool // open for reading only
	refs  int  // Files on it; under Data.mu
	gone  bool // nothing names it; under Data.mu

	locks lockTable

	mu   sync.Mutex // held while the size changes, and so while writing
	size int64
}

// dataFile is an open dataNode.
type dataFile struct {
	dir  *Data
	node *dataNode
}

// locks implements lockable.
func (f *dataFile) locks() *lockTable { return &f.node.locks }

// Type implements File.
func (f *dataFile) Type() Filetype { return FiletypeRegularFile }

// Stat implements File.
func (f *dataFile) Stat() (Filestat, Errno) {
	fi, err := f.node.file.Stat()
	if err != nil {
		return Filestat{}, errnoOf(err)
	}
	return filestatOf(fi), ESUCCESS
}

// ReadAt implements File.
func (f *dataFile) ReadAt(p []byte, off int64) (int, Errno) {
	n, err := f.node.file.ReadAt(p, off)
	return n, errnoOf(err)
}

// WriteAt implements File.
func (f *dataFile) WriteAt(p []byte, off int64) (int, Errno) {
	f.node.mu.Lock()
	defer f.node.mu.Unlock()
	return f.write(p, off)
}

// write is WriteAt under the lock.
func (f *dataFile) write(p []byte, off int64) (int, Errno) {
	n := f.node
	fit, taken, errno := f.dir.resize(n.size, off, len(p))
	if errno != ESUCCESS {
		return 0, errno
	}
	done, err := n.file.WriteAt(p[:fit], off)
	if end := off + int64(done); done > 0 && end > n.size {
		taken -= end - n.size
		n.size = end
	}
	f.dir.shrink(taken)
	if done == 0 {
		return 0, errnoOf(err)
	}
	return done, ESUCCESS
}

// Append implements File.
func (f *dataFile) Append(p []byte) (int, int64, Errno) {
	f.node.mu.Lock()
	defer f.node.mu.Unlock()
	n, errno := f.write(p, f.node.size)
	return n, f.node.size, errno
}

// Truncate implements File.
func (f *dataFile) Truncate(size int64) Errno {
	f.node.mu.Lock()
	defer f.node.mu.Unlock()
	return f.truncate(size)
}

// truncate is Truncate under the lock.
func (f *dataFile) truncate(size int64) Errno {
	grow := size - f.node.size
	if grow > 0 {
		if errno := f.dir.growAll(grow); errno != ESUCCESS {
			return errno
		}
	}
	if err := f.node.file.Truncate(size); err != nil {
		f.dir.shrink(max(grow, 0))
		return errnoOf(err)
	}
	f.dir.shrink(max(-grow, 0))
	f.node.size = size
	return ESUCCESS
}

// Allocate implements File. Only the quota's room is made sure of: the file
// grows by a hole.
func (f *dataFile) Allocate(size int64) Errno {
	f.node.mu.Lock()
	defer f.node.mu.Unlock()
	if size <= f.node.size {
		return ESUCCESS
	}
	return f.truncate(size)
}

// Utimes implements File.
func (f *dataFile) Utimes(t Times) Errno { return setFileTimes(f.node.file, t) }

// Sync implements File: fsync.
func (f *dataFile) Sync() Errno { return errnoOf(f.node.file.Sync()) }

// ReadDir implements File.
func (f *dataFile) ReadDir() ([]Dirent, Errno) { return nil, ENOTDIR }

// Close implements File.
func (f *dataFile) Close() Errno {
	f.dir.mu.Lock()
	defer f.dir.mu.Unlock()
	return f.dir.leave(f.node)
}

// dataDirectory is an open directory: its path. The host keeps nothing open
// for it.
type dataDirectory struct {
	readOnlyFile
	dir  *Data
	path string
}

// moveTo implements movable.
func (d *dataDirectory) moveTo(path string) { d.path = path }

// Type implements File.
func (d *dataDirectory) Type() Filetype { return FiletypeDirectory }

// Stat implements File.
func (d *dataDirectory) Stat() (Filestat, Errno) { return d.dir.lstat(d.path) }

// ReadAt implements File.
func (d *dataDirectory) ReadAt([]byte, int64) (int, Errno) { return 0, EISDIR }

// Utimes implements File.
func (d *dataDirectory) Utimes(t Times) Errno { return d.dir.Utimes(d.path, false, t) }

// Sync implements File: fsync, which makes new names last.
func (d *dataDirectory) Sync() Errno {
	if _, errno := d.dir.lstat(d.path); errno != ESUCCESS {
		return errno
	}
	f, err := d.dir.root.Open(d.path)
	if err != nil {
		return errnoOf(err)
	}
	defer f.Close() //nolint:errcheck // read only
	return errnoOf(f.Sync())
}

// ReadDir implements File.
func (d *dataDirectory) ReadDir() ([]Dirent, Errno) {
	if _, errno := d.dir.lstat(d.path); errno != ESUCCESS {
		return nil, errno
	}
	return readHostDir(d.dir.root, d.path)
}
