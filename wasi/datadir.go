package wasi

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"sync"

	"golang.org/x/sys/unix"
)

// Data is a directory of the host that sandboxes read and write, within a
// quota that holds for all of them together. It must be the only writer of the
// directory while it is used, and there must be one Data for it.
//
// Files are made with the mode 0600, directories with 0700. A symbolic link is
// never followed, wherever it comes from, and a device, pipe or socket never
// opened (EACCES). A quota's bytes are the sizes of files, holes included; a
// file that is removed but still open counts until it is closed. Over the
// quota: ENOSPC, which programs and SQLite know better than EDQUOT.
//
// Locks hold between its sandboxes and are locks of the host too, so a second
// process that has the directory open meanwhile, against the rule above, miscounts
// the quota but does not spoil a database.
type Data struct {
	account
	root    *os.Root
	symlink bool // links can be made, and the sandbox follows them
	count   func() Errno

	mu    sync.Mutex // held while names change, and while nodes does
	nodes map[uint64]*dataNode
}

// DataDir returns the directory root as a file system to read and write, with
// no links. It looks at every file in it once, before it changes one, to know what is used;
// already over the quota is no error, but nothing more can be added then. Where it cannot
// look, all changes are EIO. The caller keeps root open as long as a sandbox uses it, and
// closes it.
func DataDir(root *os.Root, q Quota) *Data {
	d := &Data{account: account{quota: q}, root: root, nodes: make(map[uint64]*dataNode)}
	d.count = sync.OnceValue(d.countAll)
	return d
}

// LinkedDir is DataDir with hard links and relative symbolic links, which the
// sandbox follows and which lead nowhere but below root. It is for test
// suites and trusted programs: links cost a look at each name of a path.
func LinkedDir(root *os.Root, q Quota) *Data {
	d := DataDir(root, q)
	d.symlink = true
	return d
}

// SetQuota changes the quota. What is over a smaller one stays, and nothing is added.
func (d *Data) SetQuota(q Quota) {
	d.account.mu.Lock()
	defer d.account.mu.Unlock()
	d.quota = q
}

// Usage is what it holds now, files that are open but removed included.
func (d *Data) Usage() Usage {
	d.count()
	return d.usage()
}

// Left returns how many bytes can still be written, -1 where the quota has no end.
func (d *Data) Left() int64 {
	d.count()
	return d.left()
}

// Refused returns how often more was asked for than the quota has.
func (d *Data) Refused() int64 { return d.refused() }

// guestLinks implements links.
func (d *Data) guestLinks() bool { return d.symlink }

// countAll adds up what is in the directory. Errors: EIO.
func (d *Data) countAll() Errno {
	var used Usage
	seen := make(map[uint64]bool) // files with several names
	err := fs.WalkDir(d.root.FS(), ".", func(p string, e fs.DirEntry, err error) error {
		if p == "." {
			return err
		}
		fi, lost := d.root.Lstat(p)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(lost, fs.ErrNotExist) {
			return nil // removed meanwhile
		}
		if err = errors.Join(err, lost); err != nil {
			return err
		}
		st := filestatOf(fi)
		if st.Type != FiletypeDirectory && st.Nlink > 1 {
			if seen[st.Ino] {
				return nil
			}
			seen[st.Ino] = true
		}
		used.Inodes++
		used.Bytes += st.bytes()
		return nil
	})
	if err != nil {
		return EIO
	}
	d.add(used)
	return ESUCCESS
}

// bytes is what a file counts in a quota beside its inode.
func (st Filestat) bytes() int64 {
	if st.Type != FiletypeRegularFile {
		return 0
	}
	return int64(st.Size)
}

// lstat describes p, all names before the last being directories themselves
// and no links to some. Errors: ENOENT, ENOTDIR, ELOOP, EIO.
func (d *Data) lstat(p string) (Filestat, Errno) {
	for i := range len(p) {
		if p[i] != '/' {
			continue
		}
		fi, err := d.root.Lstat(p[:i])
		switch {
		case err != nil:
			return Filestat{}, errnoOf(err)
		case fi.Mode()&fs.ModeSymlink != 0:
			return Filestat{}, ELOOP
		}
	}
	fi, err := d.root.Lstat(p)
	if err != nil {
		return Filestat{}, errnoOf(err)
	}
	return filestatOf(fi), ESUCCESS
}

// absent returns ESUCCESS if p is not there and could be. Errors: EEXIST,
// ENOENT (its parent), ENOTDIR, ELOOP, EIO.
func (d *Data) absent(p string) Errno {
	switch _, errno := d.lstat(p); errno {
	case ESUCCESS:
		return EEXIST
	case ENOENT:
		st, errno := d.lstat(path.Dir(p))
		if errno == ESUCCESS && st.Type != FiletypeDirectory {
			return ENOTDIR
		}
		return errno
	default:
		return errno
	}
}

// Stat implements FS. No link is followed.
func (d *Data) Stat(p string, _ bool) (Filestat, Errno) { return d.lstat(p) }

// Open implements FS.
func (d *Data) Open(p string, flags OpenFlags) (File, Errno) {
	if flags&(OpenWrite|OpenCreate|OpenTrunc) != 0 {
		if errno := d.count(); errno != ESUCCESS {
			return nil, errno
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	st, errno := d.lstat(p)
	switch {
	case errno == ENOENT && flags&OpenCreate != 0:
		return d.create(p)
	case errno != ESUCCESS:
		return nil, errno
	case st.Type == FiletypeSymbolicLink && flags&OpenExcl == 0:
		return nil, ELOOP
	}
	if errno := writableOpen(st.Type, flags); errno != ESUCCESS {
		return nil, errno
	}
	if st.Type == FiletypeDirectory {
		return &dataDirectory{dir: d, path: p}, ESUCCESS
	}
	n, errno := d.node(p, st, flags&(OpenWrite|OpenTrunc) != 0)
	if errno != ESUCCESS {
		return nil, errno
	}
	f := &dataFile{dir: d, node: n}
	if flags&OpenTrunc != 0 {
		if errno := f.Truncate(0); errno != ESUCCESS {
			d.leave(n)
			return nil, errno
		}
	}
	return f, ESUCCESS
}

// create makes and opens the regular file p, which is not there.
func (d *Data) create(p string) (File, Errno) {
	if errno := d.absent(p); errno != ESUCCESS {
		return nil, errno
	}
	if len(d.nodes) >= maxHostFiles {
		return nil, ENFILE
	}
	if errno := d.addInode(); errno != ESUCCESS {
		return nil, errno
	}
	f, err := d.root.OpenFile(p, os.O_RDWR|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		d.freeInode(0, 0)
		return nil, errnoOf(err)
	}
	fi, err := f.Stat()
	if err != nil {
		_ = f.Close() // empty
		return nil, errnoOf(err)
	}
	n := &dataNode{ino: filestatOf(fi).Ino, file: f, refs: 1, locks: lockTable{host: f}}
	d.nodes[n.ino] = n
	return &dataFile{dir: d, node: n}, ESUCCESS
}

// node returns the open regular file at p, described by st; all who have it
// open share one. Errors: EACCES, ENFILE and those of the host.
func (d *Data) node(p string, st Filestat, write bool) (*dataNode, Errno) {
	if n := d.nodes[st.Ino]; n != nil && st.Type == FiletypeRegularFile {
		if write && n.fixed {
			return nil, EACCES
		}
		n.refs++
		return n, ESUCCESS
	}
	if len(d.nodes) >= maxHostFiles {
		return nil, ENFILE
	}
	fixed := false
	f, opened, errno := openHost(d.root, p, os.O_RDWR|unix.O_NOFOLLOW, st)
	if (errno == EACCES || errno == EROFS) && !write {
		fixed = true
		f, opened, errno = openHost(d.root, p, os.O_RDONLY|unix.O_NOFOLLOW, st)
	}
	if errno != ESUCCESS {
		return nil, errno
	}
	n := &dataNode{ino: opened.Ino, file: f, size: opened.bytes(), refs: 1, fixed: fixed, locks: lockTable{host: f}}
	d.nodes[n.ino] = n
	return n, ESUCCESS
}

// leave takes note that one user of n is through, under d.mu. The last one
// closes it, and if nothing names it, what it counted is free.
func (d *Data) leave(n *dataNode) Errno {
	n.refs--
	if n.refs > 0 {
		return ESUCCESS
	}
	delete(d.nodes, n.ino)
	if n.gone {
		d.freeInode(n.size, 0)
	}
	return errnoOf(n.file.Close())
}

// drop takes note that the name of what st described is gone, under d.mu.
func (d *Data) drop(st Filestat) {
	if st.Type != FiletypeDirectory && st.Nlink > 1 {
		return // it has other names
	}
	if n := d.nodes[st.Ino]; n != nil && st.Type == FiletypeRegularFile {
		n.gone = true
		return
	}
	d.freeInode(st.bytes(), 0)
}
