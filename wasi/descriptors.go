package wasi

import "math/bits"

// maxDescriptors is how many files a sandbox can have open; one more: EMFILE.
const maxDescriptors = 1024

// descriptor is one open file of a guest: what it is, what may be done with
// it, and where it stands.
type descriptor struct {
	file   File    // nil for a stream
	stream *stream // nil for a file

	typ              Filetype
	base, inheriting Rights
	flags            Fdflags
	offset           int64 // where fd_read and fd_write go on

	dev     uint64    // the device number of file's mount
	tree    *tree     // where path leads, and of a directory those below it
	path    string    // the absolute clean path in tree; a file may have lost it
	how     OpenFlags // howSaved of what path was opened with
	preopen string    // of a preopened directory: its name, else ""

	entries []Dirent // of a directory: what fd_readdir hands out, see there
}

// descriptors is a guest's table of open files. The zero value is empty.
type descriptors struct {
	open []*descriptor               // nil where free
	used [maxDescriptors / 64]uint64 // bit set where not free
}

// get returns what fd names. Errors: EBADF.
func (t *descriptors) get(fd uint32) (*descriptor, Errno) {
	if uint64(fd) >= uint64(len(t.open)) || t.open[fd] == nil {
		return nil, EBADF
	}
	return t.open[fd], ESUCCESS
}

// add gives d the lowest free number, found in one step per 64 numbers.
// Errors: EMFILE.
func (t *descriptors) add(d *descriptor) (uint32, Errno) {
	for i, word := range t.used {
		if free := ^word; free != 0 {
			fd := i*64 + bits.TrailingZeros64(free)
			t.put(uint32(fd), d)
			return uint32(fd), ESUCCESS
		}
	}
	return 0, EMFILE
}

// full says whether add would fail.
func (t *descriptors) full() bool {
	for _, word := range t.used {
		if ^word != 0 {
			return false
		}
	}
	return true
}

// put places d at fd, which is below maxDescriptors.
func (t *descriptors) put(fd uint32, d *descriptor) {
	for uint32(len(t.open)) <= fd {
		t.open = append(t.open, nil)
	}
	t.open[fd] = d
	t.used[fd/64] |= 1 << (fd % 64)
}

// remove frees fd, which is open, and returns what it named.
func (t *descriptors) remove(fd uint32) *descriptor {
	d := t.open[fd]
	t.open[fd] = nil
	t.used[fd/64] &^= 1 << (fd % 64)
	return d
}

// close gives back what d holds, and all locks that o has on its file.
func (d *descriptor) close(o *lockOwner) Errno {
	if d.file == nil {
		return ESUCCESS
	}
	if t := d.locks(); t != nil {
		t.release(o)
	}
	return d.file.Close()
}

// need returns ESUCCESS if d has all of the rights, else ENOTCAPABLE. A
// directory is not asked for what only files have: the operation says EISDIR.
func (d *descriptor) need(rights Rights) Errno {
	if d.base&rights != rights {
		return ENOTCAPABLE
	}
	return ESUCCESS
}

// needFile returns ESUCCESS if d is not a directory and has the rights.
// Errors: EISDIR, ENOTCAPABLE.
func (d *descriptor) needFile(rights Rights) Errno {
	if d.typ == FiletypeDirectory {
		return EISDIR
	}
	return d.need(rights)
}
