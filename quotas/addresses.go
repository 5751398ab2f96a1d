package quotas

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// reserve returns size addresses that nothing can be read from or written to, and that
// cost no memory. The caller owns them until release.
func reserve(size Bytes) ([]byte, error) {
	b, err := unix.MmapPtr(-1, 0, nil, uintptr(size), unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return nil, err
	}
	return unsafe.Slice((*byte)(b), size), nil
}

// commit makes b, of addresses that were reserved or discarded, memory that is all zeros.
func commit(b []byte) error {
	return unix.Mprotect(b, unix.PROT_READ|unix.PROT_WRITE)
}

// discard makes b, of whole pages, what reserve gives: what it held is gone, and the
// memory is the kernel's.
func discard(b []byte) error {
	return mapAt(b, -1, 0, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
}

// renew makes b, of whole pages, memory that is all zeros, whatever it was.
func renew(b []byte) error {
	return mapAt(b, -1, 0, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
}

// release gives back addresses, whole pages, and what is in them.
func release(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	return unix.MunmapPtr(unsafe.Pointer(&b[0]), uintptr(len(b)))
}

// mapAt maps fd from an offset on, or with -1 nothing, in the place of b, of whole pages
// of addresses that the caller owns.
func mapAt(b []byte, fd, at, prot, flags int) error {
	if len(b) == 0 {
		return nil
	}
	_, err := unix.MmapPtr(fd, int64(at), unsafe.Pointer(&b[0]), uintptr(len(b)), prot, flags|unix.MAP_FIXED)
	return err
}
