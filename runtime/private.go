package runtime

import (
	"fmt"
	"os"
	"syscall"
)

// checkPrivate refuses a folder whose content somebody else could have put there.
func checkPrivate(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is a %v, want a folder", dir, info.Mode().Type())
	}
	if info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("folder %s has mode %v, others can write to it: chmod go-w it", dir, info.Mode().Perm())
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != os.Getuid() {
		return fmt.Errorf("folder %s belongs to user %d, want %d", dir, st.Uid, os.Getuid())
	}
	return nil
}
