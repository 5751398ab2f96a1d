package front

import (
	"net"

	"golang.org/x/sys/unix"
)

// mostUnsent is how much the system takes for a client whose side takes no more, in bytes.
// Else it would be megabytes, of memory that all clients share.
const mostUnsent = 128 << 10

// boundUnsent bounds what the system takes ahead of the clients of a listener, where it can.
func boundUnsent(l net.Listener) {
	if secure, ok := l.(secureListener); ok {
		l = secure.Listener
	}
	socket, ok := l.(*net.TCPListener)
	if !ok {
		return
	}
	if raw, err := socket.SyscallConn(); err == nil {
		_ = raw.Control(setUnsent)
	}
}

func setUnsent(fd uintptr) {
	_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, mostUnsent) // connections have it of their listener
}
