package wasi

// pathFunctions are the functions of the group path that change or open what a
// path names.
func pathFunctions() []function {
	at := func(rest ...param) []param {
		return append([]param{i32("fd")}, rest...)
	}
	return []function{
		{"path_create_directory", at(i32("path"), i32("path_len")), pathCreateDirectory},
		{"path_link", []param{
			i32("old_fd"), i32("old_flags"), i32("old_path"), i32("old_path_len"),
			i32("new_fd"), i32("new_path"), i32("new_path_len"),
		}, pathLink},
		{"path_open", at(i32("dirflags"), i32("path"), i32("path_len"), i32("oflags"),
			i64("fs_rights_base"), i64("fs_rights_inheriting"), i32("fdflags"),
			i32("result.opened_fd")), pathOpen},
		{"path_readlink", at(i32("path"), i32("path_len"), i32("buf"), i32("buf_len"),
			i32("result.bufused")), pathReadlink},
		{"path_remove_directory", at(i32("path"), i32("path_len")), pathRemoveDirectory},
		{"path_rename", at(i32("old_path"), i32("old_path_len"),
			i32("new_fd"), i32("new_path"), i32("new_path_len")), pathRename},
		{"path_symlink", []param{
			i32("old_path"), i32("old_path_len"), i32("fd"), i32("new_path"), i32("new_path_len"),
		}, pathSymlink},
		{"path_unlink_file", at(i32("path"), i32("path_len")), pathUnlinkFile},
	}
}

// pathAt returns where the path of n bytes at ptr leads from the directory fd,
// which needs the rights. Every path function begins with it.
//
// Errors: EBADF, ENOTDIR (fd is no directory), ENOTCAPABLE (a right is
// missing, or the path leads out of fd), EFAULT, and those of resolve; the
// functions name them "those of a path".
func (c call) pathAt(fd uint32, rights Rights, ptr, n uint32, follow bool) (place, Errno) {
	d, errno := c.fds.get(fd)
	switch {
	case errno != ESUCCESS:
		return place{}, errno
	case d.typ != FiletypeDirectory:
		return place{}, ENOTDIR
	}
	if errno := d.need(rights); errno != ESUCCESS {
		return place{}, errno
	}
	path, errno := c.mem.view(ptr, uint64(n))
	if errno != ESUCCESS {
		return place{}, errno
	}
	return c.path.resolve(d, path, follow)
}

// followed reads lookupflags. Errors: EINVAL (an unknown flag).
func followed(flags uint32) (bool, Errno) {
	if flags&^lookupSymlinkFollow != 0 {
		return false, EINVAL
	}
	return flags != 0, ESUCCESS
}

// pathCreateDirectory is path_create_directory: it makes one directory.
//
// Parameters:
//   - fd: the directory that path starts from
//   - path, path_len: the path
//
// Errors: those of a path, EEXIST, ENOENT (its parent), EROFS, ENOSPC (over
// quota), EIO.
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#path_create_directory
func pathCreateDirectory(c call) Errno {
	p, errno := c.pathAt(c.u32(0), RightPathCreateDirectory, c.u32(1), c.u32(2), false)
	switch {
	case errno != ESUCCESS:
		return errno
	case p.dot || p.rel == ".":
		return EEXIST
	}
	return p.fs.Mkdir(p.rel)
}

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

// pathReadlink is path_readlink: it writes what a symbolic link holds.
//
// Parameters:
//   - fd: the directory that path starts from
//   - path, path_len: the path
//   - buf: where the text goes, without a NUL
//   - buf_len: the room there; what does not fit is left out
//   - result.bufused: where the bytes used go, 4 bytes
//
// Errors: those of a path, EINVAL (no link), ENOENT, ENOTCAPABLE (it points
// out of its file system), EIO.
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#path_readlink
func pathReadlink(c call) Errno {
	p, errno := c.pathAt(c.u32(0), RightPathReadlink, c.u32(1), c.u32(2), false)
	if errno != ESUCCESS {
		return errno
	}
	buf, errno := c.mem.view(c.u32(3), uint64(c.u32(4)))
	if errno != ESUCCESS {
		return errno
	}
	if _, errno := c.mem.view(c.u32(5), 4); errno != ESUCCESS {
		return errno
	}
	target, errno := p.fs.Readlink(p.rel)
	if errno != ESUCCESS {
		return errno
	}
	return c.mem.putUint32(c.u32(5), uint32(copy(buf, target)))
}

// pathRemoveDirectory is path_remove_directory: it removes an empty directory.
//
// Parameters:
//   - fd: the directory that path starts from
//   - path, path_len: the path
//
// Errors: those of a path, ENOENT, ENOTDIR, ENOTEMPTY, EINVAL (it ends in "."
// or ".."), EBUSY (a mount), EROFS, EIO.
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#path_remove_directory
func pathRemoveDirectory(c call) Errno {
	p, errno := c.pathAt(c.u32(0), RightPathRemoveDirectory, c.u32(1), c.u32(2), false)
	switch {
	case errno != ESUCCESS:
		return errno
	case p.dot:
		return EINVAL
	case p.rel == ".":
		return EBUSY
	}
	return p.fs.Rmdir(p.rel)
}

// pathUnlinkFile is path_unlink_file: it removes a file, or a symbolic link.
//
// Parameters:
//   - fd: the directory that path starts from
//   - path, path_len: the path
//
// Errors: those of a path, ENOENT, EISDIR, ENOTDIR ("file/"), EROFS, EIO.
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#path_unlink_file
func pathUnlinkFile(c call) Errno {
	p, errno := c.pathAt(c.u32(0), RightPathUnlinkFile, c.u32(1), c.u32(2), false)
	if errno != ESUCCESS {
		return errno
	}
	if p.rel == "." {
		return EISDIR
	}
	if errno := p.checkDir(false); errno != ESUCCESS {
		return errno
	}
	if p.dir {
		return EISDIR
	}
	return p.fs.Unlink(p.rel)
}

// pathRename is path_rename: it moves a file or directory. A file replaces a
// file, a directory an empty directory. Descriptors of this sandbox open on a
// directory that moved, or on one below it, go with it.
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

// moved makes descriptors of directories follow them from one place to another.
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

// pathSymlink is path_symlink: it makes a symbolic link. Most file systems
// here refuse it.
//
// Parameters:
//   - old_path, old_path_len: the text that the link holds
//   - fd, new_path, new_path_len: the link
//
// Errors: those of a path, EPERM (refused, or the text begins with "/"),
// EEXIST, ENOENT, EROFS, ENOSPC (over quota), EIO; for the text EINVAL,
// EILSEQ, ENAMETOOLONG as for a path.
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#path_symlink
func pathSymlink(c call) Errno {
	p, errno := c.pathAt(c.u32(2), RightPathSymlink, c.u32(3), c.u32(4), false)
	if errno != ESUCCESS {
		return errno
	}
	text, errno := c.mem.view(c.u32(0), uint64(c.u32(1)))
	if errno != ESUCCESS {
		return errno
	}
	switch errno := checkPath(text); errno {
	case ESUCCESS:
	case ENOTCAPABLE:
		return EPERM
	default:
		return errno
	}
	if errno := p.nameable(); errno != ESUCCESS {
		return errno
	}
	return p.fs.Symlink(string(text), p.rel)
}
