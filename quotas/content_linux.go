package quotas

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// content is what a MemoryImage holds: a file in memory, without a name, that is sealed.
// See memfd_create(2).
type content struct {
	fd    int
	size  int
	bytes []byte // all of it, to be read, once it is sealed
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

// write puts p at an offset that has room for it.
func (c *content) write(p []byte, at int) error {
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

// clear makes n bytes at an offset, whole pages of ImagePage, zeros.
func (c *content) clear(at, n int) error {
	err := unix.Fallocate(c.fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, int64(at), int64(n))
	if err != nil {
		return fmt.Errorf("clear pages of a memfd: %w", err)
	}
	return nil
}

// seal makes the content as it is for good, also for other holders of the file. No mapping
// of it can be written to, so F_SEAL_FUTURE_WRITE forbids all that F_SEAL_WRITE does. The
// latter would wait 10 ms and longer until the kernel holds none of the pages for a
// while, and then may give up with EBUSY.
func (c *content) seal() error {
	const seals = unix.F_SEAL_FUTURE_WRITE | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL
	if _, err := unix.FcntlInt(uintptr(c.fd), unix.F_ADD_SEALS, seals); err != nil {
		return fmt.Errorf("seal a memfd: %w", err)
	}
	if c.size == 0 {
		return nil
	}
	// Private: Linux before 6.7 lets nobody share what is sealed, not even to read. A
	// private mapping that is only read is of the same memory.
	b, err := unix.Mmap(c.fd, 0, c.size, unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_NORESERVE)
	if err != nil {
		return fmt.Errorf("map a memfd: %w", err)
	}
	c.bytes = b
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
	if c.bytes != nil {
		if err := unix.Munmap(c.bytes); err != nil {
			panic(fmt.Sprintf("unmap a memfd of %d bytes: %v", c.size, err)) // cannot be: mapped above
		}
		c.bytes = nil
	}
	unix.Close(c.fd)
}
