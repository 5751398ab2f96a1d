package wasi

import (
	"encoding/binary"
	"path"
)

// direntSize is the size of a directory entry's record without its name.
const direntSize = 24

// maxEntries is how many directory entries a sandbox's descriptors hold
// together while they are being read; more: ENOMEM.
const maxEntries = 1 << 18

// fdReaddir is fd_readdir: it writes entries of a directory, "." and ".."
// first, then by name.
//
// The entries are those there were when the descriptor was last read from the
// start (cookie 0), so cookies stay right while files come and go.
//
// Parameters:
//   - fd: a directory
//   - buf: where records go, one after the other without gaps: cookie of the
//     next of 8, inode of 8, length of the name of 4 at 16, type of 1 at 20,
//     3 bytes 0, then the name, without a NUL
//   - buf_len: the room there. The last record is cut when it is used up
//   - cookie: where to begin: 0, or what a record said
//   - result.bufused: where the bytes used go, 4 bytes; less than buf_len: the
//     directory is at its end
//
// Errors: EBADF, ENOTDIR, ENOTCAPABLE, EFAULT, ENOENT (the directory was
// removed), ENOMEM (too many entries), EIO.
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#fd_readdir
func fdReaddir(c call) Errno {
	d, errno := c.fds.get(c.u32(0))
	switch {
	case errno != ESUCCESS:
		return errno
	case d.typ != FiletypeDirectory:
		return ENOTDIR
	}
	if errno := d.need(RightFdReaddir); errno != ESUCCESS {
		return errno
	}
	buf, errno := c.mem.view(c.u32(1), uint64(c.u32(2)))
	if errno != ESUCCESS {
		return errno
	}
	if _, errno := c.mem.view(c.u32(4), 4); errno != ESUCCESS {
		return errno
	}
	cookie := c.args[3]
	if cookie == 0 || d.entries == nil {
		if errno := c.readEntries(d); errno != ESUCCESS {
			return errno
		}
	}
	return c.mem.putUint32(c.u32(4), uint32(d.putEntries(buf, cookie)))
}

// readEntries makes d.entries anew: "." and ".." are its first two.
func (s *Sandbox) readEntries(d *descriptor) Errno {
	s.forgetEntries(d)
	list, errno := d.file.ReadDir()
	if errno != ESUCCESS {
		return errno
	}
	if s.entries+len(list)+2 > maxEntries {
		return ENOMEM
	}
	self, errno := d.file.Stat()
	if errno != ESUCCESS {
		return errno
	}
	parent := d.tree.at(path.Dir(d.path))
	up, errno := parent.fs.Stat(parent.rel, false)
	if errno != ESUCCESS {
		return errno
	}
	d.entries = make([]Dirent, 0, len(list)+2)
	d.entries = append(d.entries,
		Dirent{Name: ".", Ino: self.Ino, Type: FiletypeDirectory},
		Dirent{Name: "..", Ino: up.Ino, Type: FiletypeDirectory})
	d.entries = append(d.entries, list...)
	s.entries += len(d.entries)
	return ESUCCESS
}

// forgetEntries drops what d holds for fd_readdir.
func (s *Sandbox) forgetEntries(d *descriptor) {
	s.entries -= len(d.entries)
	d.entries = nil
}

// putEntries writes the entries from cookie on to buf and returns the bytes
// used. Beyond the last there is nothing.
func (d *descriptor) putEntries(buf []byte, cookie uint64) int {
	used := 0
	for ; cookie < uint64(len(d.entries)) && used < len(buf); cookie++ {
		e := &d.entries[cookie]
		var head [direntSize]byte
		binary.LittleEndian.PutUint64(head[:], cookie+1)
		binary.LittleEndian.PutUint64(head[8:], e.Ino)
		binary.LittleEndian.PutUint32(head[16:], uint32(len(e.Name)))
		head[20] = uint8(e.Type)
		used += copy(buf[used:], head[:])
		used += copy(buf[used:], e.Name)
	}
	return used
}
