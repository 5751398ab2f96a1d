package front

import "golang.org/x/sys/unix"

// hungUp tells whether the other side of a socket has closed its end.
func hungUp(fd int) bool {
	poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
	n, err := unix.Poll(poll, 0)
	return err == nil && n > 0
}
