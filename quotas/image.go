package quotas

import (
	"bytes"
	"fmt"
	"sync/atomic"
)

// MemoryImage is the content of a guest's memory at a moment, which any number of
// guests begin with: they share its memory until they write to it. It never changes, and
// nothing that happens to a file takes it away, for it is in none. Its maker holds one
// reference and each Memory that is on it another; with the last one its memory is
// given back. No Budget is charged for it: that is its maker's, by Size or Resident. It is
// safe for concurrent use.
type MemoryImage struct {
	size    Bytes
	full    pageSet // the pages that are not all zeros
	content content
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

// Resident returns what the image costs, of memory and swap. It is what Full returns at
// first, and at most Size: the kernel takes a page of zeros where a guest touches one.
func (i *MemoryImage) Resident() Bytes { return i.content.resident() }

// Runs yields the content that is not all zeros, as runs of whole pages of ImagePage in
// the order of their offsets. The data is the image's: it cannot be written to (that
// ends the process), and is there while the caller holds a reference.
func (i *MemoryImage) Runs(yield func(at int64, data []byte) bool) {
	for at := 0; at < int(i.size); {
		to, full := i.full.run(at, int(i.size))
		if full && !yield(int64(at), i.content.bytes[at:to:to]) {
			return
		}
		at = to
	}
}

// Retain adds a reference; the caller holds one.
func (i *MemoryImage) Retain() {
	if !i.retain() {
		panic("retain a guest's memory image that was released")
	}
}

// retain adds a reference, unless the last one is gone.
func (i *MemoryImage) retain() bool {
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
	}
}

// restore makes the pages from start to end of b, a guest's memory, what they are in the
// image, and returns how many bytes of pages were not. Pages of zeros are not read from
// the image: that would cost it memory.
func (i *MemoryImage) restore(b []byte, start, end int) (changed int) {
	for ; start < end; start += int(ImagePage) {
		page := b[start : start+int(ImagePage)]
		if i.full.has(start) {
			if from := i.content.bytes[start : start+int(ImagePage)]; !bytes.Equal(page, from) {
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

// ImageWriter makes a MemoryImage, whose content is zeros but for what is written. It is
// not safe for concurrent use. It ends with Seal or Close.
type ImageWriter struct {
	size    Bytes
	full    pageSet
	content content
	ended   bool
}

// NewImageWriter returns a writer of an image of size, a multiple of PageSize.
func NewImageWriter(size Bytes) (*ImageWriter, error) {
	if size < 0 || size > mostMemory || size%PageSize != 0 {
		return nil, fmt.Errorf("a memory image of %s: want a multiple of %s up to %s", size, PageSize, mostMemory)
	}
	c, err := newContent(int(size))
	if err != nil {
		return nil, fmt.Errorf("a memory image of %s: %w", size, err)
	}
	return &ImageWriter{size: size, full: newPageSet(size), content: c}, nil
}

// WritePage writes one page of ImagePage; index counts such pages.
func (w *ImageWriter) WritePage(index int, page []byte) error {
	if len(page) != int(ImagePage) {
		return fmt.Errorf("page %d of a memory image has %d bytes, want %d", index, len(page), ImagePage)
	}
	_, err := w.WriteAt(page, int64(index)*int64(ImagePage))
	return err
}

// WriteAt writes a run of whole pages, whose offset and length are multiples of
// ImagePage. Pages that are all zeros cost nothing. What was written may be written
// again.
func (w *ImageWriter) WriteAt(run []byte, at int64) (int, error) {
	if w.ended {
		return 0, fmt.Errorf("write to a memory image at %d: it is sealed or closed", at)
	}
	if at < 0 || at%int64(ImagePage) != 0 || len(run)%int(ImagePage) != 0 || int64(len(run)) > int64(w.size)-at {
		return 0, fmt.Errorf("write %d bytes to a memory image at %d: want whole pages of %s within %s", len(run), at, ImagePage, w.size)
	}
	for done := 0; done < len(run); {
		n, full := alike(run[done:])
		if err := w.put(run[done:done+n], int(at)+done, full); err != nil {
			return done, fmt.Errorf("write %d bytes to a memory image at %d: %w", n, int(at)+done, err)
		}
		done += n
	}
	return len(run), nil
}

// put writes a run of pages that are all full, or all zeros.
func (w *ImageWriter) put(run []byte, at int, full bool) error {
	if full {
		if err := w.content.write(run, at); err != nil {
			return err
		}
	}
	for page := at; page < at+len(run); page += int(ImagePage) {
		if !full && w.full.has(page) {
			if err := w.content.clear(page, int(ImagePage)); err != nil {
				return err
			}
		}
		w.full.set(page, full)
	}
	return nil
}

// alike returns how many bytes at the beginning of run are pages that are all full, or
// all zeros, and which of the two.
func alike(run []byte) (n int, full bool) {
	full = !zeros(run[:ImagePage])
	for n = int(ImagePage); n < len(run) && zeros(run[n:n+int(ImagePage)]) != full; {
		n += int(ImagePage)
	}
	return n, full
}

// zeros tells whether b, which is not empty, is: its first byte, and each is as the next.
func zeros(b []byte) bool { return b[0] == 0 && bytes.Equal(b[1:], b[:len(b)-1]) }

// Seal ends the writing, and returns the image with its first reference, which is the
// caller's. Where it fails all is given back.
func (w *ImageWriter) Seal() (*MemoryImage, error) {
	if w.ended {
		return nil, fmt.Errorf("seal a memory image of %s: it is sealed or closed", w.size)
	}
	w.ended = true
	if err := w.content.seal(); err != nil {
		w.content.close()
		return nil, fmt.Errorf("seal a memory image of %s: %w", w.size, err)
	}
	i := &MemoryImage{size: w.size, full: w.full, content: w.content}
	i.refs.Store(1)
	return i, nil
}

// Close gives back what was written, unless there is an image of it. It may be called
// again.
func (w *ImageWriter) Close() {
	if !w.ended {
		w.ended = true
		w.content.close()
	}
}
