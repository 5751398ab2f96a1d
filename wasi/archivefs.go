package wasi

// Stat implements FS.
func (a *Archive) Stat(p string, _ bool) (Filestat, Errno) {
	n, errno := a.find(p)
	if errno != ESUCCESS {
		return Filestat{}, errno
	}
	return n.stat, ESUCCESS
}

// Open implements FS.
func (a *Archive) Open(p string, flags OpenFlags) (File, Errno) {
	n, errno := a.find(p)
	if errno != ESUCCESS {
		if errno == ENOENT && flags&OpenCreate != 0 {
			errno = a.absent(p)
		}
		return nil, errno
	}
	if errno := readOnlyOpen(n.stat.Type, flags); errno != ESUCCESS {
		return nil, errno
	}
	return archiveFile{node: n}, ESUCCESS
}

// archiveFile is an open archiveNode.
type archiveFile struct {
	readOnlyFile
	node *archiveNode
}

// Type implements File.
func (f archiveFile) Type() Filetype { return f.node.stat.Type }

// Stat implements File.
func (f archiveFile) Stat() (Filestat, Errno) { return f.node.stat, ESUCCESS }

// ReadAt implements File.
func (f archiveFile) ReadAt(p []byte, off int64) (int, Errno) {
	if f.node.zip == nil {
		return 0, EISDIR
	}
	b, errno := f.node.load()
	if errno != ESUCCESS || off >= int64(len(b)) {
		return 0, errno
	}
	return copy(p, b[off:]), ESUCCESS
}

// ReadDir implements File.
func (f archiveFile) ReadDir() ([]Dirent, Errno) {
	if f.node.zip != nil {
		return nil, ENOTDIR
	}
	return f.node.entries, ESUCCESS
}
