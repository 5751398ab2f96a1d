package wasi

import (
	"encoding/binary"
	"math"
	"time"
)

// FilesModuleName is the module that guests import from what preview 1 lacks
// of files.
const FilesModuleName = "wasgi_files"

// Types of locks: POSIX's F_RDLCK, F_WRLCK and F_UNLCK, as abi.h lists them.
const (
	lockRead = iota
	lockWrite
	lockNone
)

// filesFunctions are the functions of FilesModuleName.
func filesFunctions() []function {
	return []function{
		{"fd_lock", []param{i32("fd"), i32("type"), i64("start"), i64("len")}, fdLock},
		{"fd_lock_test", []param{i32("fd"), i32("type"), i64("start"), i64("len"), i32("result.found")}, fdLockTest},
		{"lock_wait", []param{i64("timeout")}, lockWait},
	}
}

// fdLock is fd_lock: it locks a range of bytes of a file for this sandbox, or
// unlocks it, as fcntl's F_SETLK does for a process. It does not wait.
//
// Where nobody can write, a lock to read is granted and not remembered.
//
// Parameters:
//   - fd: a file, with the right to read for a lock to read, and to write for
//     one to write
//   - type: 0 to read, which others may do too; 1 to write, alone; 2 unlock
//   - start, len: the bytes meant; len 0: from start to the end, wherever that is
//
// Errors: EBADF, EISDIR, ESPIPE (a stream), ENOTCAPABLE, EINVAL (an unknown
// type, start or len below 0, or a lock to write on what has none), EOVERFLOW
// (beyond 2^63-1), EAGAIN (the lock of another sandbox or process is in the
// way), ENOLCK (more than 1024 ranges), EIO.
//
// See https://pubs.opengroup.org/onlinepubs/9799919799/functions/fcntl.html
func fdLock(c call) Errno {
	typ := c.u32(1)
	d, s, errno := c.lockArgs(typ)
	if errno != ESUCCESS {
		return errno
	}
	t := d.locks()
	switch {
	case t == nil && typ == lockWrite:
		return EINVAL
	case t == nil:
		return ESUCCESS
	case typ == lockNone:
		return t.unlock(&c.owner, s)
	}
	return t.lock(&c.owner, s)
}

// fdLockTest is fd_lock_test: it tells what keeps this sandbox from locking a
// range of bytes, as fcntl's F_GETLK does.
//
// Parameters:
//   - fd, type, start, len: as fd_lock's; type is not 2
//   - result.found: where the answer goes, 24 bytes: the type, start and len
//     of a lock in the way, each of 8; the type is 2 if there is none
//
// For a lock to write of the bytes from 16 on: 1 0 … 16 0 … 0 0 …
//
// Errors: those of fd_lock but for EAGAIN and ENOLCK, and EFAULT.
//
// See https://pubs.opengroup.org/onlinepubs/9799919799/functions/fcntl.html
func fdLockTest(c call) Errno {
	typ := c.u32(1)
	if typ == lockNone {
		return EINVAL
	}
	d, s, errno := c.lockArgs(typ)
	if errno != ESUCCESS {
		return errno
	}
	b, errno := c.mem.view(c.u32(4), 24)
	if errno != ESUCCESS {
		return errno
	}
	found := false
	if t := d.locks(); t != nil {
		s, found, errno = t.test(&c.owner, s)
	} else if typ == lockWrite {
		errno = EINVAL
	}
	if errno == ESUCCESS {
		putLock(b, s, found)
	}
	return errno
}

// lockWait is lock_wait: it sleeps, until the range that fd_lock last refused
// this sandbox can be locked or the time is over. Sandboxes that wait for the
// same are woken one after the other, in the order of when they were first
// refused it. A lock that another process has is not noticed when it ends.
//
// Parameters:
//   - timeout: nanoseconds
//
// Errors: EINVAL (timeout below 0), EINTR (the context is done).
func lockWait(c call) Errno {
	timeout := int64(c.args[0])
	switch {
	case timeout < 0:
		return EINVAL
	case timeout == 0:
		return ESUCCESS
	}
	wake, done := c.owner.wait()
	defer done()
	var errno Errno
	c.wait(func() { errno = c.sleepUntil(wake, time.Duration(timeout)) })
	return errno
}

// sleepUntil waits for wake to be closed or for timeout to pass, or for the
// end of the context: EINTR.
func (s *Sandbox) sleepUntil(wake <-chan struct{}, timeout time.Duration) Errno {
	t := time.NewTimer(timeout)
	defer t.Stop()
	select {
	case <-wake:
	case <-t.C:
	case <-s.ctx.Done():
		return EINTR
	}
	return ESUCCESS
}

// putLock writes fd_lock_test's answer to b: s, or that there is none.
func putLock(b []byte, s span, found bool) {
	var typ, start, n uint64 = lockNone, 0, 0
	if found {
		typ, start = lockRead, uint64(s.first)
		if s.write {
			typ = lockWrite
		}
		if s.last < math.MaxInt64 {
			n = uint64(s.last-s.first) + 1
		}
	}
	binary.LittleEndian.PutUint64(b, typ)
	binary.LittleEndian.PutUint64(b[8:], start)
	binary.LittleEndian.PutUint64(b[16:], n)
}

// lockArgs reads the arguments that both functions have. Errors: see fdLock.
func (c call) lockArgs(typ uint32) (*descriptor, span, Errno) {
	var rights Rights
	switch typ {
	case lockRead:
		rights = RightFdRead
	case lockWrite:
		rights = RightFdWrite
	case lockNone:
	default:
		return nil, span{}, EINVAL
	}
	d, errno := c.fileOf(c.u32(0), rights)
	if errno != ESUCCESS {
		return nil, span{}, errno
	}
	start, n := int64(c.args[2]), int64(c.args[3])
	s := span{start, math.MaxInt64, typ == lockWrite}
	switch {
	case start < 0 || n < 0:
		return nil, span{}, EINVAL
	case n > 0 && start > math.MaxInt64-(n-1):
		return nil, span{}, EOVERFLOW
	case n > 0:
		s.last = start + (n - 1)
	}
	return d, s, ESUCCESS
}

// locks is the table of d's file, nil if it has none.
func (d *descriptor) locks() *lockTable {
	if l, ok := d.file.(lockable); ok {
		return l.locks()
	}
	return nil
}
