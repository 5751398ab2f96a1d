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

	image   *TmpImage // what Reset goes back to
	changed bool      // something is not as in image
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
	locks lockTable           // of a file; has a lock of its own
}

// NewTmp returns an empty file system in memory with a quota. A directory's
// own size does not count, its inode does.
func NewTmp(q Quota) *Tmp {
	return NewTmpFrom(q, emptyImage())
}

// Usage is what it holds now, files that are open but removed included.
func (t *Tmp) Usage() Usage { return t.usage() }

// From has the bytes of t's files taken from, and given back to, what is counted
// elsewhere too: a machine's memory. What is shared with a TmpImage is not taken, and a
// write to it that cannot be is ENOSPC. It is called before t is used. Take tells whether
// they could be had; both are called with t's lock held.
func (t *Tmp) From(take func(n int64) bool, give func(n int64)) { t.take, t.give = take, give }

// Free gives back what the files hold. No sandbox may use t any more.
func (t *Tmp) Free() { t.free() }

// Left returns how many bytes can still be written, -1 where the quota has no end.
func (t *Tmp) Left() int64 { return t.left() }

// Refused returns how often more was asked for than the quota has.
func (t *Tmp) Refused() int64 { return t.refused() }

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
	t.touch(dir)
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
		t.freeInode(n.data.size, n.data.shared)
		n.data = pages{}
	}
}

// touch sets the times of a change of n.
func (t *Tmp) touch(n *tmpNode) {
	t.changed = true
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
func (t *Tmp) utimes(n *tmpNode, ts Times) {
	t.changed = true
	if ts.SetAtim {
		n.times.Atim = ts.Atim
	}
	if ts.SetMtim {
		n.times.Mtim = ts.Mtim
	}
	n.times.Ctim = time.Now().UnixNano()
}
