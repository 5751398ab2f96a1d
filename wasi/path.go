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
