//go:build !linux

package wasi

import (
	"math"
	"os"

	"golang.org/x/sys/unix"
)

// Without Linux's locks of an open file description, what stands for them is
// flock's, of a whole file and for one process alone: where this process has
// anything locked in a file, another has nothing. Two processes that only read
// stand in each other's way, and no lock is missed.

// lockHost locks f, if there is one, for s. Errors: EAGAIN (another process has
// it), EIO.
func lockHost(f *os.File, _ span) Errno {
	if f == nil {
		return ESUCCESS
	}
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == unix.EWOULDBLOCK {
		return EAGAIN
	}
	return errnoOf(err)
}

// unlockHost unlocks f when nothing in it is locked here any more.
func unlockHost(f *os.File, _ span, none bool) {
	if none {
		_ = unix.Flock(int(f.Fd()), unix.LOCK_UN)
	}
}

// testHost returns a lock of another process that keeps this one from locking
// f: all of it. none says that this one has nothing locked in it. Errors: EIO.
func testHost(f *os.File, s span, none bool) (blocking span, found bool, errno Errno) {
	if f == nil || !none {
		return span{}, false, ESUCCESS
	}
	switch errno := lockHost(f, s); errno {
	case ESUCCESS:
		unlockHost(f, s, true)
		return span{}, false, ESUCCESS
	case EAGAIN:
		return span{0, math.MaxInt64, true}, true, ESUCCESS
	default:
		return span{}, false, errno
	}
}
