package quotas

import (
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ThreadCPU returns the CPU time that the calling thread has used. Two readings belong
// together only where the goroutine is locked to its thread in between. See
// clock_gettime(2), CLOCK_THREAD_CPUTIME_ID.
func ThreadCPU() time.Duration {
	var t unix.Timespec
	// Raw, for it never blocks: Go's scheduler need not know.
	if _, _, errno := unix.RawSyscall(unix.SYS_CLOCK_GETTIME, unix.CLOCK_THREAD_CPUTIME_ID, uintptr(unsafe.Pointer(&t)), 0); errno != 0 {
		panic(fmt.Sprintf("clock of the thread: %v", errno)) // cannot be: Linux has it
	}
	return time.Duration(t.Nano())
}

// ThreadFaults returns how many page faults the calling thread has had: each time that it
// touched memory in a way that the kernel had to do something first, as to copy a page
// that it shares so far. See getrusage(2).
func ThreadFaults() int64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &u); err != nil {
		panic(fmt.Sprintf("resources of the thread: %v", err)) // cannot be: Linux has them
	}
	return int64(u.Minflt) + int64(u.Majflt)
}
