package wasi

// pathStatFunctions are the functions of the group path that describe what a
// path names.
func pathStatFunctions() []function {
	return []function{
		{"path_filestat_get", []param{
			i32("fd"), i32("flags"), i32("path"), i32("path_len"), i32("result.buf"),
		}, pathFilestatGet},
		{"path_filestat_set_times", []param{
			i32("fd"), i32("flags"), i32("path"), i32("path_len"),
			i64("atim"), i64("mtim"), i32("fst_flags"),
		}, pathFilestatSetTimes},
	}
}

// pathFilestatGet is path_filestat_get: it describes what a path names.
//
// Parameters:
//   - fd: the directory that path starts from
//   - flags: 1: follow a symbolic link at the end
//   - path, path_len: the path
//   - result.buf: where the answer goes, 64 bytes as for fd_filestat_get
//
// Errors: those of a path, EINVAL (an unknown flag), ENOENT, ENOTDIR
// ("file/"), EACCES, EIO.
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#path_filestat_get
func pathFilestatGet(c call) Errno {
	follow, errno := followed(c.u32(1))
	if errno != ESUCCESS {
		return errno
	}
	p, errno := c.pathAt(c.u32(0), RightPathFilestatGet, c.u32(2), c.u32(3), follow)
	if errno != ESUCCESS {
		return errno
	}
	st, errno := p.fs.Stat(p.rel, follow || p.dir)
	switch {
	case errno != ESUCCESS:
		return errno
	case p.dir && st.Type != FiletypeDirectory:
		return ENOTDIR
	}
	st.Dev = p.dev
	return c.putFilestat(c.u32(4), st)
}

// pathFilestatSetTimes is path_filestat_set_times: it sets the times of what a
// path names.
//
// Parameters:
//   - fd: the directory that path starts from
//   - flags: 1: follow a symbolic link at the end
//   - path, path_len: the path
//   - atim, mtim, fst_flags: as for fd_filestat_set_times
//
// Errors: those of a path, EINVAL (as fd_filestat_set_times, or an unknown
// flag), ENOENT, ENOTDIR ("file/"), EROFS, EACCES, EIO.
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#path_filestat_set_times
func pathFilestatSetTimes(c call) Errno {
	follow, errno := followed(c.u32(1))
	if errno != ESUCCESS {
		return errno
	}
	t, errno := timesOf(c.args[4], c.args[5], c.u32(6))
	if errno != ESUCCESS {
		return errno
	}
	p, errno := c.pathAt(c.u32(0), RightPathFilestatSetTimes, c.u32(2), c.u32(3), follow)
	if errno != ESUCCESS {
		return errno
	}
	if errno := p.checkDir(false); errno != ESUCCESS {
		return errno
	}
	return p.fs.Utimes(p.rel, follow || p.dir, t)
}
