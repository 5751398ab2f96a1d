package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// followIn returns the file or folder a link leads to, as a program would see
// it whose root folder is root. A link that leaves root, leads nowhere or goes
// in circles is an error.
func followIn(root, path string) (string, error) {
	at := path
	for range 20 {
		info, err := os.Lstat(at)
		if err != nil {
			return "", fmt.Errorf("follow the link %s: %w", path, err)
		}
		if info.Mode()&os.ModeSymlink == 0 {
			return at, nil
		}
		to, err := os.Readlink(at)
		if err != nil {
			return "", fmt.Errorf("follow the link %s: %w", path, err)
		}
		if filepath.IsAbs(to) {
			at = filepath.Join(root, to)
		} else {
			at = filepath.Join(filepath.Dir(at), to)
		}
		if !strings.HasPrefix(at, root+string(filepath.Separator)) {
			return "", fmt.Errorf("follow the link %s: it leaves %s for %s", path, root, at)
		}
	}
	return "", fmt.Errorf("follow the link %s: it goes in circles", path)
}
