package wasi

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxHostFiles is how many files of the host one FS value keeps open, for all
// its sandboxes together; one more: ENFILE.
const maxHostFiles = 1024

// errnoOf is what a guest is told of a host's error: a number, never its text.
func errnoOf(err error) Errno {
	var host syscall.Errno
	var pathErr *fs.PathError
	switch {
	case err == nil || err == io.EOF:
		return ESUCCESS
	case errors.As(err, &host):
		return errnoOfHost(host)
	case errors.Is(err, fs.ErrNotExist):
		return ENOENT
	case errors.Is(err, fs.ErrExist):
		return EEXIST
	case errors.Is(err, fs.ErrClosed):
		return EBADF
	case errors.As(err, &pathErr):
		return ENOTCAPABLE // os.Root: the path leads out of it
	}
	return EIO
}

// errnoOfHost is the specification's number for a host's.
func errnoOfHost(e syscall.Errno) Errno {
	switch e {
	case syscall.EACCES:
		return EACCES
	case syscall.EAGAIN:
		return EAGAIN
	case syscall.EBUSY:
		return EBUSY
	case syscall.EDQUOT, syscall.ENOSPC:
		return ENOSPC
	case syscall.EEXIST:
		return EEXIST
	case syscall.EFBIG:
		return EFBIG
	case syscall.EINVAL:
		return EINVAL
	case syscall.EISDIR:
		return EISDIR
	case syscall.ELOOP:
		return ELOOP
	case syscall.EMFILE, syscall.ENFILE:
		return ENFILE
	case syscall.EMLINK:
		return EMLINK
	case syscall.ENAMETOOLONG:
		return ENAMETOOLONG
	case syscall.ENOENT:
		return ENOENT
	case syscall.ENOLCK:
		return ENOLCK
	case syscall.ENOMEM:
		return ENOMEM
	case syscall.ENOTDIR:
		return ENOTDIR
	case syscall.ENOTEMPTY:
		return ENOTEMPTY
	case syscall.ENXIO:
		return ENXIO
	case syscall.EPERM:
		return EPERM
	case syscall.EROFS:
		return EROFS
	case syscall.ETXTBSY:
		return ETXTBSY
	case syscall.EXDEV:
		return EXDEV
	}
	return EIO
}

// typeOfMode is the kind of a host's file. Kinds the specification does not
// have are unknown.
func typeOfMode(m fs.FileMode) Filetype {
	switch {
	case m.IsRegular():
		return FiletypeRegularFile
	case m.IsDir():
		return FiletypeDirectory
	case m&fs.ModeSymlink != 0:
		return FiletypeSymbolicLink
	case m&fs.ModeCharDevice != 0:
		return FiletypeCharacterDevice
	case m&fs.ModeDevice != 0:
		return FiletypeBlockDevice
	case m&fs.ModeSocket != 0:
		return FiletypeSocketStream
	}
	return FiletypeUnknown
}

// filestatOf describes a host's file to a guest: not its owner, its mode or
// its device.
func filestatOf(fi fs.FileInfo) Filestat {
	st := Filestat{Type: typeOfMode(fi.Mode()), Nlink: 1, Mtim: fi.ModTime().UnixNano()}
	st.Atim, st.Ctim = st.Mtim, st.Mtim
	if st.Type == FiletypeRegularFile || st.Type == FiletypeSymbolicLink {
		st.Size = uint64(fi.Size())
	}
	if sys, ok := fi.Sys().(*syscall.Stat_t); ok {
		st.Ino, st.Nlink = sys.Ino, uint64(sys.Nlink)
		st.Atim, st.Ctim = changeTimes(sys)
	}
	return st
}

// openHost opens a regular file below root and makes sure it is one, before
// and after: nothing else is ever opened, for opening a device or a pipe can
// act. flag may hold O_NOFOLLOW. Errors: EACCES (another kind of file) and
// those of the host.
func openHost(root *os.Root, p string, flag int, st Filestat) (*os.File, Filestat, Errno) {
	if st.Type != FiletypeRegularFile {
		return nil, Filestat{}, EACCES
	}
	f, err := root.OpenFile(p, flag|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, Filestat{}, errnoOf(err)
	}
	fi, err := f.Stat()
	if err == nil && fi.Mode().IsRegular() {
		return f, filestatOf(fi), ESUCCESS
	}
	_ = f.Close() // nothing was written
	if err != nil {
		return nil, Filestat{}, errnoOf(err)
	}
	return nil, Filestat{}, EACCES
}

// readHostDir lists a directory below root, at most maxEntries of it.
// Errors: ENOMEM (more) and those of the host.
func readHostDir(root *os.Root, p string) ([]Dirent, Errno) {
	dir, err := root.OpenRoot(p)
	if err != nil {
		return nil, errnoOf(err)
	}
	defer dir.Close() //nolint:errcheck // read only
	f, err := dir.Open(".")
	if err != nil {
		return nil, errnoOf(err)
	}
	defer f.Close() //nolint:errcheck // read only
	infos, err := f.ReadDir(maxEntries)
	if err != nil && err != io.EOF {
		return nil, errnoOf(err)
	}
	if len(infos) == maxEntries {
		return nil, ENOMEM
	}
	list := make([]Dirent, 0, len(infos))
	for _, e := range infos {
		fi, err := dir.Lstat(e.Name())
		if err != nil {
			continue // gone since
		}
		st := filestatOf(fi)
		list = append(list, Dirent{Name: e.Name(), Ino: st.Ino, Type: st.Type})
	}
	sortDirents(list)
	return list, ESUCCESS
}

// readHostLink returns what the symbolic link p below root holds, if that
// stays below root as text too. Errors: ENOTCAPABLE and those of the host.
func readHostLink(root *os.Root, p string) (string, Errno) {
	target, err := root.Readlink(p)
	if err != nil {
		return "", errnoOf(err)
	}
	to := path.Join(path.Dir(p), target)
	if path.IsAbs(target) || to == ".." || strings.HasPrefix(to, "../") {
		return "", ENOTCAPABLE
	}
	return target, ESUCCESS
}

// openParent opens the directory that p below root is in, for the calls that
// os.Root lacks: they take it and a name without a slash.
func openParent(root *os.Root, p string) (*os.File, Errno) {
	f, err := root.OpenFile(path.Dir(p), os.O_RDONLY|unix.O_DIRECTORY, 0)
	return f, errnoOf(err)
}

// renameHost is rename(2) below root. os.Root's own does not replace an empty
// directory.
func renameHost(root *os.Root, from, to string) Errno {
	source, errno := openParent(root, from)
	if errno != ESUCCESS {
		return errno
	}
	defer source.Close() //nolint:errcheck // nothing was written
	target, errno := openParent(root, to)
	if errno != ESUCCESS {
		return errno
	}
	defer target.Close() //nolint:errcheck // nothing was written
	err := unix.Renameat(int(source.Fd()), path.Base(from), int(target.Fd()), path.Base(to))
	if err == unix.EEXIST {
		return ENOTEMPTY
	}
	return errnoOf(err)
}
