package wasi

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// maxLinks is how many symbolic links one path may lead through; one more: ELOOP.
const maxLinks = 40

// tree is a set of mounts seen as one tree of files.
type tree struct {
	mounts []mount // longest path first, so the first that fits is the one
	walk   bool    // some mount has links that resolve must follow itself
	root   bool    // ".." at "/" stays there, as on any system; else it is refused
}

// mount is one file system in a tree.
type mount struct {
	path string // absolute and clean
	fs   FS
	dev  uint64 // its device number, of no other mount of the sandbox
	walk bool   // its links are followed by resolve
}

// place is where a path leads: a file system and a path in it.
type place struct {
	*mount
	rel string // as FS wants it
	abs string // absolute and clean, in the tree
	dir bool   // the path can only mean a directory: it ended in "/", "." or ".."
	dot bool   // the path ended in "." or "..", so it gives no name to make or remove
}

// at returns the place of an absolute clean path.
func (t *tree) at(abs string) place {
	for i := range t.mounts {
		m := &t.mounts[i]
		if !strings.HasPrefix(abs, m.path) {
			continue
		}
		rest := abs[len(m.path):]
		switch {
		case rest == "":
			return place{mount: m, rel: ".", abs: abs}
		case m.path == "/":
			return place{mount: m, rel: rest, abs: abs}
		case rest[0] == '/':
			return place{mount: m, rel: rest[1:], abs: abs}
		}
	}
	return place{} // not reached: every tree has a mount at "/"
}

// resolver walks one path. It is kept in the sandbox for its buffer.
type resolver struct {
	tree  *tree
	buf   []byte // the absolute path so far, clean, "" for "/"
	floor int    // the length of buf at the directory the walk began at
	hops  int    // symbolic links followed
}

// resolve returns where path leads from the directory d. ".." never leads
// above d (ENOTCAPABLE), but at the root of a whole tree, where it stays. A
// symbolic link at the end is followed if follow is true or a slash comes
// after it.
//
// Errors: ENOTDIR (d or something before "..", is no directory), ENOTCAPABLE
// (outside of d, or an absolute path), ENOENT (empty), EINVAL (NUL inside),
// EILSEQ (not UTF-8), ENAMETOOLONG, ELOOP.
func (r *resolver) resolve(d *descriptor, path []byte, follow bool) (place, Errno) {
	if d.typ != FiletypeDirectory {
		return place{}, ENOTDIR
	}
	if errno := checkPath(path); errno != ESUCCESS {
		return place{}, errno
	}
	r.tree, r.hops = d.tree, 0
	r.buf = append(r.buf[:0], d.path...)
	if d.path == "/" {
		r.buf = r.buf[:0]
	}
	r.floor = len(r.buf)
	dir, dot, errno := r.walk(path, follow)
	if errno != ESUCCESS {
		return place{}, errno
	}
	p := r.tree.at(r.abs())
	p.dir, p.dot = dir, dot
	return p, ESUCCESS
}

// checkPath refuses what no path of a guest may be.
func checkPath(path []byte) Errno {
	switch {
	case len(path) == 0:
		return ENOENT
	case len(path) > maxPath:
		return ENAMETOOLONG
	case path[0] == '/':
		return ENOTCAPABLE
	case bytes.IndexByte(path, 0) >= 0:
		return EINVAL
	case !utf8.Valid(path):
		return EILSEQ
	}
	return ESUCCESS
}

// abs is the path so far as a string of its own.
func (r *resolver) abs() string {
	if len(r.buf) == 0 {
		return "/"
	}
	return string(r.buf)
}

// walk takes path name by name onto buf. It reports whether the last step
// means a directory, and whether it was no name.
func (r *resolver) walk(path []byte, follow bool) (dir, dot bool, errno Errno) {
	for len(path) > 0 {
		var name []byte
		name, path, dir = cut(path)
		dot = false
		switch {
		case len(name) == 0 || len(name) == 1 && name[0] == '.':
			dir, dot = true, true
		case len(name) == 2 && name[0] == '.' && name[1] == '.':
			dir, dot = true, true
			errno = r.up()
		case len(name) > maxName || len(r.buf)+len(name)+1 > maxPath:
			errno = ENAMETOOLONG
		default:
			r.buf = append(append(r.buf, '/'), name...)
			if r.tree.walk && (follow || dir) {
				path, errno = r.link(path, dir)
			}
		}
		if errno != ESUCCESS {
			return false, false, errno
		}
	}
	return dir, dot, ESUCCESS
}

// cut splits path after its first name. slash reports that one or more slashes
// came after the name; rest does not begin with one.
func cut(path []byte) (name, rest []byte, slash bool) {
	i := bytes.IndexByte(path, '/')
	if i < 0 {
		return path, nil, false
	}
	name, rest = path[:i], path[i:]
	for len(rest) > 0 && rest[0] == '/' {
		rest = rest[1:]
	}
	return name, rest, true
}

// up goes to the parent of the path so far, which must be a directory.
func (r *resolver) up() Errno {
	if len(r.buf) <= r.floor {
		if r.tree.root && r.floor == 0 {
			return ESUCCESS
		}
		return ENOTCAPABLE
	}
	p := r.tree.at(r.abs())
	st, errno := p.fs.Stat(p.rel, true)
	if errno != ESUCCESS {
		return errno
	}
	if st.Type != FiletypeDirectory {
		return ENOTDIR
	}
	r.buf = r.buf[:bytes.LastIndexByte(r.buf, '/')]
	return ESUCCESS
}

// link looks at the last name of the path so far; if it is a symbolic link
// that the tree follows, its text takes the place of the name in front of
// rest.
func (r *resolver) link(rest []byte, slash bool) ([]byte, Errno) {
	p := r.tree.at(r.abs())
	if !p.walk {
		return rest, ESUCCESS
	}
	target, errno := p.fs.Readlink(p.rel)
	switch errno {
	case ESUCCESS:
	case ENOTCAPABLE:
		return nil, errno
	default:
		return rest, ESUCCESS // no link; what it is, is found where it is used
	}
	r.hops++
	if r.hops > maxLinks {
		return nil, ELOOP
	}
	if target == "" || target[0] == '/' {
		return nil, ENOTCAPABLE
	}
	r.buf = r.buf[:bytes.LastIndexByte(r.buf, '/')]
	text := []byte(target)
	if slash {
		text = append(append(text, '/'), rest...)
	}
	if len(text) > maxPath {
		return nil, ENAMETOOLONG
	}
	return text, ESUCCESS
}
