package wasi

// Stat implements FS.
func (t *Tmp) Stat(p string, _ bool) (Filestat, Errno) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	n, errno := t.find(p)
	if errno != ESUCCESS {
		return Filestat{}, errno
	}
	return n.stat(), ESUCCESS
}

// Open implements FS.
func (t *Tmp) Open(p string, flags OpenFlags) (File, Errno) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, errno := t.find(p)
	switch {
	case errno == ENOENT && flags&OpenCreate != 0:
		n, errno = t.make(p, FiletypeRegularFile)
	case errno == ESUCCESS:
		errno = writableOpen(n.typ, flags)
	}
	if errno != ESUCCESS {
		return nil, errno
	}
	if flags&OpenTrunc != 0 && n.data.size > 0 {
		t.resizeTo(n, 0) // never fails: it shrinks
	}
	n.open++
	return &tmpFile{fs: t, node: n}, ESUCCESS
}

// writableOpen is what opening a file of type typ that is there returns.
func writableOpen(typ Filetype, flags OpenFlags) Errno {
	dir := typ == FiletypeDirectory
	switch {
	case flags&(OpenCreate|OpenExcl) == OpenCreate|OpenExcl:
		return EEXIST
	case flags&OpenDirectory != 0 && !dir:
		return ENOTDIR
	case dir && flags&(OpenWrite|OpenTrunc|OpenCreate) != 0:
		return EISDIR
	}
	return ESUCCESS
}

// Mkdir implements FS.
func (t *Tmp) Mkdir(p string) Errno {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, errno := t.make(p, FiletypeDirectory)
	return errno
}

// Unlink implements FS.
func (t *Tmp) Unlink(p string) Errno {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, errno := t.find(p)
	switch {
	case errno != ESUCCESS:
		return errno
	case n.names != nil:
		return EISDIR
	}
	return t.remove(p, n)
}

// Rmdir implements FS.
func (t *Tmp) Rmdir(p string) Errno {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, errno := t.find(p)
	switch {
	case errno != ESUCCESS:
		return errno
	case n.names == nil:
		return ENOTDIR
	case n == t.root:
		return EBUSY
	case len(n.names) > 0:
		return ENOTEMPTY
	}
	return t.remove(p, n)
}

// remove takes n out of the directory that names it as p.
func (t *Tmp) remove(p string, n *tmpNode) Errno {
	dir, name, errno := t.parent(p)
	if errno != ESUCCESS {
		return errno
	}
	delete(dir.names, name)
	t.touch(dir)
	t.drop(n)
	return ESUCCESS
}

// Rename implements FS.
func (t *Tmp) Rename(from, to string) Errno {
	t.mu.Lock()
	defer t.mu.Unlock()
	if from == "." || to == "." {
		return EBUSY
	}
	n, errno := t.find(from)
	if errno != ESUCCESS {
		return errno
	}
	dir, name, errno := t.parent(to)
	if errno != ESUCCESS {
		return errno
	}
	old := dir.names[name]
	switch {
	case old == n:
		return ESUCCESS
	case n.names != nil && within(to, from):
		return EINVAL
	}
	if errno := replaceable(n, old); errno != ESUCCESS {
		return errno
	}
	source, sourceName, _ := t.parent(from) // found above
	delete(source.names, sourceName)
	t.touch(source)
	if old != nil {
		t.drop(old)
	}
	dir.names[name] = n
	t.touch(dir)
	n.times.Ctim = dir.times.Ctim
	return ESUCCESS
}

// replaceable says whether n can take the place of old, which may be nil.
// Errors: ENOTDIR, EISDIR, ENOTEMPTY.
func replaceable(n, old *tmpNode) Errno {
	switch {
	case old == nil:
		return ESUCCESS
	case n.names != nil && old.names == nil:
		return ENOTDIR
	case n.names == nil && old.names != nil:
		return EISDIR
	case len(old.names) > 0:
		return ENOTEMPTY
	}
	return ESUCCESS
}

// Link implements FS: EPERM, as on systems without hard links.
func (t *Tmp) Link(from, to string) Errno {
	if _, errno := t.Stat(from, false); errno != ESUCCESS {
		return errno
	}
	return t.refuse(to)
}

// Symlink implements FS: EPERM, as on systems without symbolic links.
func (t *Tmp) Symlink(_, p string) Errno { return t.refuse(p) }

// refuse is what making a link at p returns.
func (t *Tmp) refuse(p string) Errno {
	switch _, errno := t.Stat(p, false); errno {
	case ESUCCESS:
		return EEXIST
	case ENOENT:
		return EPERM
	default:
		return errno
	}
}

// Readlink implements FS.
func (t *Tmp) Readlink(p string) (string, Errno) {
	if _, errno := t.Stat(p, false); errno != ESUCCESS {
		return "", errno
	}
	return "", EINVAL
}

// Utimes implements FS.
func (t *Tmp) Utimes(p string, _ bool, ts Times) Errno {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, errno := t.find(p)
	if errno == ESUCCESS {
		t.utimes(n, ts)
	}
	return errno
}
