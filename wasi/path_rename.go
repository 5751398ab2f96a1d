package wasi

// pathLink is path_link: it gives a file one more name. Most file systems here
// refuse it.
//
// Parameters:
//   - old_fd, old_path, old_path_len: the file; a symbolic link is not followed
//   - old_flags: 0
//   - new_fd, new_path, new_path_len: its new name
//
// Errors: those of a path, EINVAL (old_flags), EPERM (refused, or a
// directory), ENOENT, EEXIST, EXDEV (another file system), EROFS, EIO.
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#path_link
func pathLink(c call) Errno {
	if c.u32(1) != 0 {
		return EINVAL
	}
	from, errno := c.pathAt(c.u32(0), RightPathLinkSource, c.u32(2), c.u32(3), false)
	if errno != ESUCCESS {
		return errno
	}
	to, errno := c.pathAt(c.u32(4), RightPathLinkTarget, c.u32(5), c.u32(6), false)
	if errno != ESUCCESS {
		return errno
	}
	if errno := to.nameable(); errno != ESUCCESS {
		return errno
	}
	if errno := from.checkDir(false); errno != ESUCCESS {
		return errno
	}
	if from.mount != to.mount {
		return EXDEV
	}
	return from.fs.Link(from.rel, to.rel)
}

// nameable returns ESUCCESS unless p is a path like "x/" at which something
// that is no directory was to be made. Errors: EEXIST, ENOTDIR, ENOENT.
func (p place) nameable() Errno {
	if p.rel == "." {
		return EEXIST
	}
	if !p.dir {
		return ESUCCESS
	}
	st, errno := p.fs.Stat(p.rel, false)
	switch {
	case errno != ESUCCESS:
		return errno
	case st.Type == FiletypeDirectory:
		return EEXIST
	}
	return ENOTDIR
}

// checkDir returns ESUCCESS unless p must be a directory, by its form or
// because must says so, and is none. Errors: ENOTDIR and those of FS.Stat.
func (p place) checkDir(must bool) Errno {
	if !p.dir && !must {
		return ESUCCESS
	}
	st, errno := p.fs.Stat(p.rel, false)
	if errno == ESUCCESS && st.Type != FiletypeDirectory {
		return ENOTDIR
	}
	return errno
}

// pathRename is path_rename: it moves a file or directory. A file replaces a
// file, a directory an empty directory. Descriptors of this sandbox open on what
// moved, or on what lies below it, go with it.
//
// Parameters:
//   - fd, old_path, old_path_len: what to move; a symbolic link is not followed
//   - new_fd, new_path, new_path_len: where to
//
// Errors: those of a path, ENOENT, ENOTDIR, EISDIR, ENOTEMPTY, EINVAL (into
// itself), EBUSY (a mount, or it ends in "." or ".."), EXDEV (another file
// system), EROFS, EIO.
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#path_rename
func pathRename(c call) Errno {
	from, errno := c.pathAt(c.u32(0), RightPathRenameSource, c.u32(1), c.u32(2), false)
	if errno != ESUCCESS {
		return errno
	}
	to, errno := c.pathAt(c.u32(3), RightPathRenameTarget, c.u32(4), c.u32(5), false)
	switch {
	case errno != ESUCCESS:
		return errno
	case from.dot || to.dot || from.rel == "." || to.rel == ".":
		return EBUSY
	case from.mount != to.mount:
		return EXDEV
	}
	if errno := from.checkDir(to.dir); errno != ESUCCESS {
		return errno
	}
	if errno := from.fs.Rename(from.rel, to.rel); errno != ESUCCESS {
		return errno
	}
	d, _ := c.fds.get(c.u32(0)) // open: pathAt found it
	c.moved(d.tree, from, to)
	return ESUCCESS
}

// moved makes descriptors follow their files from one place to another.
func (s *Sandbox) moved(t *tree, from, to place) {
	for _, d := range s.fds.open {
		if d == nil || d.tree != t || !within(d.path, from.abs) {
			continue
		}
		d.path = to.abs + d.path[len(from.abs):]
		if f, ok := d.file.(movable); ok {
			f.moveTo(t.at(d.path).rel)
		}
	}
}

// movable is implemented by open directories that know where they are by path.
type movable interface {
	moveTo(path string)
}
