package wasi

import (
	"strings"
	"sync"
	"time"
)

// Tmp is a file system in memory. It takes what its files take, in pages of 4
// KiB, so at most its quota's bytes and 4 KiB for each inode; unlinking and
// truncating give memory back to Go's collector at once. It has no links.
type Tmp struct {
	account
	mu   sync.RWMutex // held for moments: everything below is under it
	root *tmpNode
	last uint64 // the inode given out last
}

// tmpNode is one file or directory of a Tmp, under its lock.
type tmpNode struct {
	typ   Filetype
	ino   uint64
	gone  bool // no directory names it any more
	open  int  // Files open on it
	times Filestat

	names map[string]*tmpNode // of a directory
	data  pages               // of a file
}

// NewTmp returns an empty file system in memory with a quota. A directory's
// own size does not count, its inode does.
func NewTmp(q Quota) *Tmp {
	t := &Tmp{account: account{quota: q}}
	t.root = t.node(FiletypeDirectory)
	return t
}

// Usage is what it holds now, files that are open but removed included.
func (t *Tmp) Usage() Usage { return t.usage() }

// node returns a new file or directory, in no directory yet.
func (t *Tmp) node(typ Filetype) *tmpNode {
	t.last++
	n := &tmpNode{typ: typ, ino: t.last}
	if typ == FiletypeDirectory {
		n.names = make(map[string]*tmpNode)
	}
	now := time.Now().UnixNano()
	n.times.Atim, n.times.Mtim, n.times.Ctim = now, now, now
	return n
}

// find returns the node at p. Errors: ENOENT, ENOTDIR.
func (t *Tmp) find(p string) (*tmpNode, Errno) {
	n := t.root
	if p == "." {
		return n, ESUCCESS
	}
	for rest := p; rest != ""; {
		var name string
		name, rest, _ = strings.Cut(rest, "/")
		if n.names == nil {
			return nil, ENOTDIR
		}
		if n = n.names[name]; n == nil {
			return nil, ENOENT
		}
	}
	return n, ESUCCESS
}

// parent returns the directory that p's last name is in, and that name.
// Errors: ENOENT, ENOTDIR.
func (t *Tmp) parent(p string) (*tmpNode, string, Errno) {
	dir, name := ".", p
	if i := strings.LastIndexByte(p, '/'); i >= 0 {
		dir, name = p[:i], p[i+1:]
	}
	n, errno := t.find(dir)
	if errno == ESUCCESS && n.names == nil {
		errno = ENOTDIR
	}
	return n, name, errno
}

// make puts a new node at p. Errors: EEXIST, ENOENT, ENOTDIR, ENOSPC.
func (t *Tmp) make(p string, typ Filetype) (*tmpNode, Errno) {
	if p == "." {
		return nil, EEXIST
	}
	dir, name, errno := t.parent(p)
	switch {
	case errno != ESUCCESS:
		return nil, errno
	case dir.names[name] != nil:
		return nil, EEXIST
	}
	if errno := t.addInode(); errno != ESUCCESS {
		return nil, errno
	}
	n := t.node(typ)
	dir.names[name] = n
	dir.touch()
	return n, ESUCCESS
}

// drop notes that no directory names n any more.
func (t *Tmp) drop(n *tmpNode) {
	n.gone = true
	n.times.Ctim = time.Now().UnixNano()
	t.reap(n)
}

// reap frees n once nothing names it and nothing has it open.
func (t *Tmp) reap(n *tmpNode) {
	if n.gone && n.open == 0 {
		t.freeInode(n.data.size)
		n.data = pages{}
	}
}

// touch sets the times of a change.
func (n *tmpNode) touch() {
	now := time.Now().UnixNano()
	n.times.Mtim, n.times.Ctim = now, now
}

// stat describes n.
func (n *tmpNode) stat() Filestat {
	st := n.times
	st.Ino, st.Type, st.Size = n.ino, n.typ, uint64(n.data.size)
	if !n.gone {
		st.Nlink = 1
	}
	return st
}

// utimes sets n's times.
func (n *tmpNode) utimes(ts Times) {
	if ts.SetAtim {
		n.times.Atim = ts.Atim
	}
	if ts.SetMtim {
		n.times.Mtim = ts.Mtim
	}
	n.times.Ctim = time.Now().UnixNano()
}

// Stat implements FS.
func (t *Tmp) Stat(p string, _ bool) (Filestat, Errno) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	n, errno := t.find(p)
	if errno != ESUCCESS {
		return Filestat{}, errno
	}
	return n.stat(), ESUCCESS
}

// Open implements FS.
func (t *Tmp) Open(p string, flags OpenFlags) (File, Errno) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, errno := t.find(p)
	switch {
	case errno == ENOENT && flags&OpenCreate != 0:
		n, errno = t.make(p, FiletypeRegularFile)
	case errno == ESUCCESS:
		errno = writableOpen(n.typ, flags)
	}
	if errno != ESUCCESS {
		return nil, errno
	}
	if flags&OpenTrunc != 0 && n.data.size > 0 {
		t.shrink(n.data.size)
		n.data = pages{}
		n.touch()
	}
	n.open++
	return &tmpFile{fs: t, node: n}, ESUCCESS
}

// writableOpen is what opening a file of type typ that is there returns.
func writableOpen(typ Filetype, flags OpenFlags) Errno {
	dir := typ == FiletypeDirectory
	switch {
	case flags&(OpenCreate|OpenExcl) == OpenCreate|OpenExcl:
		return EEXIST
	case flags&OpenDirectory != 0 && !dir:
		return ENOTDIR
	case dir && flags&(OpenWrite|OpenTrunc|OpenCreate) != 0:
		return EISDIR
	}
	return ESUCCESS
}

// Mkdir implements FS.
func (t *Tmp) Mkdir(p string) Errno {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, errno := t.make(p, FiletypeDirectory)
	return errno
}

// Unlink implements FS.
func (t *Tmp) Unlink(p string) Errno {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, errno := t.find(p)
	switch {
	case errno != ESUCCESS:
		return errno
	case n.names != nil:
		return EISDIR
	}
	return t.remove(p, n)
}

// Rmdir implements FS.
func (t *Tmp) Rmdir(p string) Errno {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, errno := t.find(p)
	switch {
	case errno != ESUCCESS:
		return errno
	case n.names == nil:
		return ENOTDIR
	case n == t.root:
		return EBUSY
	case len(n.names) > 0:
		return ENOTEMPTY
	}
	return t.remove(p, n)
}

// remove takes n out of the directory that names it as p.
func (t *Tmp) remove(p string, n *tmpNode) Errno {
	dir, name, errno := t.parent(p)
	if errno != ESUCCESS {
		return errno
	}
	delete(dir.names, name)
	dir.touch()
	t.drop(n)
	return ESUCCESS
}

// Rename implements FS.
func (t *Tmp) Rename(from, to string) Errno {
	t.mu.Lock()
	defer t.mu.Unlock()
	if from == "." || to == "." {
		return EBUSY
	}
	n, errno := t.find(from)
	if errno != ESUCCESS {
		return errno
	}
	dir, name, errno := t.parent(to)
	if errno != ESUCCESS {
		return errno
	}
	old := dir.names[name]
	switch {
	case old == n:
		return ESUCCESS
	case n.names != nil && within(to, from):
		return EINVAL
	}
	if errno := replaceable(n, old); errno != ESUCCESS {
		return errno
	}
	source, sourceName, _ := t.parent(from) // found above
	delete(source.names, sourceName)
	source.touch()
	if old != nil {
		t.drop(old)
	}
	dir.names[name] = n
	dir.touch()
	n.times.Ctim = dir.times.Ctim
	return ESUCCESS
}

// replaceable says whether n can take the place of old, which may be nil.
// Errors: ENOTDIR, EISDIR, ENOTEMPTY.
func replaceable(n, old *tmpNode) Errno {
	switch {
	case old == nil:
		return ESUCCESS
	case n.names != nil && old.names == nil:
		return ENOTDIR
	case n.names == nil && old.names != nil:
		return EISDIR
	case len(old.names) > 0:
		return ENOTEMPTY
	}
	return ESUCCESS
}

// Link implements FS: EPERM, as on systems without hard links.
func (t *Tmp) Link(from, to string) Errno {
	if _, errno := t.Stat(from, false); errno != ESUCCESS {
		return errno
	}
	return t.refuse(to)
}

// Symlink implements FS: EPERM, as on systems without symbolic links.
func (t *Tmp) Symlink(_, p string) Errno { return t.refuse(p) }

// refuse is what making a link at p returns.
func (t *Tmp) refuse(p string) Errno {
	switch _, errno := t.Stat(p, false); errno {
	case ESUCCESS:
		return EEXIST
	case ENOENT:
		return EPERM
	default:
		return errno
	}
}

// Readlink implements FS.
func (t *Tmp) Readlink(p string) (string, Errno) {
	if _, errno := t.Stat(p, false); errno != ESUCCESS {
		return "", errno
	}
	return "", EINVAL
}

// Utimes implements FS.
func (t *Tmp) Utimes(p string, _ bool, ts Times) Errno {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, errno := t.find(p)
	if errno == ESUCCESS {
		n.utimes(ts)
	}
	return errno
}
