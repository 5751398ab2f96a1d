package wasi

// opening is what path_open is asked for.
type opening struct {
	oflags           uint32
	base, inheriting Rights
	flags            Fdflags
	follow           bool
}

// pathOpen is path_open: it opens a file or directory, or creates a file, and
// gives it the lowest free descriptor.
//
// A right that the kind of file has no use for is left out, not refused. A
// file is opened for writing if one of the rights write, allocate and
// set_size is asked for.
//
// Parameters:
//   - fd: the directory that path starts from
//   - dirflags: 1: follow a symbolic link at the end
//   - path, path_len: the path
//   - oflags: 1 create, 2 only a directory, 4 (with create) only if there is
//     none, 8 cut to nothing
//   - fs_rights_base: what the descriptor can be used for
//   - fs_rights_inheriting: and those opened through it
//   - fdflags: as in fdstat
//   - result.opened_fd: where the descriptor goes, 4 bytes
//
// Errors: those of a path, EINVAL (an unknown flag, or create with directory),
// ENOTCAPABLE (fd's rights do not allow these, or creating, or cutting), EMFILE
// (1024 are open), ENFILE (too many for the host), EEXIST, ENOENT, ENOTDIR,
// EISDIR (a directory with the right to write, to cut, or to create), ELOOP (a
// link not to be followed), EACCES (neither file nor directory), EROFS, ENOSPC
// (over quota), EIO.
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#path_open
func pathOpen(c call) Errno {
	o, errno := c.opening()
	if errno != ESUCCESS {
		return errno
	}
	p, errno := c.pathAt(c.u32(0), o.needs(), c.u32(2), c.u32(3), o.follow)
	if errno != ESUCCESS {
		return errno
	}
	d, _ := c.fds.get(c.u32(0)) // open: pathAt found it
	if (o.base|o.inheriting)&^d.inheriting != 0 {
		return ENOTCAPABLE
	}
	if _, errno := c.mem.view(c.u32(8), 4); errno != ESUCCESS {
		return errno
	}
	if c.fds.full() {
		return EMFILE
	}
	opened, errno := o.open(p, d.tree)
	if errno != ESUCCESS {
		return errno
	}
	fd, errno := c.fds.add(opened)
	if errno != ESUCCESS {
		return errno
	}
	return c.mem.putUint32(c.u32(8), fd)
}

// opening reads path_open's flags and rights. Errors: EINVAL.
func (c call) opening() (opening, Errno) {
	follow, errno := followed(c.u32(1))
	o := opening{
		oflags:     c.u32(4),
		base:       Rights(c.args[5]) & allRights,
		inheriting: Rights(c.args[6]) & allRights,
		flags:      Fdflags(c.u32(7)),
		follow:     follow,
	}
	switch {
	case errno != ESUCCESS,
		o.oflags&^oflagsAll != 0,
		c.u32(7)&^uint32(fdflagsAll) != 0,
		o.oflags&oflagCreat != 0 && o.oflags&oflagDirectory != 0:
		return o, EINVAL
	}
	if o.oflags&oflagCreat != 0 && o.oflags&oflagExcl != 0 {
		o.follow = false
	}
	return o, ESUCCESS
}

// needs is the rights of the directory that o uses.
func (o opening) needs() Rights {
	rights := RightPathOpen
	if o.oflags&oflagCreat != 0 {
		rights |= RightPathCreateFile
	}
	if o.oflags&oflagTrunc != 0 {
		rights |= RightPathFilestatSetSize
	}
	return rights
}

// open opens p, a place in t.
func (o opening) open(p place, t *tree) (*descriptor, Errno) {
	if p.dir && o.oflags&oflagCreat != 0 {
		if errno := p.checkDir(true); errno == ENOTDIR {
			return nil, ENOTDIR
		}
		return nil, EISDIR
	}
	how := o.openFlags(p.dir)
	file, errno := p.fs.Open(p.rel, how)
	if errno != ESUCCESS {
		return nil, errno
	}
	d := &descriptor{
		file: file, typ: file.Type(), dev: p.dev,
		base: o.base & fileRights, inheriting: o.inheriting, flags: o.flags,
		tree: t, path: p.abs, how: how & howSaved,
	}
	if d.typ == FiletypeDirectory {
		d.base = o.base & dirRights
	}
	return d, ESUCCESS
}

// openFlags is what o asks of a file system.
func (o opening) openFlags(dir bool) OpenFlags {
	set := func(f OpenFlags, on bool) OpenFlags {
		if on {
			return f
		}
		return 0
	}
	dir = dir || o.oflags&oflagDirectory != 0
	write := o.base&RightFdWrite != 0 || o.base&writeRights != 0 && !dir
	return set(OpenWrite, write) |
		set(OpenDirectory, dir) |
		set(OpenCreate, o.oflags&oflagCreat != 0) |
		set(OpenExcl, o.oflags&oflagExcl != 0) |
		set(OpenTrunc, o.oflags&oflagTrunc != 0) |
		set(OpenFollow, o.follow)
}
