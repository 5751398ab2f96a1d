package quotas

import (
	"bytes"
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
	size    Bytes
	full    pageSet // the pages that are not all zeros
	content content
	base    *MemoryImage // with a reference, nil for none; one that has a base is none itself
	own     pageSet      // with a base: the pages that are in content, all others are the base's
	refs    atomic.Int64
}

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

// part returns the content from at on, up to end or as far as it is in one place.
func (i *MemoryImage) part(at, end int) []byte {
	if i.base == nil {
		return i.content.bytes[at:end:end]
	}
	to, own := i.own.run(at, end)
	if !own {
		return i.base.content.bytes[at:to:to]
	}
	return i.content.bytes[at:to:to]
}

// Base returns the image that i is a difference from, nil where it is none.
func (i *MemoryImage) Base() *MemoryImage { return i.base }

// Differences yields where an image differs from its base, as Runs does: also pages that
// are all zeros, where the base's are not.
func (i *MemoryImage) Differences(yield func(at int64, data []byte) bool) {
	begin := 0 // of the run that is not yielded yet
	for at := 0; at < int(i.size); at += int(ImagePage) {
		if i.differs(at) {
			continue
		}
		if begin < at && !yield(int64(begin), i.content.bytes[begin:at:at]) {
			return
		}
		begin = at + int(ImagePage)
	}
	if begin < int(i.size) {
		yield(int64(begin), i.content.bytes[begin:i.size:i.size])
	}
}

// differs tells whether a page is not as in the base, or without one, not zeros.
func (i *MemoryImage) differs(at int) bool {
	if i.base == nil || at >= int(i.base.size) {
		return i.full.has(at)
	}
	end := at + int(ImagePage)
	return i.own.has(at) && !bytes.Equal(i.content.bytes[at:end], i.base.content.bytes[at:end])
}

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
		i.content.close()
		if i.base != nil {
			i.base.Release()
		}
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
	for at := 0; at < len(b); {
		to, own := i.own.run(at, len(b))
		if own {
			if err := i.content.mapOnto(b[at:to], at); err != nil {
				return err
			}
		}
		at = to
	}
	return nil
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
