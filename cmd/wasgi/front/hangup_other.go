//go:build !linux

package front

import "golang.org/x/sys/unix"

// hungUp tells whether the other side of a socket has closed its end. Where it has sent
// more before that, which nobody has read, it is not known.
func hungUp(fd int) bool {
	n, _, err := unix.Recvfrom(fd, make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
	return n == 0 && err == nil || err == unix.ECONNRESET
}
