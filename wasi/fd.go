package wasi

import "math"

// fdFunctions are the functions of the group fd that do not move data and do
// not describe the file.
func fdFunctions() []function {
	return []function{
		{"fd_advise", []param{i32("fd"), i64("offset"), i64("len"), i32("advice")}, fdAdvise},
		{"fd_allocate", []param{i32("fd"), i64("offset"), i64("len")}, fdAllocate},
		{"fd_close", []param{i32("fd")}, fdClose},
		{"fd_datasync", []param{i32("fd")}, fdDatasync},
		{"fd_prestat_get", []param{i32("fd"), i32("result.prestat")}, fdPrestatGet},
		{"fd_prestat_dir_name", []param{i32("fd"), i32("path"), i32("path_len")}, fdPrestatDirName},
		{"fd_renumber", []param{i32("fd"), i32("to")}, fdRenumber},
		{"fd_seek", []param{i32("fd"), i64("offset"), i32("whence"), i32("result.newoffset")}, fdSeek},
		{"fd_sync", []param{i32("fd")}, fdSync},
		{"fd_tell", []param{i32("fd"), i32("result.offset")}, fdTell},
	}
}

// fdAdvise is fd_advise: it tells how a file will be read. Nothing is made of
// it; the arguments are looked at as if there were.
//
// Parameters:
//   - fd: a file
//   - offset, len: the bytes meant
//   - advice: from 0 (normal) to 5 (noreuse)
//
// Errors: EBADF, EISDIR, ESPIPE (a stream), ENOTCAPABLE, EINVAL (an unknown
// advice, or offset or len below 0).
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#fd_advise
func fdAdvise(c call) Errno {
	_, errno := c.fileOf(c.u32(0), RightFdAdvise)
	if errno != ESUCCESS {
		return errno
	}
	if int64(c.args[1]) < 0 || int64(c.args[2]) < 0 || c.u32(3) > 5 {
		return EINVAL
	}
	return ESUCCESS
}

// fdAllocate is fd_allocate: it makes sure that a file is offset+len bytes
// long, and that its file system has the room.
//
// Parameters:
//   - fd: a file open for writing
//   - offset, len: the bytes meant; len is not 0
//
// Errors: EBADF, EISDIR, ESPIPE, ENOTCAPABLE, EINVAL (len 0, or one below 0),
// EFBIG, ENOSPC (over quota), EROFS, EIO.
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#fd_allocate
func fdAllocate(c call) Errno {
	d, errno := c.fileOf(c.u32(0), RightFdAllocate)
	if errno != ESUCCESS {
		return errno
	}
	offset, n := int64(c.args[1]), int64(c.args[2])
	switch {
	case offset < 0 || n <= 0:
		return EINVAL
	case offset > math.MaxInt64-n:
		return EFBIG
	}
	return d.file.Allocate(offset + n)
}

// fdClose is fd_close: the descriptor is no longer open, whatever is returned.
// What the sandbox has locked of its file, through any descriptor, is unlocked.
//
// Parameters:
//   - fd: any open descriptor, preopened ones too
//
// Errors: EBADF, EIO (the file system failed).
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#fd_close
func fdClose(c call) Errno {
	d, errno := c.fds.get(c.u32(0))
	if errno != ESUCCESS {
		return errno
	}
	c.forgetEntries(d)
	return c.fds.remove(c.u32(0)).close(&c.owner)
}

// fdDatasync is fd_datasync: what was written to the file is on disk when it
// returns, if its file system has one. The same as fd_sync.
//
// Parameters:
//   - fd: a file, a directory, or an output stream, for which nothing is done
//
// Errors: EBADF, ENOTCAPABLE, EIO, ENOSPC.
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#fd_datasync
func fdDatasync(c call) Errno { return c.sync(RightFdDatasync) }

// fdSync is fd_sync: what was written to the file is on disk when it returns,
// if its file system has one.
//
// Parameters and errors: as fd_datasync.
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#fd_sync
func fdSync(c call) Errno { return c.sync(RightFdSync) }

// sync syncs the descriptor that argument 0 names.
func (c call) sync(right Rights) Errno {
	d, errno := c.fds.get(c.u32(0))
	if errno != ESUCCESS {
		return errno
	}
	if errno := d.need(right); errno != ESUCCESS || d.file == nil {
		return errno
	}
	return c.flush(d.file)
}

// fdPrestatGet is fd_prestat_get: it tells that a descriptor is a preopened
// directory and how long its name is. Programs ask for 3, 4 and so on until
// they get EBADF.
//
// Parameters:
//   - fd: a descriptor
//   - result.prestat: where the answer goes, 8 bytes: 0 for a directory, of 1,
//     and the length of its name, of 4 at 4
//
// For "/tmp": 0 0 0 0  4 0 0 0
//
// Errors: EBADF (not open, or not preopened), EFAULT.
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#fd_prestat_get
func fdPrestatGet(c call) Errno {
	d, errno := c.fds.get(c.u32(0))
	if errno != ESUCCESS {
		return errno
	}
	if d.preopen == "" {
		return EBADF
	}
	return c.mem.putUint64(c.u32(1), uint64(len(d.preopen))<<32)
}

// fdPrestatDirName is fd_prestat_dir_name: it writes the name of a preopened
// directory, without a NUL.
//
// Parameters:
//   - fd: a preopened directory
//   - path: where the name goes
//   - path_len: the room there
//
// Errors: EBADF (not open, or not preopened), ENAMETOOLONG (no room), EFAULT.
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#fd_prestat_dir_name
func fdPrestatDirName(c call) Errno {
	d, errno := c.fds.get(c.u32(0))
	if errno != ESUCCESS {
		return errno
	}
	if d.preopen == "" {
		return EBADF
	}
	if uint64(c.u32(2)) < uint64(len(d.preopen)) {
		return ENAMETOOLONG
	}
	b, errno := c.mem.view(c.u32(1), uint64(len(d.preopen)))
	if errno == ESUCCESS {
		copy(b, d.preopen)
	}
	return errno
}

// fdRenumber is fd_renumber: to becomes what fd is, and fd is no longer open.
// What to was before is closed.
//
// Parameters:
//   - fd: an open descriptor
//   - to: another one
//
// Errors: EBADF (one of them is not open).
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#fd_renumber
func fdRenumber(c call) Errno {
	from, to := c.u32(0), c.u32(1)
	if _, errno := c.fds.get(from); errno != ESUCCESS {
		return errno
	}
	old, errno := c.fds.get(to)
	if errno != ESUCCESS || from == to {
		return errno
	}
	c.forgetEntries(old)
	_ = old.close(&c.owner) // as in dup2, what became of it cannot be told
	c.fds.put(to, c.fds.remove(from))
	return ESUCCESS
}

// fdSeek is fd_seek: it sets where reading and writing go on. Beyond the end
// is allowed.
//
// Parameters:
//   - fd: a file
//   - offset: bytes, below 0 too
//   - whence: counted from 0 the beginning, 1 where it stands, 2 the end
//   - result.newoffset: where the place reached goes, 8 bytes, counted from
//     the beginning
//
// Errors: EBADF, EISDIR, ESPIPE (a stream), ENOTCAPABLE (right seek; to learn
// the place, seek or tell), EINVAL (an unknown whence, or before the
// beginning), EOVERFLOW (beyond 2^63-1), EFAULT; then it stays where it was.
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#fd_seek
func fdSeek(c call) Errno {
	offset, whence := int64(c.args[1]), c.u32(2)
	right := RightFdSeek
	d, errno := c.fds.get(c.u32(0))
	if errno == ESUCCESS && offset == 0 && whence == whenceCur && d.base&RightFdTell != 0 {
		right = RightFdTell
	}
	if d, errno = c.fileOf(c.u32(0), right); errno != ESUCCESS {
		return errno
	}
	from, errno := d.seekFrom(whence)
	if errno != ESUCCESS {
		return errno
	}
	switch {
	case offset > 0 && from > math.MaxInt64-offset:
		return EOVERFLOW
	case from+offset < 0:
		return EINVAL
	}
	if errno := c.mem.putUint64(c.u32(3), uint64(from+offset)); errno != ESUCCESS {
		return errno
	}
	d.offset = from + offset
	return ESUCCESS
}

// seekFrom is the place that whence counts from. Errors: EINVAL, EIO.
func (d *descriptor) seekFrom(whence uint32) (int64, Errno) {
	switch whence {
	case whenceSet:
		return 0, ESUCCESS
	case whenceCur:
		return d.offset, ESUCCESS
	case whenceEnd:
		st, errno := d.file.Stat()
		return int64(st.Size), errno
	}
	return 0, EINVAL
}

// fdTell is fd_tell: it tells where reading and writing go on.
//
// Parameters:
//   - fd: a file
//   - result.offset: where the place goes, 8 bytes
//
// Errors: EBADF, EISDIR, ESPIPE (a stream), ENOTCAPABLE, EFAULT.
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#fd_tell
func fdTell(c call) Errno {
	d, errno := c.fileOf(c.u32(0), RightFdTell)
	if errno != ESUCCESS {
		return errno
	}
	return c.mem.putUint64(c.u32(1), uint64(d.offset))
}

// fileOf returns the descriptor fd, which must be a file with the rights.
// Errors: EBADF, EISDIR, ESPIPE, ENOTCAPABLE.
func (c call) fileOf(fd uint32, rights Rights) (*descriptor, Errno) {
	d, errno := c.fds.get(fd)
	switch {
	case errno != ESUCCESS:
		return nil, errno
	case d.stream != nil:
		return nil, ESPIPE
	}
	return d, d.needFile(rights)
}
