package front

import (
	"os"

	"golang.org/x/sys/unix"
)

// nameless opens a file in a folder that has no name there. Making one that has, and removing
// the name, takes the folder's lock twice.
func nameless(folder string) (*os.File, error) {
	f, err := os.OpenFile(folder, unix.O_TMPFILE|unix.O_EXCL|os.O_RDWR, 0o600)
	if err != nil { // also where the file system has none of the kind
		return unnamed(folder)
	}
	return f, nil
}
