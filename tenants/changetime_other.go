//go:build !linux

package tenants

import (
	"io/fs"
	"syscall"
)

// changeTime returns when a file was last changed in any way, in nanoseconds: no program can
// set it.
func changeTime(info fs.FileInfo) int64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Ctimespec.Nano()
	}
	return 0
}
