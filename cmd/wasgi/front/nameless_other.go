//go:build !linux

package front

import "os"

// nameless opens a file in a folder that has no name there.
func nameless(folder string) (*os.File, error) { return unnamed(folder) }
