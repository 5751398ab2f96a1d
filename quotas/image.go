package quotas

import (
	"bytes"
	"slices"
	"sync/atomic"
)

// MemoryImage is the content of a guest's memory at a moment, which any number of
// guests begin with: they share its memory until they write to it. It never changes, and
// nothing that happens to a file takes it away, for it is in none. It may be the difference
// from another, its base, whose memory it shares. Its maker holds one
// reference and each Memory that is on it another; with the last one its memory is
// given back. No Budget is charged for it: that is its maker's, by Size or Resident. It is
// safe for concurrent use.
type MemoryImage struct {
	size        Bytes
	full        pageSet // the pages that are not all zeros
	differences []PageRun
	parts       []imagePart // of the memory that are in content, in their order
	content     content
	base        *MemoryImage // with a reference, nil for none; one that has a base is none itself
	refs        atomic.Int64
}

// imagePart is a part of a memory, from start to end, and where it is in an image's content.
type imagePart struct{ start, end, at int }

// Size returns how much memory a guest that is on the image has, a multiple of PageSize.
func (i *MemoryImage) Size() Bytes { return i.size }

// Full returns how much of the content is not zeros, in whole pages of ImagePage: what
// Runs yields.
func (i *MemoryImage) Full() Bytes {
	var n Bytes
	i.Runs(func(_ int64, data []byte) bool {
		n += Bytes(len(data))
		return true
	})
	return n
}

// Resident returns what the image costs, of memory and swap, beside its base. Without one it
// is what Full returns at first, and at most Size: the kernel takes a page of zeros where a
// guest touches one.
func (i *MemoryImage) Resident() Bytes { return i.content.resident() }

// Runs yields the content that is not all zeros, as runs of whole pages of ImagePage in
// the order of their offsets. The data is the image's: it cannot be written to (that
// ends the process), and is there while the caller holds a reference.
func (i *MemoryImage) Runs(yield func(at int64, data []byte) bool) {
	for at := 0; at < int(i.size); {
		to, full := i.full.run(at, int(i.size))
		for full && at < to {
			part := i.part(at, to)
			if !yield(int64(at), part) {
				return
			}
			at += len(part)
		}
		at = to
	}
}

// part returns the content from at on, where it is not zeros, up to end or as far as it is in
// one place.
func (i *MemoryImage) part(at, end int) []byte {
	part, next := i.partOf(at)
	if part.end == 0 {
		end = min(end, next)
		return i.base.content.bytes[at:end:end]
	}
	end = min(end, part.end)
	from, to := part.at+at-part.start, part.at+end-part.start
	return i.content.bytes[from:to:to]
}

// partOf returns the part that has an offset, or the zero part, and where the next begins.
func (i *MemoryImage) partOf(at int) (part imagePart, next int) {
	n, _ := slices.BinarySearchFunc(i.parts, at, func(p imagePart, at int) int {
		if p.end <= at {
			return -1
		}
		return 1
	})
	if n == len(i.parts) {
		return imagePart{}, int(i.size)
	}
	if p := i.parts[n]; p.start <= at {
		return p, p.end
	}
	return imagePart{}, i.parts[n].start
}

// Base returns the image that i is a difference from, nil where it is none.
func (i *MemoryImage) Base() *MemoryImage { return i.base }

// Differences returns which pages are not the base's, or without one, not zeros, in their
// order. The slice is the image's.
func (i *MemoryImage) Differences() []PageRun { return i.differences }

// Content returns a run of Differences, as Runs does.
func (i *MemoryImage) Content(r PageRun) []byte { return i.part(r.start(), r.end()) }

// Retain adds a reference; the caller holds one.
func (i *MemoryImage) Retain() {
	if !i.Revive() {
		panic("retain a guest's memory image that was released")
	}
}

// Revive adds a reference, unless the last one is gone.
func (i *MemoryImage) Revive() bool {
	for {
		n := i.refs.Load()
		if n <= 0 {
			return false
		}
		if i.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// Release gives back a reference.
func (i *MemoryImage) Release() {
	switch n := i.refs.Add(-1); {
	case n < 0:
		panic("release a guest's memory image more often than it was retained")
	case n == 0:
		i.free()
	}
}

// free gives back what the image holds.
func (i *MemoryImage) free() {
	i.content.close()
	if i.base != nil {
		i.base.Release()
	}
}

// mapOnto makes b, as long as the image, a copy of it, which shares its memory until it is
// written to.
func (i *MemoryImage) mapOnto(b []byte) error {
	if i.base == nil {
		return i.content.mapOnto(b, 0)
	}
	if err := i.base.mapOnto(b[:i.base.size]); err != nil {
		return err
	}
	beyond := int(i.base.size) // from here on nothing is mapped yet
	for _, part := range i.parts {
		if part.start > beyond {
			if err := renew(b[beyond:part.start]); err != nil {
				return err
			}
		}
		if err := i.content.mapOnto(b[part.start:part.end], part.at); err != nil {
			return err
		}
		beyond = max(beyond, part.end)
	}
	return renew(b[beyond:])
}

// restore makes the pages from start to end of b, a guest's memory, what they are in the
// image, and returns how many bytes of pages were not. Pages of zeros are not read from
// the image: that would cost it memory.
func (i *MemoryImage) restore(b []byte, start, end int) (changed int) {
	for ; start < end; start += int(ImagePage) {
		page := b[start : start+int(ImagePage)]
		if i.full.has(start) {
			if from := i.part(start, start+int(ImagePage)); !bytes.Equal(page, from) {
				copy(page, from)
				changed += len(page)
			}
		} else if !zeros(page) {
			clear(page)
			changed += len(page)
		}
	}
	return changed
}
