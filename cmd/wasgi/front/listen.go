package front

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"time"
)

// How the system asks a client that says nothing whether it is there: seldom, since the
// timeouts end what takes long, and for the sake of apps that are silent for as long.
const (
	keepAliveIdle     = time.Minute
	keepAliveInterval = 15 * time.Second
	keepAliveCount    = 4
)

// Listen opens HOST:PORT or unix:PATH. A socket that nobody listens on any more is
// replaced.
func Listen(address string) (net.Listener, error) {
	path, unix := strings.CutPrefix(address, "unix:")
	if !unix && address != "" {
		return ListenTCP(address)
	}
	if path == "" || !unix {
		return nil, fmt.Errorf("listen: %q is neither HOST:PORT nor unix:PATH", address)
	}
	if conn, err := net.Dial("unix", path); err == nil {
		conn.Close()
		return nil, fmt.Errorf("listen unix %s: another server listens there", path)
	}
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() == fs.ModeSocket {
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	return net.Listen("unix", path)
}

// ListenTCP opens HOST:PORT.
func ListenTCP(address string) (net.Listener, error) {
	listen := net.ListenConfig{KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: keepAliveIdle, Interval: keepAliveInterval, Count: keepAliveCount,
	}}
	return listen.Listen(context.Background(), "tcp", address)
}
