//go:build !linux

package wasi

import (
	"io/fs"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// changeTimes are when a host's file was last read and last changed, in
// nanoseconds.
func changeTimes(st *syscall.Stat_t) (atim, ctim int64) {
	return st.Atimespec.Nano(), st.Ctimespec.Nano()
}

// setFileTimes sets the times of an open file, to the microsecond. One that is
// to stay is set to what it was.
func setFileTimes(f *os.File, t Times) Errno {
	fi, err := f.Stat()
	if err != nil {
		return errnoOf(err)
	}
	now := filestatOf(fi)
	if !t.SetAtim {
		t.Atim = now.Atim
	}
	if !t.SetMtim {
		t.Mtim = now.Mtim
	}
	tv := []unix.Timeval{unix.NsecToTimeval(t.Atim), unix.NsecToTimeval(t.Mtim)}
	return errnoOf(unix.Futimes(int(f.Fd()), tv))
}

// setNameTimes sets the times of p below root. Those of a symbolic link cannot
// be: ENOTSUP.
func setNameTimes(root *os.Root, p string, t Times) Errno {
	fi, err := root.Lstat(p)
	switch {
	case err != nil:
		return errnoOf(err)
	case fi.Mode()&fs.ModeSymlink != 0:
		return ENOTSUP
	}
	var atim, mtim time.Time // zero: stays
	if t.SetAtim {
		atim = time.Unix(0, t.Atim)
	}
	if t.SetMtim {
		mtim = time.Unix(0, t.Mtim)
	}
	return errnoOf(root.Chtimes(p, atim, mtim))
}
