package wasi

import "path"

// readOnlyNames is the half of FS that no read-only file system allows, and
// that has no symbolic links. What it returns is the reason that a writable one
// would find first, and EROFS if there is none.
type readOnlyNames struct {
	stat func(path string, follow bool) (Filestat, Errno) // FS.Stat
}

// absent is what making p returns.
func (r readOnlyNames) absent(p string) Errno {
	switch _, errno := r.stat(p, false); errno {
	case ESUCCESS:
		return EEXIST
	case ENOENT:
		st, errno := r.stat(path.Dir(p), true)
		switch {
		case errno != ESUCCESS:
			return errno
		case st.Type != FiletypeDirectory:
			return ENOTDIR
		}
		return EROFS
	default:
		return errno
	}
}

// present is what removing or changing p returns.
func (r readOnlyNames) present(p string) Errno {
	if _, errno := r.stat(p, false); errno != ESUCCESS {
		return errno
	}
	return EROFS
}

// Mkdir implements FS.
func (r readOnlyNames) Mkdir(p string) Errno { return r.absent(p) }

// Unlink implements FS.
func (r readOnlyNames) Unlink(p string) Errno { return r.present(p) }

// Rmdir implements FS.
func (r readOnlyNames) Rmdir(p string) Errno { return r.present(p) }

// Rename implements FS.
func (r readOnlyNames) Rename(from, _ string) Errno { return r.present(from) }

// Link implements FS.
func (r readOnlyNames) Link(from, _ string) Errno { return r.present(from) }

// Symlink implements FS.
func (r readOnlyNames) Symlink(_, p string) Errno { return r.absent(p) }

// Readlink implements FS.
func (r readOnlyNames) Readlink(p string) (string, Errno) {
	if _, errno := r.stat(p, false); errno != ESUCCESS {
		return "", errno
	}
	return "", EINVAL
}

// Utimes implements FS.
func (r readOnlyNames) Utimes(p string, _ bool, _ Times) Errno { return r.present(p) }

// readOnlyOpen is what opening a file of type typ that cannot change returns.
func readOnlyOpen(typ Filetype, flags OpenFlags) Errno {
	dir := typ == FiletypeDirectory
	switch {
	case flags&(OpenCreate|OpenExcl) == OpenCreate|OpenExcl:
		return EEXIST
	case flags&OpenDirectory != 0 && !dir:
		return ENOTDIR
	case dir && flags&(OpenWrite|OpenTrunc|OpenCreate) != 0:
		return EISDIR
	case typ == FiletypeRegularFile && flags&(OpenWrite|OpenTrunc) != 0:
		return EROFS
	}
	return ESUCCESS
}

// readOnlyFile is the half of File that no read-only file system allows.
type readOnlyFile struct{}

// WriteAt implements File.
func (readOnlyFile) WriteAt([]byte, int64) (int, Errno) { return 0, EROFS }

// Append implements File.
func (readOnlyFile) Append([]byte) (int, int64, Errno) { return 0, 0, EROFS }

// Truncate implements File.
func (readOnlyFile) Truncate(int64) Errno { return EROFS }

// Allocate implements File.
func (readOnlyFile) Allocate(int64) Errno { return EROFS }

// Utimes implements File.
func (readOnlyFile) Utimes(Times) Errno { return EROFS }

// Sync implements File: there is nothing to write.
func (readOnlyFile) Sync() Errno { return ESUCCESS }

// Close implements File.
func (readOnlyFile) Close() Errno { return ESUCCESS }

// unreadableDir stands for a preopened directory that could not be opened:
// asked for anything, it says why. Paths below it still lead where they do.
type unreadableDir struct {
	readOnlyFile
	errno Errno
}

// Type implements File.
func (unreadableDir) Type() Filetype { return FiletypeDirectory }

// ReadAt implements File.
func (unreadableDir) ReadAt([]byte, int64) (int, Errno) { return 0, EISDIR }

// Stat implements File.
func (d unreadableDir) Stat() (Filestat, Errno) { return Filestat{}, d.errno }

// ReadDir implements File.
func (d unreadableDir) ReadDir() ([]Dirent, Errno) { return nil, d.errno }
