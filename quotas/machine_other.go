//go:build !linux

package quotas

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// MachineMemory returns how much memory this process could have: the machine's.
func MachineMemory() (Bytes, error) {
	n, err := unix.SysctlUint64("hw.memsize")
	if err != nil {
		return 0, fmt.Errorf("memory of this machine: sysctl hw.memsize: %w", err)
	}
	return Bytes(n), nil
}
