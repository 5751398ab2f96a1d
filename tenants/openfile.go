package tenants

import (
	"io/fs"
	"os"
	"syscall"
)

// OpenFile opens a file of the bundle in force: name, or, where below is not "", what has
// that name in the folder name. It has to be a regular file; the error of another, as of a
// name that leads out of the folder, through a link too, is a *fs.PathError.
func (t *Tenant) OpenFile(name, below string) (*os.File, fs.FileInfo, error) {
	root, err := os.OpenRoot(t.current.Load().bundle.Dir)
	if err != nil {
		return nil, nil, err
	}
	defer root.Close()
	if below == "" {
		return openRegular(root, name)
	}
	folder, err := root.OpenRoot(name)
	if err != nil {
		return nil, nil, err
	}
	defer folder.Close()
	return openRegular(folder, below)
}

func openRegular(root *os.Root, name string) (*os.File, fs.FileInfo, error) {
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe has nobody to wait for
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: name, Err: syscall.EINVAL}
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}
