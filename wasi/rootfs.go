package wasi

import (
	"io"
	"path"
	"strings"
)

// rootFS is the read-only file system at "/": the directories that lead to the
// mounts and the few small files that programs expect on any system.
type rootFS struct {
	readOnlyNames
	nodes map[string]*rootNode // by path, "." the root
}

// rootNode is one file or directory of a rootFS. Never changed once built.
type rootNode struct {
	typ     Filetype
	ino     uint64
	content string    // of a regular file
	random  io.Reader // of a device: its source; nil: nothing to read
	entries []Dirent  // of a directory, sorted
}

// newRootFS returns the root for the given mounts. Its files:
//
//	/dev/null     takes everything, gives nothing
//	/dev/urandom  gives random bytes
//	/dev/random   the same
//	/etc/passwd   names the one user there is, whom getpwuid finds
//	/etc/group    and its group
func newRootFS(mounts []Mount, random io.Reader) *rootFS {
	r := &rootFS{nodes: make(map[string]*rootNode)}
	r.readOnlyNames = readOnlyNames{stat: r.Stat}
	r.add(".", &rootNode{typ: FiletypeDirectory})
	r.add("dev/null", &rootNode{typ: FiletypeCharacterDevice})
	r.add("dev/random", &rootNode{typ: FiletypeCharacterDevice, random: random})
	r.add("dev/urandom", &rootNode{typ: FiletypeCharacterDevice, random: random})
	r.add("etc/group", &rootNode{typ: FiletypeRegularFile, content: "app:x:0:\n"})
	r.add("etc/passwd", &rootNode{typ: FiletypeRegularFile, content: "app:x:0:0:app:/tmp:/bin/false\n"})
	for _, m := range mounts {
		r.add(strings.TrimPrefix(m.Path, "/"), &rootNode{typ: FiletypeDirectory})
	}
	for _, n := range r.nodes {
		sortDirents(n.entries)
	}
	return r
}

// add places n at p and makes the directories above it.
func (r *rootFS) add(p string, n *rootNode) {
	if r.nodes[p] != nil {
		return
	}
	n.ino = uint64(len(r.nodes)) + 1
	r.nodes[p] = n
	if p == "." {
		return
	}
	dir := path.Dir(p)
	r.add(dir, &rootNode{typ: FiletypeDirectory})
	parent := r.nodes[dir]
	parent.entries = append(parent.entries, Dirent{Name: path.Base(p), Ino: n.ino, Type: n.typ})
}

// find returns the node at p. Errors: ENOENT, ENOTDIR.
func (r *rootFS) find(p string) (*rootNode, Errno) {
	if n := r.nodes[p]; n != nil {
		return n, ESUCCESS
	}
	for dir := path.Dir(p); dir != "."; dir = path.Dir(dir) {
		if n := r.nodes[dir]; n != nil && n.typ != FiletypeDirectory {
			return nil, ENOTDIR
		}
	}
	return nil, ENOENT
}

// stat describes n. Its times are the start of 1970.
func (n *rootNode) stat() Filestat {
	return Filestat{Ino: n.ino, Type: n.typ, Nlink: 1, Size: uint64(len(n.content))}
}

// Stat implements FS.
func (r *rootFS) Stat(p string, _ bool) (Filestat, Errno) {
	n, errno := r.find(p)
	if errno != ESUCCESS {
		return Filestat{}, errno
	}
	return n.stat(), ESUCCESS
}

// Open implements FS. Only devices can be opened for writing.
func (r *rootFS) Open(p string, flags OpenFlags) (File, Errno) {
	n, errno := r.find(p)
	if errno != ESUCCESS {
		if errno == ENOENT && flags&OpenCreate != 0 {
			errno = r.absent(p)
		}
		return nil, errno
	}
	if errno := readOnlyOpen(n.typ, flags); errno != ESUCCESS {
		return nil, errno
	}
	return rootFile{node: n}, ESUCCESS
}

// rootFile is an open rootNode.
type rootFile struct {
	readOnlyFile
	node *rootNode
}

// Type implements File.
func (f rootFile) Type() Filetype { return f.node.typ }

// Stat implements File.
func (f rootFile) Stat() (Filestat, Errno) { return f.node.stat(), ESUCCESS }

// ReadAt implements File. A device gives at most maxRandom bytes at once.
func (f rootFile) ReadAt(p []byte, off int64) (int, Errno) {
	switch {
	case f.node.typ == FiletypeDirectory:
		return 0, EISDIR
	case f.node.random != nil:
		p = p[:min(len(p), maxRandom)]
		if _, err := io.ReadFull(f.node.random, p); err != nil {
			return 0, EIO
		}
		return len(p), ESUCCESS
	case off >= int64(len(f.node.content)):
		return 0, ESUCCESS
	}
	return copy(p, f.node.content[off:]), ESUCCESS
}

// WriteAt implements File: a device takes everything.
func (f rootFile) WriteAt(p []byte, _ int64) (int, Errno) {
	if f.node.typ != FiletypeCharacterDevice {
		return 0, EROFS
	}
	return len(p), ESUCCESS
}

// Append implements File.
func (f rootFile) Append(p []byte) (int, int64, Errno) {
	n, errno := f.WriteAt(p, 0)
	return n, 0, errno
}

// ReadDir implements File.
func (f rootFile) ReadDir() ([]Dirent, Errno) {
	if f.node.typ != FiletypeDirectory {
		return nil, ENOTDIR
	}
	return f.node.entries, ESUCCESS
}
