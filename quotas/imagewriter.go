package quotas

import (
	"bytes"
	"fmt"
	"slices"
)

// mostRuns is how many runs of pages an image may have that are not its base's: mapping each
// takes 5 µs wherever a guest is put on it, and the kernel lets a process have some 65,000
// in all. Where there are more, pages of the base between them are copied.
const mostRuns = 16

// ImageWriter makes a MemoryImage, whose content is zeros, or its base's, but for what is
// written. It is not safe for concurrent use. It ends with Seal or Close.
type ImageWriter struct {
	size    Bytes
	full    pageSet
	content content
	base    *MemoryImage
	own     pageSet
	ended   bool
}

// NewImageWriter returns a writer of an image of size, a multiple of PageSize. Base, which
// the image then shares memory with, may be nil; else the image is at least as large.
func NewImageWriter(size Bytes, base *MemoryImage) (*ImageWriter, error) {
	if size < 0 || size > mostMemory || size%PageSize != 0 {
		return nil, fmt.Errorf("a memory image of %s: want a multiple of %s up to %s", size, PageSize, mostMemory)
	}
	if base != nil && (base.base != nil || base.size > size) {
		return nil, fmt.Errorf("a memory image of %s: want a base that has none itself, and is no larger", size)
	}
	c, err := newContent(int(size))
	if err != nil {
		return nil, fmt.Errorf("a memory image of %s: %w", size, err)
	}
	w := &ImageWriter{size: size, full: newPageSet(size), content: c}
	if base != nil {
		w.begin(base)
	}
	return w, nil
}

// begin makes the content the base's, and zeros beyond.
func (w *ImageWriter) begin(base *MemoryImage) {
	base.Retain()
	w.base, w.own = base, newPageSet(w.size)
	copy(w.full, base.full)
	for at := int(base.size); at < int(w.size); at += int(ImagePage) {
		w.own.set(at, true)
	}
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
// ImagePage. Pages that are all zeros, or the base's, cost nothing. What was written may be
// written again.
func (w *ImageWriter) WriteAt(run []byte, at int64) (int, error) {
	if err := w.check(run, at); err != nil {
		return 0, err
	}
	for done := 0; done < len(run); {
		n, kind := w.alike(run[done:], int(at)+done)
		if err := w.put(run[done:done+n], int(at)+done, kind); err != nil {
			return done, fmt.Errorf("write %d bytes to a memory image at %d: %w", n, int(at)+done, err)
		}
		done += n
	}
	return len(run), nil
}

// WriteNew is WriteAt for pages that were not written before, and are known not to be the
// base's, nor, beyond it, zeros: nothing is compared.
func (w *ImageWriter) WriteNew(run []byte, at int64) (int, error) {
	if err := w.check(run, at); err != nil {
		return 0, err
	}
	return len(run), w.put(run, int(at), pageOwn)
}

// check says why a run cannot be written.
func (w *ImageWriter) check(run []byte, at int64) error {
	if w.ended {
		return fmt.Errorf("write to a memory image at %d: it is sealed or closed", at)
	}
	if at < 0 || at%int64(ImagePage) != 0 || len(run)%int(ImagePage) != 0 || int64(len(run)) > int64(w.size)-at {
		return fmt.Errorf("write %d bytes to a memory image at %d: want whole pages of %s within %s", len(run), at, ImagePage, w.size)
	}
	return nil
}

// pageKind is where the content of a page is.
type pageKind int

const (
	pageZeros pageKind = iota // nowhere
	pageBase                  // in the base
	pageOwn                   // in the image
)

// alike returns how many bytes at the beginning of run, which is to be at an offset, are pages
// of one kind, and which.
func (w *ImageWriter) alike(run []byte, at int) (n int, kind pageKind) {
	kind = w.kind(run[:ImagePage], at)
	for n = int(ImagePage); n < len(run) && w.kind(run[n:n+int(ImagePage)], at+n) == kind; {
		n += int(ImagePage)
	}
	return n, kind
}

// kind tells where the content of a page will be.
func (w *ImageWriter) kind(page []byte, at int) pageKind {
	switch {
	case w.base != nil && at < int(w.base.size) && bytes.Equal(page, w.base.content.bytes[at:at+len(page)]):
		return pageBase
	case zeros(page):
		return pageZeros
	}
	return pageOwn
}

// put writes a run of pages of one kind.
func (w *ImageWriter) put(run []byte, at int, kind pageKind) error {
	if kind == pageOwn {
		if err := w.content.write(run, at); err != nil {
			return err
		}
	}
	for page := at; page < at+len(run); page += int(ImagePage) {
		if kind != pageOwn && w.written(page) {
			if err := w.content.clear(page, int(ImagePage)); err != nil {
				return err
			}
		}
		w.full.set(page, kind == pageOwn || kind == pageBase && w.base.full.has(page))
		if w.base != nil {
			w.own.set(page, kind != pageBase)
		}
	}
	return nil
}

// written tells whether there is content of a page.
func (w *ImageWriter) written(page int) bool {
	return w.full.has(page) && (w.base == nil || w.own.has(page))
}

// zeros tells whether b, which is not empty, is: its first byte, and each is as the next.
func zeros(b []byte) bool { return b[0] == 0 && bytes.Equal(b[1:], b[:len(b)-1]) }

// gap is what is the base's between two runs of pages that are not.
type gap struct{ start, end, full int }

// gaps returns those between runs, the ones that cost the most first.
func (w *ImageWriter) gaps() []gap {
	var all []gap
	for at := 0; at < int(w.size); {
		to, own := w.own.run(at, int(w.size))
		if !own && at > 0 && to < int(w.size) {
			all = append(all, gap{at, to, w.base.full.count(at, to)})
		}
		at = to
	}
	slices.SortFunc(all, func(a, b gap) int { return b.full - a.full })
	return all
}

// join copies what is the base's between runs of pages that are not, where these are too many.
func (w *ImageWriter) join() error {
	all := w.gaps()
	for _, g := range all[min(len(all), mostRuns-1):] {
		for at := g.start; at < g.end; {
			to, full := w.base.full.run(at, g.end)
			if full {
				if err := w.content.write(w.base.content.bytes[at:to], at); err != nil {
					return err
				}
			}
			for ; at < to; at += int(ImagePage) {
				w.own.set(at, true)
			}
		}
	}
	return nil
}

// Seal ends the writing, and returns the image with its first reference, which is the
// caller's. Where it fails all is given back.
func (w *ImageWriter) Seal() (*MemoryImage, error) {
	if w.ended {
		return nil, fmt.Errorf("seal a memory image of %s: it is sealed or closed", w.size)
	}
	if err := w.finish(); err != nil {
		w.Close()
		return nil, fmt.Errorf("seal a memory image of %s: %w", w.size, err)
	}
	w.ended = true
	i := &MemoryImage{size: w.size, full: w.full, content: w.content, base: w.base, own: w.own}
	i.refs.Store(1)
	return i, nil
}

func (w *ImageWriter) finish() error {
	if w.base != nil {
		if err := w.join(); err != nil {
			return err
		}
	}
	return w.content.seal()
}

// Close gives back what was written, unless there is an image of it. It may be called
// again.
func (w *ImageWriter) Close() {
	if w.ended {
		return
	}
	w.ended = true
	w.content.close()
	if w.base != nil {
		w.base.Release()
	}
}
