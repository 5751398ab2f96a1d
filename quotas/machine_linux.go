package quotas

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
)

// MachineMemory returns how much memory this process could have: the machine's, or what
// a control group that it is in may have, where that is less.
func MachineMemory() (Bytes, error) { return machineMemory(os.DirFS("/")) }

func machineMemory(root fs.FS) (Bytes, error) {
	most, err := totalMemory(root)
	if err != nil {
		return 0, fmt.Errorf("memory of this machine: %w", err)
	}
	for _, dir := range controlGroups(root) {
		text, err := fs.ReadFile(root, path.Join(dir, "memory.max"))
		if err != nil {
			continue // the root group has none
		}
		if n, err := strconv.ParseInt(string(bytes.TrimSpace(text)), 10, 64); err == nil && n > 0 { // else "max"
			most = min(most, Bytes(n))
		}
	}
	return most, nil
}

// totalMemory reads MemTotal of proc(5).
func totalMemory(root fs.FS) (Bytes, error) {
	text, err := fs.ReadFile(root, "proc/meminfo")
	if err != nil {
		return 0, err
	}
	for s := bufio.NewScanner(bytes.NewReader(text)); s.Scan(); {
		var kib Bytes
		if n, _ := fmt.Sscanf(s.Text(), "MemTotal: %d kB", &kib); n == 1 && kib > 0 {
			return kib * KiB, nil
		}
	}
	return 0, errors.New("/proc/meminfo has no MemTotal")
}

// controlGroups returns the folders of this process's control group, version 2, and of
// those that it is in: each may have a limit.
func controlGroups(root fs.FS) []string {
	const mount = "sys/fs/cgroup"
	dirs := []string{mount}
	text, _ := fs.ReadFile(root, "proc/self/cgroup") // without it there are none
	for line := range strings.SplitSeq(string(text), "\n") {
		group, ok := strings.CutPrefix(line, "0::/")
		for group = path.Clean(group); ok && fs.ValidPath(group) && group != "."; group = path.Dir(group) {
			dirs = append(dirs, path.Join(mount, group))
		}
	}
	return dirs
}
