package wasi

import "math"

// fdIOFunctions are the functions of the group fd that move data.
func fdIOFunctions() []function {
	vec := func(rest ...param) []param {
		return append([]param{i32("fd"), i32("iovs"), i32("iovs_len")}, rest...)
	}
	return []function{
		{"fd_pread", vec(i64("offset"), i32("result.nread")), fdPread},
		{"fd_pwrite", vec(i64("offset"), i32("result.nwritten")), fdPwrite},
		{"fd_read", vec(i32("result.nread")), fdRead},
		{"fd_write", vec(i32("result.nwritten")), fdWrite},
		{"fd_readdir", []param{
			i32("fd"), i32("buf"), i32("buf_len"), i64("cookie"), i32("result.bufused"),
		}, fdReaddir},
	}
}

// fdRead is fd_read: it reads from where the descriptor stands into one or
// more buffers, and moves on. At most 1 MiB are read at once. Input may be
// waited for, until the sandbox's context is done.
//
// Parameters:
//   - fd: a file or an input stream
//   - iovs: the buffers, records of 8 bytes: pointer of 4, length of 4
//   - iovs_len: how many, up to 1024
//   - result.nread: where the number of bytes read goes, 4 bytes; 0 at the end
//
// Errors: EBADF, EISDIR, ENOTCAPABLE, EINVAL (too many buffers), EFAULT
// (nothing is read), EINTR (waiting for input was ended), EIO.
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#fd_read
func fdRead(c call) Errno {
	d, v, errno := c.vectors(RightFdRead, 3)
	if errno != ESUCCESS {
		return errno
	}
	if d.stream != nil {
		return c.readStream(d.stream, v)
	}
	n, errno := v.readFrom(d.file, d.offset)
	if errno != ESUCCESS {
		return errno
	}
	d.offset += int64(n)
	return c.mem.putUint32(c.u32(3), uint32(n))
}

// fdPread is fd_pread: it reads at an offset of its own; the descriptor stays
// where it stands.
//
// Parameters: as fd_read, and
//   - offset: where to read, in bytes
//
// Errors: as fd_read, and EINVAL (offset below 0), ESPIPE (a stream).
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#fd_pread
func fdPread(c call) Errno {
	d, v, errno := c.vectors(RightFdRead, 4)
	if errno != ESUCCESS {
		return errno
	}
	offset := int64(c.args[3])
	switch {
	case d.stream != nil:
		return ESPIPE
	case offset < 0:
		return EINVAL
	}
	n, errno := v.readFrom(d.file, offset)
	if errno != ESUCCESS {
		return errno
	}
	return c.mem.putUint32(c.u32(4), uint32(n))
}

// fdWrite is fd_write: it writes one or more buffers where the descriptor
// stands, and moves on; with the flag append, at the end. At most 1 MiB are
// written at once. With the flag sync or dsync it returns when they are on
// disk.
//
// Parameters:
//   - fd: a file or an output stream
//   - iovs: the buffers, as for fd_read
//   - iovs_len: how many, up to 1024
//   - result.nwritten: where the number of bytes written goes, 4 bytes. It is
//     less than asked for if the file system has room for a part only
//
// Errors: EBADF, EISDIR, ENOTCAPABLE, EINVAL (too many buffers), EFAULT
// (nothing is written), EFBIG, ENOSPC (over quota), EROFS, EIO.
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#fd_write
func fdWrite(c call) Errno {
	d, v, errno := c.vectors(RightFdWrite, 3)
	if errno != ESUCCESS {
		return errno
	}
	var n int
	switch {
	case d.stream != nil:
		n, errno = v.writeStream(d.stream)
	case d.flags&FdflagAppend != 0:
		n, d.offset, errno = v.appendTo(d.file, d.offset)
	default:
		n, errno = v.writeTo(d.file, d.offset)
		d.offset += int64(n)
	}
	if errno == ESUCCESS {
		errno = c.synced(d)
	}
	if errno != ESUCCESS {
		return errno
	}
	return c.mem.putUint32(c.u32(3), uint32(n))
}

// fdPwrite is fd_pwrite: it writes at an offset of its own, with the flag
// append too; the descriptor stays where it stands.
//
// Parameters: as fd_write, and
//   - offset: where to write, in bytes
//
// Errors: as fd_write, and EINVAL (offset below 0), ESPIPE (a stream).
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#fd_pwrite
func fdPwrite(c call) Errno {
	d, v, errno := c.vectors(RightFdWrite, 4)
	if errno != ESUCCESS {
		return errno
	}
	offset := int64(c.args[3])
	switch {
	case d.stream != nil:
		return ESPIPE
	case offset < 0:
		return EINVAL
	}
	n, errno := v.writeTo(d.file, offset)
	if errno == ESUCCESS {
		errno = c.synced(d)
	}
	if errno != ESUCCESS {
		return errno
	}
	return c.mem.putUint32(c.u32(4), uint32(n))
}

// ReadFile reads for the host what fd_pread would read: at offset off of the file that the
// guest has open as fd, into p, until p is full or the file ends. The numbers may be any.
//
// Errors: as fd_pread.
func (s *Sandbox) ReadFile(fd uint32, p []byte, off int64) (int, Errno) {
	d, errno := s.fds.get(fd)
	if errno == ESUCCESS {
		errno = d.needFile(RightFdRead)
	}
	switch {
	case errno != ESUCCESS:
		return 0, errno
	case d.stream != nil:
		return 0, ESPIPE
	case off < 0:
		return 0, EINVAL
	case off > math.MaxInt64-int64(len(p)):
		return 0, ESUCCESS // no file is that long: its end
	}
	return d.file.ReadAt(p, off)
}

// FileSize returns the size of the regular file that the guest has open as fd, a number
// that may be any; -1 where it is none, or cannot be told.
func (s *Sandbox) FileSize(fd uint32) int64 {
	d, errno := s.fds.get(fd)
	if errno != ESUCCESS || d.file == nil || d.typ != FiletypeRegularFile {
		return -1
	}
	stat, errno := d.file.Stat()
	if errno != ESUCCESS || stat.Size > math.MaxInt64 {
		return -1
	}
	return int64(stat.Size)
}

// synced syncs d if its flags ask for that after each write.
func (c call) synced(d *descriptor) Errno {
	if d.file == nil || d.flags&(FdflagSync|FdflagDsync) == 0 {
		return ESUCCESS
	}
	return c.flush(d.file)
}

// flush waits for the disk.
func (s *Sandbox) flush(f File) (errno Errno) {
	s.wait(func() { errno = f.Sync() })
	return errno
}

// vectors returns the descriptor and the buffers of the first three arguments,
// after a look at the 4 bytes that argument result points to.
func (c call) vectors(right Rights, result int) (*descriptor, iovecs, Errno) {
	d, errno := c.fds.get(c.u32(0))
	if errno != ESUCCESS {
		return nil, iovecs{}, errno
	}
	if errno := d.needFile(right); errno != ESUCCESS {
		return nil, iovecs{}, errno
	}
	if _, errno := c.mem.view(c.u32(result), 4); errno != ESUCCESS {
		return nil, iovecs{}, errno
	}
	v, errno := c.mem.iovecs(c.u32(1), c.u32(2))
	return d, v, errno
}

// partial is the result of a transfer that met errno after n bytes: what was
// done counts, if anything was.
func partial(n int, errno Errno) (int, Errno) {
	if n > 0 {
		return n, ESUCCESS
	}
	return 0, errno
}

// readFrom fills the buffers from f at offset until it ends.
func (v *iovecs) readFrom(f File, offset int64) (int, Errno) {
	total := 0
	for total < maxTransfer {
		b, errno := v.next(maxTransfer - total)
		if errno != ESUCCESS || b == nil {
			return partial(total, errno)
		}
		if offset > math.MaxInt64-int64(total)-int64(len(b)) {
			return partial(total, ESUCCESS) // no file is that long: its end
		}
		n, errno := f.ReadAt(b, offset+int64(total))
		total += n
		if errno != ESUCCESS || n < len(b) {
			return partial(total, errno)
		}
	}
	return total, ESUCCESS
}

// writeTo writes the buffers to f at offset.
func (v *iovecs) writeTo(f File, offset int64) (int, Errno) {
	total := 0
	for total < maxTransfer {
		b, errno := v.next(maxTransfer - total)
		if errno != ESUCCESS || b == nil {
			return partial(total, errno)
		}
		if offset > math.MaxInt64-int64(total)-int64(len(b)) {
			return partial(total, EFBIG)
		}
		n, errno := f.WriteAt(b, offset+int64(total))
		total += n
		if errno != ESUCCESS || n < len(b) {
			return partial(total, errno)
		}
	}
	return total, ESUCCESS
}

// appendTo writes the buffers at the end of f and returns where that leaves
// the offset.
func (v *iovecs) appendTo(f File, offset int64) (int, int64, Errno) {
	total := 0
	for total < maxTransfer {
		b, errno := v.next(maxTransfer - total)
		if errno == ESUCCESS && b != nil {
			var n int
			n, offset, errno = appendOne(f, b, offset)
			total += n
			if n == len(b) {
				continue
			}
		}
		total, errno = partial(total, errno)
		return total, offset, errno
	}
	return total, offset, ESUCCESS
}

// appendOne appends b to f; the offset stays if nothing was written.
func appendOne(f File, b []byte, offset int64) (int, int64, Errno) {
	n, end, errno := f.Append(b)
	if n == 0 {
		end = offset
	}
	return n, end, errno
}

// writeStream writes the buffers to st.
func (v *iovecs) writeStream(st *stream) (int, Errno) {
	total := 0
	for total < maxTransfer {
		b, errno := v.next(maxTransfer - total)
		if errno != ESUCCESS || b == nil {
			return partial(total, errno)
		}
		n, errno := st.write(b)
		total += n
		if errno != ESUCCESS || n < len(b) {
			return partial(total, errno)
		}
	}
	return total, ESUCCESS
}

// readStream waits for input and takes what there is into the first buffer.
func (c call) readStream(st *stream, v iovecs) Errno {
	b, errno := v.next(maxTransfer)
	n := 0
	if errno == ESUCCESS && b != nil {
		p := st.reader
		if !p.ready() {
			c.wait(func() { errno = p.wait(c.ctx) })
		}
		if errno == ESUCCESS {
			n, errno = p.take(b)
		}
	}
	if errno != ESUCCESS {
		return errno
	}
	return c.mem.putUint32(c.u32(3), uint32(n))
}
