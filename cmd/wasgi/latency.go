package main

import (
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// turnsShort has the kernel switch between threads after a short while where there are
// more than processors: while guests keep all of them busy, a thread that a connection
// has woken is not to wait for the usual slice of some milliseconds. Threads that are
// made later have it from those that are there. Kernels before 6.12 do not know of it.
func turnsShort() {
	const slice = 200 * time.Microsecond
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return
	}
	for _, t := range threads {
		id, err := strconv.Atoi(t.Name())
		if err != nil {
			continue
		}
		attr, err := unix.SchedGetAttr(id, 0)
		if err != nil {
			continue
		}
		attr.Runtime = uint64(slice)
		if err := unix.SchedSetAttr(id, attr, 0); err != nil {
			return // an older kernel
		}
	}
}
