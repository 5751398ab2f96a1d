package wasi

import (
	"os"
	"path"
	"syscall"

	"golang.org/x/sys/unix"
)

// changeTimes are when a host's file was last read and last changed, in
// nanoseconds.
func changeTimes(st *syscall.Stat_t) (atim, ctim int64) { return st.Atim.Nano(), st.Ctim.Nano() }

// setFileTimes sets the times of an open file.
func setFileTimes(f *os.File, t Times) Errno {
	return errnoOf(unix.UtimesNanoAt(int(f.Fd()), "", hostTimes(t), unix.AT_EMPTY_PATH))
}

// setNameTimes sets the times of p below root, of a symbolic link itself.
func setNameTimes(root *os.Root, p string, t Times) Errno {
	dir, errno := openParent(root, p)
	if errno != ESUCCESS {
		return errno
	}
	defer dir.Close() //nolint:errcheck // nothing was written
	return errnoOf(unix.UtimesNanoAt(int(dir.Fd()), path.Base(p), hostTimes(t), unix.AT_SYMLINK_NOFOLLOW))
}

// hostTimes are the times as utimensat takes them.
func hostTimes(t Times) []unix.Timespec {
	ts := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, {Nsec: unix.UTIME_OMIT}}
	if t.SetAtim {
		ts[0] = unix.NsecToTimespec(t.Atim)
	}
	if t.SetMtim {
		ts[1] = unix.NsecToTimespec(t.Mtim)
	}
	return ts
}
