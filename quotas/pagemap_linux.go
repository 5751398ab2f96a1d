package quotas

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// pagemap finds the pages of private memory that are this process's own, since it wrote
// to them, and not those of the file below: also such as are swapped out. The zero value is
// ready; it keeps what it works with, so that finding allocates nothing. It is not safe
// for concurrent use.
type pagemap struct {
	by   pagemapMethod
	arg  pageScan
	work *pagemapWork
}

// pagemapMethod is a way to find pages.
type pagemapMethod int

const (
	byScan pagemapMethod = iota // ioctl_pagemap_scan(2), Linux from 6.7
	byBits                      // what proc_pid_pagemap(5) has of each page
	byNone
)

// pagemapWork is what the system reads and writes.
type pagemapWork struct {
	name    [len(pagemapName)]byte
	regions [256]pageRegion // or the bits of as many pages as there is room for
}

const pagemapName = "/proc/self/pagemap\x00"

// own yields the runs of pages of b that are the process's own, as offsets in b, until
// yield returns false. It tells whether these were all: not where yield ended it, nor
// where the system does not tell. Where it goes another way in the middle, it begins
// again.
func (p *pagemap) own(b []byte, yield func(start, end int) bool) bool {
	if len(b) == 0 {
		return true
	}
	if p.by == byNone {
		return false
	}
	fd, err := p.open()
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	if p.by == byScan {
		all, err := p.scan(fd, b, yield)
		if err == nil {
			return all
		}
		p.by = byBits
	}
	all, err := p.bits(fd, b, yield)
	return all && err == nil
}

// open opens the map each time: a file that stays open would be one of each guest.
func (p *pagemap) open() (int, error) {
	if p.work == nil {
		p.work = new(pagemapWork)
		copy(p.work.name[:], pagemapName)
	}
	dir := unix.AT_FDCWD // of no meaning to an absolute path
	fd, _, errno := unix.Syscall6(unix.SYS_OPENAT, uintptr(dir), uintptr(unsafe.Pointer(&p.work.name)), unix.O_RDONLY|unix.O_CLOEXEC, 0, 0, 0)
	runtime.KeepAlive(p.work)
	if errno != 0 {
		return -1, errno
	}
	return int(fd), nil
}

// pageScan is struct pm_scan_arg of linux/fs.h.
type pageScan struct {
	size, flags                     uint64
	start, end, walkEnd             uint64
	vec, vecLen, maxPages           uint64
	inverted, mask, anyOf, returned uint64
}

// pageRegion is struct page_region of linux/fs.h.
type pageRegion struct{ start, end, categories uint64 }

const (
	pagemapScan = 3<<30 | uintptr(unsafe.Sizeof(pageScan{}))<<16 | 'f'<<8 | 16 // PAGEMAP_SCAN

	pageIsFile    = 1 << 2 // PAGE_IS_FILE
	pageIsPresent = 1 << 3 // PAGE_IS_PRESENT
	pageIsSwapped = 1 << 4 // PAGE_IS_SWAPPED
)

// scan is own, by PAGEMAP_SCAN.
func (p *pagemap) scan(fd int, b []byte, yield func(start, end int) bool) (all bool, err error) {
	base := uint64(uintptr(unsafe.Pointer(&b[0])))
	end := base + uint64(len(b))
	for at := base; at < end; at = p.arg.walkEnd {
		regions, err := p.scanFrom(fd, at, end)
		if err != nil {
			return false, err
		}
		for _, r := range regions {
			if !yield(int(r.start-base), int(r.end-base)) {
				return false, nil
			}
		}
	}
	return true, nil
}

// scanFrom finds as many regions as there is room for, and leaves in p.arg how far it
// came.
func (p *pagemap) scanFrom(fd int, at, end uint64) ([]pageRegion, error) {
	regions := p.work.regions[:]
	p.arg = pageScan{
		size:  uint64(unsafe.Sizeof(p.arg)),
		start: at, end: end,
		vec: uint64(uintptr(unsafe.Pointer(&regions[0]))), vecLen: uint64(len(regions)),
		inverted: pageIsFile, mask: pageIsFile, anyOf: pageIsPresent | pageIsSwapped,
	}
	n, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), pagemapScan, uintptr(unsafe.Pointer(&p.arg)))
	runtime.KeepAlive(p.work)
	if errno != 0 {
		return nil, fmt.Errorf("scan the page map: %w", errno)
	}
	if p.arg.walkEnd <= at {
		return nil, fmt.Errorf("scan the page map: it ends at %#x, where it began", p.arg.walkEnd)
	}
	return regions[:n], nil
}

// bits is own, by the 64 bits of each page.
func (p *pagemap) bits(fd int, b []byte, yield func(start, end int) bool) (all bool, err error) {
	page := os.Getpagesize()
	first := int(uintptr(unsafe.Pointer(&b[0]))) / page
	start, end := 0, 0 // of the run that is not yielded yet
	for at := 0; at < len(b); {
		entries, err := p.read(fd, first+at/page, (len(b)-at)/page)
		if err != nil {
			return false, err
		}
		for _, entry := range entries {
			if isOwn(entry) && end == at {
				end = at + page
			} else if isOwn(entry) {
				if start < end && !yield(start, end) {
					return false, nil
				}
				start, end = at, at+page
			}
			at += page
		}
	}
	return start == end || yield(start, end), nil
}

// isOwn tells whether a page's bits in the map are those of a page of the process.
func isOwn(entry uint64) bool {
	const file, swapped, present = 1 << 61, 1 << 62, 1 << 63
	return entry&(present|swapped) != 0 && entry&file == 0
}

// read reads the bits of n pages, or as many as there is room for.
func (p *pagemap) read(fd, first, n int) ([]uint64, error) {
	const word = int(unsafe.Sizeof(uint64(0)))
	n = min(n, int(unsafe.Sizeof(p.work.regions))/word)
	bytes := unsafe.Slice((*byte)(unsafe.Pointer(&p.work.regions)), n*word)
	got, err := unix.Pread(fd, bytes, int64(first)*int64(word))
	if err == nil && got < word {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, fmt.Errorf("read the page map: %w", err)
	}
	return unsafe.Slice((*uint64)(unsafe.Pointer(&p.work.regions)), got/word), nil
}
