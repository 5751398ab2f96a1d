package wasi

// tmpFile is an open tmpNode.
type tmpFile struct {
	fs   *Tmp
	node *tmpNode
}

// locks implements lockable.
func (f *tmpFile) locks() *lockTable { return &f.node.locks }

// Type implements File.
func (f *tmpFile) Type() Filetype { return f.node.typ }

// Stat implements File.
func (f *tmpFile) Stat() (Filestat, Errno) {
	f.fs.mu.RLock()
	defer f.fs.mu.RUnlock()
	return f.node.stat(), ESUCCESS
}

// ReadAt implements File.
func (f *tmpFile) ReadAt(p []byte, off int64) (int, Errno) {
	if f.node.typ == FiletypeDirectory {
		return 0, EISDIR
	}
	f.fs.mu.RLock()
	defer f.fs.mu.RUnlock()
	return f.node.data.readAt(p, off), ESUCCESS
}

// WriteAt implements File.
func (f *tmpFile) WriteAt(p []byte, off int64) (int, Errno) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return f.write(p, off)
}

// write is WriteAt under the lock.
func (f *tmpFile) write(p []byte, off int64) (int, Errno) {
	if f.node.typ == FiletypeDirectory {
		return 0, EISDIR
	}
	fit, taken, errno := f.fs.resize(f.node.data.size, off, len(p))
	if errno != ESUCCESS {
		return 0, errno
	}
	if errno := f.fs.takeLent(f.node.data.copied(off, fit)); errno != ESUCCESS {
		f.fs.shrink(taken)
		return 0, errno
	}
	f.node.data.writeAt(p[:fit], off)
	f.fs.touch(f.node)
	return fit, ESUCCESS
}

// Append implements File.
func (f *tmpFile) Append(p []byte) (int, int64, Errno) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	n, errno := f.write(p, f.node.data.size)
	return n, f.node.data.size, errno
}

// Truncate implements File.
func (f *tmpFile) Truncate(size int64) Errno {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.node.typ == FiletypeDirectory {
		return EISDIR
	}
	return f.fs.resizeTo(f.node, size)
}

// resizeTo makes the file n as long as size. Errors: ENOSPC.
func (t *Tmp) resizeTo(n *tmpNode, size int64) Errno {
	was, shared := n.data.size, n.data.shared
	if size > was {
		if errno := t.growAll(size - was); errno != ESUCCESS {
			return errno
		}
	}
	n.data.truncate(size)
	if size < was {
		t.shrinkLent(was-size, shared-n.data.shared)
	}
	t.touch(n)
	return ESUCCESS
}

// Allocate implements File.
func (f *tmpFile) Allocate(size int64) Errno {
	st, errno := f.Stat()
	if errno != ESUCCESS || int64(st.Size) >= size {
		return errno
	}
	return f.Truncate(size)
}

// Utimes implements File.
func (f *tmpFile) Utimes(ts Times) Errno {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	f.fs.utimes(f.node, ts)
	return ESUCCESS
}

// Sync implements File: memory is as lasting as it gets.
func (f *tmpFile) Sync() Errno { return ESUCCESS }

// ReadDir implements File. A removed directory is empty.
func (f *tmpFile) ReadDir() ([]Dirent, Errno) {
	if f.node.typ != FiletypeDirectory {
		return nil, ENOTDIR
	}
	f.fs.mu.RLock()
	defer f.fs.mu.RUnlock()
	if len(f.node.names) > maxEntries {
		return nil, ENOMEM
	}
	list := make([]Dirent, 0, len(f.node.names))
	for name, n := range f.node.names {
		list = append(list, Dirent{Name: name, Ino: n.ino, Type: n.typ})
	}
	sortDirents(list)
	return list, ESUCCESS
}

// Close implements File.
func (f *tmpFile) Close() Errno {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	f.node.open--
	f.fs.reap(f.node)
	return ESUCCESS
}
