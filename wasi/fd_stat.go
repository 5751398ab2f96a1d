package wasi

import (
	"encoding/binary"
	"math"
	"time"
)

// fdStatFunctions are the functions of the group fd that describe a descriptor
// or its file.
func fdStatFunctions() []function {
	return []function{
		{"fd_fdstat_get", []param{i32("fd"), i32("result.stat")}, fdFdstatGet},
		{"fd_fdstat_set_flags", []param{i32("fd"), i32("flags")}, fdFdstatSetFlags},
		{"fd_fdstat_set_rights", []param{
			i32("fd"), i64("fs_rights_base"), i64("fs_rights_inheriting"),
		}, fdFdstatSetRights},
		{"fd_filestat_get", []param{i32("fd"), i32("result.buf")}, fdFilestatGet},
		{"fd_filestat_set_size", []param{i32("fd"), i64("size")}, fdFilestatSetSize},
		{"fd_filestat_set_times", []param{
			i32("fd"), i64("atim"), i64("mtim"), i32("fst_flags"),
		}, fdFilestatSetTimes},
	}
}

// fdFdstatGet is fd_fdstat_get: it describes a descriptor.
//
// Parameters:
//   - fd: any open descriptor
//   - result.stat: where the answer goes, 24 bytes: type of 1, flags of 2 at
//     2, base rights of 8 at 8, inheriting rights of 8 at 16, the rest 0
//
// Errors: EBADF, EFAULT.
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#fd_fdstat_get
func fdFdstatGet(c call) Errno {
	d, errno := c.fds.get(c.u32(0))
	if errno != ESUCCESS {
		return errno
	}
	b, errno := c.mem.view(c.u32(1), 24)
	if errno != ESUCCESS {
		return errno
	}
	clear(b)
	b[0] = uint8(d.typ)
	binary.LittleEndian.PutUint16(b[2:], uint16(d.flags))
	binary.LittleEndian.PutUint64(b[8:], uint64(d.base))
	binary.LittleEndian.PutUint64(b[16:], uint64(d.inheriting))
	return ESUCCESS
}

// fdFdstatSetFlags is fd_fdstat_set_flags: it sets append, nonblock and the
// sync flags of a descriptor anew. nonblock is kept and has no effect.
//
// Parameters:
//   - fd: any open descriptor
//   - flags: as in fdstat
//
// Errors: EBADF, ENOTCAPABLE, EINVAL (an unknown flag).
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#fd_fdstat_set_flags
func fdFdstatSetFlags(c call) Errno {
	d, errno := c.fds.get(c.u32(0))
	if errno != ESUCCESS {
		return errno
	}
	if errno := d.need(RightFdFdstatSetFlags); errno != ESUCCESS {
		return errno
	}
	if c.u32(1)&^uint32(fdflagsAll) != 0 {
		return EINVAL
	}
	d.flags = Fdflags(c.u32(1))
	return ESUCCESS
}

// fdFdstatSetRights is fd_fdstat_set_rights: it takes rights away.
//
// Parameters:
//   - fd: any open descriptor
//   - fs_rights_base, fs_rights_inheriting: all that remain
//
// Errors: EBADF, ENOTCAPABLE (it has not all of them).
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#fd_fdstat_set_rights
func fdFdstatSetRights(c call) Errno {
	d, errno := c.fds.get(c.u32(0))
	if errno != ESUCCESS {
		return errno
	}
	base, inheriting := Rights(c.args[1]), Rights(c.args[2])
	if base&^d.base != 0 || inheriting&^d.inheriting != 0 {
		return ENOTCAPABLE
	}
	d.base, d.inheriting = base, inheriting
	return ESUCCESS
}

// fdFilestatGet is fd_filestat_get: it describes an open file.
//
// Parameters:
//   - fd: any open descriptor
//   - result.buf: where the answer goes, 64 bytes: device of 8, inode of 8,
//     type of 1 at 16, links of 8 at 24, size of 8, and the times of access,
//     of modification and of change, of 8 each in nanoseconds
//
// Errors: EBADF, ENOTCAPABLE, EFAULT, ENOENT (a directory since removed), EIO.
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#fd_filestat_get
func fdFilestatGet(c call) Errno {
	d, errno := c.fds.get(c.u32(0))
	if errno != ESUCCESS {
		return errno
	}
	if errno := d.need(RightFdFilestatGet); errno != ESUCCESS {
		return errno
	}
	if d.stream != nil {
		return c.putFilestat(c.u32(1), Filestat{Ino: d.stream.ino, Type: d.typ, Nlink: 1})
	}
	st, errno := d.file.Stat()
	if errno != ESUCCESS {
		return errno
	}
	st.Dev = d.dev
	return c.putFilestat(c.u32(1), st)
}

// putFilestat writes st at ptr. Errors: EFAULT.
func (c call) putFilestat(ptr uint32, st Filestat) Errno {
	b, errno := c.mem.view(ptr, 64)
	if errno != ESUCCESS {
		return errno
	}
	binary.LittleEndian.PutUint64(b, st.Dev)
	binary.LittleEndian.PutUint64(b[8:], st.Ino)
	binary.LittleEndian.PutUint64(b[16:], uint64(st.Type))
	binary.LittleEndian.PutUint64(b[24:], st.Nlink)
	binary.LittleEndian.PutUint64(b[32:], st.Size)
	binary.LittleEndian.PutUint64(b[40:], uint64(st.Atim))
	binary.LittleEndian.PutUint64(b[48:], uint64(st.Mtim))
	binary.LittleEndian.PutUint64(b[56:], uint64(st.Ctim))
	return ESUCCESS
}

// fdFilestatSetSize is fd_filestat_set_size: it cuts a file or extends it by
// zeros. The descriptor stays where it stands.
//
// Parameters:
//   - fd: a file open for writing
//   - size: in bytes
//
// Errors: EBADF, EISDIR, ESPIPE, ENOTCAPABLE, EFBIG (2^63 or more), ENOSPC
// (over quota), EROFS, EIO.
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#fd_filestat_set_size
func fdFilestatSetSize(c call) Errno {
	d, errno := c.fileOf(c.u32(0), RightFdFilestatSetSize)
	if errno != ESUCCESS {
		return errno
	}
	if c.args[1] > math.MaxInt64 {
		return EFBIG
	}
	return d.file.Truncate(int64(c.args[1]))
}

// fdFilestatSetTimes is fd_filestat_set_times: it sets a file's times.
//
// Parameters:
//   - fd: a file or directory
//   - atim, mtim: the times of access and of modification, in nanoseconds
//   - fst_flags: which to set: 1 atim, 2 atim to now, 4 mtim, 8 mtim to now
//
// Errors: EBADF, ESPIPE (a stream), ENOTCAPABLE, EINVAL (an unknown flag, a
// time and now together, or a time of 2^63 or more), EROFS, EIO, ENOENT (a
// directory since removed).
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#fd_filestat_set_times
func fdFilestatSetTimes(c call) Errno {
	d, errno := c.fds.get(c.u32(0))
	switch {
	case errno != ESUCCESS:
		return errno
	case d.stream != nil:
		return ESPIPE
	}
	if errno := d.need(RightFdFilestatSetTimes); errno != ESUCCESS {
		return errno
	}
	t, errno := timesOf(c.args[1], c.args[2], c.u32(3))
	if errno != ESUCCESS {
		return errno
	}
	return d.file.Utimes(t)
}

// timesOf reads the arguments of the set_times functions. Errors: EINVAL.
func timesOf(atim, mtim uint64, flags uint32) (Times, Errno) {
	both := func(a, b uint32) bool { return flags&(a|b) == a|b }
	switch {
	case flags&^uint32(fstflagsAll) != 0,
		both(fstflagAtim, fstflagAtimNow),
		both(fstflagMtim, fstflagMtimNow),
		flags&fstflagAtim != 0 && atim > math.MaxInt64,
		flags&fstflagMtim != 0 && mtim > math.MaxInt64:
		return Times{}, EINVAL
	}
	now := time.Now().UnixNano()
	t := Times{
		Atim:    int64(atim),
		Mtim:    int64(mtim),
		SetAtim: flags&(fstflagAtim|fstflagAtimNow) != 0,
		SetMtim: flags&(fstflagMtim|fstflagMtimNow) != 0,
	}
	if flags&fstflagAtimNow != 0 {
		t.Atim = now
	}
	if flags&fstflagMtimNow != 0 {
		t.Mtim = now
	}
	return t, ESUCCESS
}
