package wasi

import (
	"io"
	"math"
	"os"

	"golang.org/x/sys/unix"
)

// The host's locks are of its kind "open file description", so they do not mind
// who else in this process has the file open, and end when it is closed or the
// process is killed.

// lockHost locks s on f, if there is one. Errors: EAGAIN (another process's is
// in the way), ENOLCK, EIO.
func lockHost(f *os.File, s span) Errno {
	typ := int16(unix.F_RDLCK)
	if s.write {
		typ = unix.F_WRLCK
	}
	return setHost(f, s, typ)
}

// unlockHost unlocks s on f; none says that nothing in it is locked here any
// more.
func unlockHost(f *os.File, s span, _ bool) { _ = setHost(f, s, unix.F_UNLCK) }

// setHost makes s on f a lock of type typ.
func setHost(f *os.File, s span, typ int16) Errno {
	if f == nil {
		return ESUCCESS
	}
	l := s.host(typ)
	return errnoOf(unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &l))
}

// testHost returns a lock of another process that keeps this one from locking
// s on f. none says that this one has nothing locked in it. Errors: EIO.
func testHost(f *os.File, s span, _ bool) (blocking span, found bool, errno Errno) {
	if f == nil {
		return span{}, false, ESUCCESS
	}
	l := s.host(unix.F_RDLCK)
	if s.write {
		l.Type = unix.F_WRLCK
	}
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, &l); err != nil || l.Type == unix.F_UNLCK {
		return span{}, false, errnoOf(err)
	}
	blocking = span{l.Start, math.MaxInt64, l.Type == unix.F_WRLCK}
	if l.Len > 0 {
		blocking.last = l.Start + l.Len - 1
	}
	return blocking, true, ESUCCESS
}

// host is s as fcntl takes it.
func (s span) host(typ int16) unix.Flock_t {
	l := unix.Flock_t{Type: typ, Whence: io.SeekStart, Start: s.first}
	if s.last < math.MaxInt64 {
		l.Len = s.last - s.first + 1
	}
	return l
}
