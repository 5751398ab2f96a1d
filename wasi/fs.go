package wasi

import (
	"slices"
	"strings"
)

// FS is a tree of files that a sandbox can mount.
//
// Every path an FS is given is clean and relative: "." for its root, else
// names joined by single slashes, none of them "." or "..", none empty; at
// most 4096 bytes of valid UTF-8 without NUL, at most 255 bytes a name.
//
// All methods are safe for concurrent use by many sandboxes. They return
// ESUCCESS or the specification's number for what went wrong and never
// anything else, so a host path cannot leave through an error.
type FS interface {
	// Stat describes what path names. A symbolic link at its end is followed
	// if follow is true and this file system follows links at all.
	// Errors: ENOENT, ENOTDIR, EACCES, ELOOP, EIO.
	Stat(path string, follow bool) (Filestat, Errno)

	// Open opens path, or creates it. The caller closes the File.
	// Errors: as Stat, and EEXIST (OpenExcl), EISDIR (a directory with
	// OpenWrite or OpenTrunc), ENOTDIR (not one, with OpenDirectory), EROFS,
	// ENOSPC (over quota), ENFILE (too many open files).
	Open(path string, flags OpenFlags) (File, Errno)

	// Mkdir makes one directory. It is atomic among all users of the FS:
	// of two callers one gets EEXIST.
	// Errors: EEXIST, ENOENT, ENOTDIR, EROFS, ENOSPC.
	Mkdir(path string) Errno

	// Unlink removes a file that is not a directory. What has it open keeps it.
	// Errors: ENOENT, ENOTDIR, EISDIR, EROFS.
	Unlink(path string) Errno

	// Rmdir removes an empty directory.
	// Errors: ENOENT, ENOTDIR, ENOTEMPTY, EBUSY (the root), EROFS.
	Rmdir(path string) Errno

	// Rename moves from to to, replacing a file by a file and an empty
	// directory by a directory, at once for all users.
	// Errors: ENOENT, ENOTDIR, EISDIR, ENOTEMPTY, EINVAL (into itself),
	// EBUSY (the root), EROFS.
	Rename(from, to string) Errno

	// Link makes to another name of the file from.
	// Errors: EPERM (not with this file system, or a directory), EROFS and
	// those of Mkdir.
	Link(from, to string) Errno

	// Symlink makes path a symbolic link holding target.
	// Errors: EPERM (not with this file system), EROFS and those of Mkdir.
	Symlink(target, path string) Errno

	// Readlink returns what the symbolic link path holds.
	// Errors: EINVAL (not a link) and those of Stat.
	Readlink(path string) (string, Errno)

	// Utimes sets the times of path, of the link itself unless follow is true.
	// Errors: EROFS and those of Stat.
	Utimes(path string, follow bool, t Times) Errno
}

// File is an open file or directory of an FS. Like the FS it is safe for
// concurrent use, but for Close, after which nothing else may be called.
// Offsets are never negative.
type File interface {
	// Type is what the file is, told without looking.
	Type() Filetype

	// ReadAt reads at off into p until p is full or the file ends; at the end
	// it returns 0 and ESUCCESS. Errors: EISDIR, EIO.
	ReadAt(p []byte, off int64) (int, Errno)

	// WriteAt writes p at off, growing the file as needed. If the quota lets
	// only a part in, that part is written; if nothing fits, ENOSPC.
	// Errors: EISDIR, EROFS, EFBIG, ENOSPC, EIO.
	WriteAt(p []byte, off int64) (int, Errno)

	// Append writes p at the end as one step among all writers and returns
	// the offset after it too. Errors: as WriteAt.
	Append(p []byte) (n int, end int64, errno Errno)

	// Truncate cuts the file to size or extends it by zeros.
	// Errors: as WriteAt.
	Truncate(size int64) Errno

	// Allocate makes the file at least size bytes long.
	// Errors: as WriteAt.
	Allocate(size int64) Errno

	// Stat describes the file. Errors: EIO, ENOENT (a removed directory).
	Stat() (Filestat, Errno)

	// Utimes sets the file's times. Errors: EROFS, EIO, ENOENT.
	Utimes(t Times) Errno

	// Sync writes what was written through to where it lasts, if anywhere;
	// it may block on the disk. Errors: EIO, ENOSPC.
	Sync() Errno

	// ReadDir returns all entries of a directory without "." and "..", sorted
	// by name. The caller does not change what it gets.
	// Errors: ENOTDIR, ENOENT, ENOMEM (too many entries), EIO.
	ReadDir() ([]Dirent, Errno)

	// Close gives the file back. Called once.
	Close() Errno
}

// OpenFlags say how FS.Open opens.
type OpenFlags uint8

const (
	OpenWrite     OpenFlags = 1 << iota // writing too, not reading only
	OpenCreate                          // create a regular file if there is none
	OpenExcl                            // with OpenCreate: fail if there is one
	OpenTrunc                           // cut to nothing
	OpenDirectory                       // fail unless a directory
	OpenFollow                          // follow a symbolic link at the end
)

// Quota limits what a writable file system holds. 0 means no limit.
type Quota struct {
	Bytes  int64 // sum of the sizes of all files, holes included
	Inodes int64 // files and directories, the root not counted
}

// Usage is what a writable file system holds now, in the terms of Quota.
type Usage struct {
	Bytes, Inodes int64
}

// Mount places a file system in a guest's tree.
type Mount struct {
	Path string // absolute and clean: "/tmp"
	FS   FS
}

// links is implemented by file systems whose symbolic links are followed by
// the sandbox itself, name by name, because the file system never does.
type links interface {
	guestLinks() bool
}

// sortDirents sorts list by name.
func sortDirents(list []Dirent) {
	slices.SortFunc(list, func(a, b Dirent) int { return strings.Compare(a.Name, b.Name) })
}
