package wasi

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"
)

// Bounds on an archive, so that opening and reading it takes bounded memory.
const (
	maxArchiveFiles = 1 << 17
	maxArchiveBytes = 1 << 30 // all files together, decompressed
)

// Archive is a read-only file system made of a zip file. It is indexed once,
// when opened; a file's content is decompressed when first read and kept, so
// an Archive grows to at most the size of its content. It can be mounted in
// any number of sandboxes, of any tenant, at once.
type Archive struct {
	readOnlyNames
	nodes  map[string]*archiveNode // by path, "." the root
	closer io.Closer               // nil: nothing to close
}

// archiveNode is one file or directory of an Archive. Only the content
// changes after opening, once.
type archiveNode struct {
	stat    Filestat
	entries []Dirent // of a directory, sorted

	zip     *zip.File // of a regular file
	once    sync.Once
	content []byte
	errno   Errno
}

// OpenArchive opens the zip file of that name. The caller closes it when no
// sandbox uses it.
func OpenArchive(name string) (*Archive, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	a, err := NewArchive(f, st.Size())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("archive %s: %w", name, err), f.Close())
	}
	a.closer = f
	return a, nil
}

// NewArchive reads the zip file of size bytes in r, which must stay readable
// as long as the Archive is used.
//
// It fails on names that are absolute, not clean or lead upwards, on two
// entries of one name, and on too much content: nothing is repaired.
func NewArchive(r io.ReaderAt, size int64) (*Archive, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, err
	}
	if len(z.File) > maxArchiveFiles {
		return nil, fmt.Errorf("%d files: more than %d", len(z.File), maxArchiveFiles)
	}
	a := &Archive{nodes: make(map[string]*archiveNode, len(z.File)+1)}
	a.readOnlyNames = readOnlyNames{stat: a.Stat}
	a.dir(".")
	var total uint64
	for _, f := range z.File {
		if err := a.add(f); err != nil {
			return nil, err
		}
		total += min(f.UncompressedSize64, maxArchiveBytes+1)
		if total > maxArchiveBytes {
			return nil, fmt.Errorf("content of more than %d bytes", maxArchiveBytes)
		}
	}
	for _, n := range a.nodes {
		sortDirents(n.entries)
	}
	return a, nil
}

// add takes one entry of the zip file into the tree.
func (a *Archive) add(f *zip.File) error {
	name := strings.TrimSuffix(f.Name, "/")
	mode := f.Mode()
	switch {
	case !fs.ValidPath(name) || strings.ContainsAny(name, "\\\x00") || len(name) > maxPath:
		return fmt.Errorf("entry %q: not a clean relative path", f.Name)
	case !mode.IsDir() && !mode.IsRegular():
		return fmt.Errorf("entry %q: neither file nor directory (%s)", f.Name, mode.Type())
	case mode.IsDir() != strings.HasSuffix(f.Name, "/"):
		return fmt.Errorf("entry %q: file or directory, its name and its mode disagree", f.Name)
	}
	if mode.IsDir() {
		if n := a.dir(name); n.stat.Type != FiletypeDirectory {
			return fmt.Errorf("entry %q: both a file and a directory", f.Name)
		}
		return nil
	}
	if a.nodes[name] != nil {
		return fmt.Errorf("entry %q: there twice", f.Name)
	}
	mtime := f.Modified.UnixNano()
	n := &archiveNode{zip: f, stat: Filestat{
		Type: FiletypeRegularFile, Nlink: 1, Size: f.UncompressedSize64,
		Atim: mtime, Mtim: mtime, Ctim: mtime,
	}}
	if !a.insert(name, n) {
		return fmt.Errorf("entry %q: below a file", f.Name)
	}
	return nil
}

// dir returns the node at name, which it makes, with those above it, if there
// is none.
func (a *Archive) dir(name string) *archiveNode {
	if n := a.nodes[name]; n != nil {
		return n
	}
	n := &archiveNode{stat: Filestat{Type: FiletypeDirectory, Nlink: 1}}
	a.insert(name, n)
	return n
}

// insert places a new node at name. Inodes count from 1, the root, in the
// order of the archive, so the same file gives the same. It reports whether
// what is above the node is a directory.
func (a *Archive) insert(name string, n *archiveNode) bool {
	n.stat.Ino = uint64(len(a.nodes)) + 1
	a.nodes[name] = n
	if name == "." {
		return true
	}
	parent := a.dir(path.Dir(name))
	parent.entries = append(parent.entries,
		Dirent{Name: path.Base(name), Ino: n.stat.Ino, Type: n.stat.Type})
	return parent.stat.Type == FiletypeDirectory
}

// Close closes the zip file that OpenArchive opened. No sandbox may use the
// Archive any more.
func (a *Archive) Close() error {
	if a.closer == nil {
		return nil
	}
	return a.closer.Close()
}

// find returns the node at p. Errors: ENOENT, ENOTDIR.
func (a *Archive) find(p string) (*archiveNode, Errno) {
	if n := a.nodes[p]; n != nil {
		return n, ESUCCESS
	}
	for i := len(p) - 1; i > 0; i-- {
		if p[i] != '/' {
			continue
		}
		if n := a.nodes[p[:i]]; n != nil {
			if n.stat.Type != FiletypeDirectory {
				return nil, ENOTDIR
			}
			break
		}
	}
	return nil, ENOENT
}

// load returns the content of a regular file. What does not decompress, or not
// to the size and checksum promised, is EIO, now and ever after.
func (n *archiveNode) load() ([]byte, Errno) {
	n.once.Do(func() {
		b, err := n.read()
		if err != nil {
			n.errno = EIO
			return
		}
		n.content = b
	})
	return n.content, n.errno
}

// read decompresses a regular file.
func (n *archiveNode) read() ([]byte, error) {
	r, err := n.zip.Open()
	if err != nil {
		return nil, err
	}
	b := make([]byte, n.stat.Size)
	_, err = io.ReadFull(r, b)
	if err == nil {
		// The checksum is looked at where the content ends.
		if m, end := io.Copy(io.Discard, io.LimitReader(r, 1)); m != 0 || end != nil {
			err = errors.Join(end, errors.New("longer than promised or damaged"))
		}
	}
	return b, errors.Join(err, r.Close())
}
