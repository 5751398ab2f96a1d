package wasi

import "golang.org/x/sys/unix"

// Mkdir implements FS.
func (d *Data) Mkdir(p string) Errno {
	return d.make(p, func() error { return d.root.Mkdir(p, 0o700) })
}

// make counts an inode and makes p.
func (d *Data) make(p string, do func() error) Errno {
	if errno := d.count(); errno != ESUCCESS {
		return errno
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if errno := d.absent(p); errno != ESUCCESS {
		return errno
	}
	if errno := d.addInode(); errno != ESUCCESS {
		return errno
	}
	if err := do(); err != nil {
		d.freeInode(0, 0)
		return errnoOf(err)
	}
	return ESUCCESS
}

// Unlink implements FS.
func (d *Data) Unlink(p string) Errno { return d.remove(p, false) }

// Rmdir implements FS.
func (d *Data) Rmdir(p string) Errno {
	if p == "." {
		return EBUSY
	}
	return d.remove(p, true)
}

// remove removes p, which must be a directory or must be none.
func (d *Data) remove(p string, dir bool) Errno {
	if errno := d.count(); errno != ESUCCESS {
		return errno
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	st, errno := d.lstat(p)
	isDir := st.Type == FiletypeDirectory
	switch {
	case errno != ESUCCESS:
		return errno
	case dir && !isDir:
		return ENOTDIR
	case !dir && isDir:
		return EISDIR
	}
	if err := d.root.Remove(p); err != nil {
		return errnoOf(err)
	}
	d.drop(st)
	return ESUCCESS
}

// Rename implements FS.
func (d *Data) Rename(from, to string) Errno {
	if from == "." || to == "." {
		return EBUSY
	}
	if errno := d.count(); errno != ESUCCESS {
		return errno
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	st, errno := d.lstat(from)
	if errno != ESUCCESS {
		return errno
	}
	old, errno := d.lstat(to)
	there := errno == ESUCCESS
	switch {
	case errno != ESUCCESS && errno != ENOENT:
		return errno
	case there && old.Ino == st.Ino:
		return ESUCCESS
	case there && st.Type != FiletypeDirectory && old.Type == FiletypeDirectory:
		return EISDIR
	}
	if errno := renameHost(d.root, from, to); errno != ESUCCESS {
		return errno
	}
	if there {
		d.drop(old)
	}
	return ESUCCESS
}

// Link implements FS.
func (d *Data) Link(from, to string) Errno {
	if errno := d.count(); errno != ESUCCESS {
		return errno
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	st, errno := d.lstat(from)
	if errno != ESUCCESS {
		return errno
	}
	if errno := d.absent(to); errno != ESUCCESS {
		return errno
	}
	if !d.symlink || st.Type == FiletypeDirectory {
		return EPERM
	}
	return errnoOf(d.root.Link(from, to))
}

// Symlink implements FS.
func (d *Data) Symlink(target, p string) Errno {
	return d.make(p, func() error {
		if !d.symlink {
			return unix.EPERM
		}
		return d.root.Symlink(target, p)
	})
}

// Readlink implements FS.
func (d *Data) Readlink(p string) (string, Errno) {
	if st, errno := d.lstat(p); errno != ESUCCESS {
		return "", errno
	} else if st.Type != FiletypeSymbolicLink {
		return "", EINVAL
	}
	return readHostLink(d.root, p)
}

// Utimes implements FS. No link is followed.
func (d *Data) Utimes(p string, _ bool, t Times) Errno {
	if _, errno := d.lstat(p); errno != ESUCCESS {
		return errno
	}
	return setNameTimes(d.root, p, t)
}
