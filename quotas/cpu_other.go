//go:build !linux

package quotas

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// ThreadCPU returns the CPU time that the calling thread has used. Two readings belong
// together only where the goroutine is locked to its thread in between. See
// clock_gettime(2), CLOCK_THREAD_CPUTIME_ID.
func ThreadCPU() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		panic(fmt.Sprintf("clock of the thread: %v", err)) // cannot be: the system has it
	}
	return time.Duration(t.Nano())
}

// ThreadFaults returns how many page faults the calling thread has had; here they are not
// counted.
func ThreadFaults() int64 { return 0 }
