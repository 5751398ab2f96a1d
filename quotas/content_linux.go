package quotas

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// content is what a MemoryImage holds: a file in memory, without a name, that is sealed.
// See memfd_create(2).
type content struct {
	fd    int
	size  int
	bytes []byte // all of it, to be read, once it is sealed
	huge  []byte // where it begins with huge pages, these, to be written, until it is sealed
}

func newContent(size int) (content, error) {
	const name = "wasgi-image" // in /proc/PID/maps
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate(name, flags|unix.MFD_NOEXEC_SEAL)
	if errors.Is(err, unix.EINVAL) { // Linux before 6.3
		fd, err = unix.MemfdCreate(name, flags)
	}
	if err != nil {
		return content{}, fmt.Errorf("memfd_create: %w", err)
	}
	if err := unix.Ftruncate(fd, int64(size)); err != nil {
		unix.Close(fd)
		return content{}, fmt.Errorf("size of a memfd: %w", err)
	}
	return content{fd: fd, size: size}, nil
}

// hugePage is the size of huge pages: 2 MiB on all machines that Go programs run on with pages
// of 4 KiB. Where it is another, there are none here.
const hugePage = int(2 * MiB)

// newHuge returns a content of size, which is all in huge pages and cleared; false where that
// cannot be had. The kernel makes them where memory is there already, by MADV_COLLAPSE, Linux
// from 6.1: also where it is not set to use huge pages for files in memory.
func newHuge(size int) (content, bool) {
	c, err := newContent(size)
	if err != nil {
		return content{}, false
	}
	// Mapped where huge pages fit.
	room, err := reserve(Bytes(size + hugePage))
	if err != nil {
		c.close()
		return content{}, false
	}
	first := -int(uintptr(unsafe.Pointer(&room[0]))) & (hugePage - 1)
	c.huge = room[first : first+size]
	if err := errors.Join(release(room[:first:first]), release(room[first+size:])); err != nil || !c.collapse() {
		c.close()
		return content{}, false
	}
	return c, true
}

// collapse makes huge pages of all the content.
func (c *content) collapse() bool {
	if mapAt(c.huge, c.fd, 0, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED) != nil {
		return false
	}
	for at := 0; at < c.size; at += hugePage {
		c.huge[at] = 0 // some memory is to be there
	}
	return unix.Madvise(c.huge, unix.MADV_COLLAPSE) == nil
}

// resize makes the size of a content that is huge another. What it has more of is not.
func (c *content) resize(size int) error {
	if err := unix.Ftruncate(c.fd, int64(size)); err != nil {
		return fmt.Errorf("size of a memfd: %w", err)
	}
	c.size = size
	return nil
}

// write puts p at an offset that has room for it.
func (c *content) write(p []byte, at int) error {
	if n := min(len(p), len(c.huge)-at); n > 0 {
		copy(c.huge[at:], p[:n])
		p, at = p[n:], at+n
	}
	for len(p) > 0 {
		n, err := unix.Pwrite(c.fd, p, int64(at))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("write to a memfd: %w", err)
		}
		p, at = p[n:], at+n
	}
	return nil
}

// seal makes the content as it is for good, also for other holders of the file. No mapping
// of it can be written to, so F_SEAL_FUTURE_WRITE forbids all that F_SEAL_WRITE does. The
// latter would wait 10 ms and longer until the kernel holds none of the pages for a
// while, and then may give up with EBUSY.
func (c *content) seal() error {
	const seals = unix.F_SEAL_FUTURE_WRITE | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL
	c.unmap(&c.huge)
	if _, err := unix.FcntlInt(uintptr(c.fd), unix.F_ADD_SEALS, seals); err != nil {
		return fmt.Errorf("seal a memfd: %w", err)
	}
	if c.size == 0 {
		return nil
	}
	// Private: Linux before 6.7 lets nobody share what is sealed, not even to read. A
	// private mapping that is only read is of the same memory.
	b, err := unix.MmapPtr(c.fd, 0, nil, uintptr(c.size), unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_NORESERVE)
	if err != nil {
		return fmt.Errorf("map a memfd: %w", err)
	}
	c.bytes = unsafe.Slice((*byte)(b), c.size)
	return nil
}

// mapOnto makes b a copy of as much content from an offset on, which shares its memory until it
// is written to. The content is sealed.
func (c *content) mapOnto(b []byte, at int) error {
	return mapAt(b, c.fd, at, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_NORESERVE)
}

// resident returns how much memory and swap the file takes.
func (c *content) resident() Bytes {
	var st unix.Stat_t
	if err := unix.Fstat(c.fd, &st); err != nil {
		panic(fmt.Sprintf("stat a memfd: %v", err)) // cannot be: it is open
	}
	return Bytes(st.Blocks) * 512
}

func (c *content) close() {
	c.unmap(&c.bytes)
	c.unmap(&c.huge)
	unix.Close(c.fd)
}

// unmap takes a mapping away, if there is one.
func (c *content) unmap(b *[]byte) {
	if *b == nil {
		return
	}
	if err := release(*b); err != nil {
		panic(fmt.Sprintf("unmap a memfd of %d bytes: %v", c.size, err)) // cannot be: it was mapped
	}
	*b = nil
}
