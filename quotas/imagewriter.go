package quotas

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// mostRuns is how many runs of pages an image may have that are not its base's: mapping each
// takes 4 µs wherever a guest is put on it, and the kernel lets a process have some 65,000
// in all. Where there are more, pages of the base between them are copied.
const mostRuns = 10

// PageRun is pages of an image that follow each other, in units of ImagePage.
type PageRun struct{ First, N int }

func (r PageRun) start() int { return r.First * int(ImagePage) }
func (r PageRun) end() int   { return (r.First + r.N) * int(ImagePage) }

// CheckRuns says why runs, in their order, cannot be pages of an image of size, and returns
// how many bytes they are.
func CheckRuns(runs []PageRun, size Bytes) (sum int64, err error) {
	next, end := 0, int(size/ImagePage)
	for _, r := range runs {
		if r.First < next || r.First >= end || r.N < 1 || r.N > end-r.First {
			return 0, fmt.Errorf("%d pages from page %d on, want some from %d to %d", r.N, r.First, next, end)
		}
		next, sum = r.First+r.N, sum+int64(r.N)*int64(ImagePage)
	}
	return sum, nil
}

// ImageWriter makes a MemoryImage, whose content is zeros, or its base's, but for pages that
// are told before, and then written. It ends with Seal or Close; only WriteAt may be called by
// several goroutines at once, for different pages, and Join beside it.
type ImageWriter struct {
	img   *MemoryImage
	runs  []PageRun
	begin []int        // of each run, and then the end: bytes of the runs before
	left  atomic.Int64 // bytes to be written
	join  func() error
	ended bool
}

// NewImageWriter returns a writer of an image of size, a multiple of PageSize, whose pages are
// those of base, or zeros, but for runs, in the order of their pages. Base, which the image then
// shares memory with, may be nil; else the image is at least as large. Memory may be nil: then
// none is at hand.
func NewImageWriter(size Bytes, base *MemoryImage, runs []PageRun, memory *ImageMemory) (*ImageWriter, error) {
	if size < 0 || size > mostMemory || size%PageSize != 0 {
		return nil, fmt.Errorf("a memory image of %s: want a multiple of %s up to %s", size, PageSize, mostMemory)
	}
	if base != nil && (base.base != nil || base.size > size) {
		return nil, fmt.Errorf("a memory image of %s: want a base that has none itself, and is no larger", size)
	}
	if _, err := CheckRuns(runs, size); err != nil {
		return nil, fmt.Errorf("a memory image of %s: %w", size, err)
	}
	img := &MemoryImage{size: size, full: newPageSet(size), base: base, differences: runs}
	img.layOut()
	if err := img.allot(memory); err != nil {
		return nil, fmt.Errorf("a memory image of %s: %w", size, err)
	}
	w := &ImageWriter{img: img, runs: runs, begin: make([]int, 1, len(runs)+1), join: sync.OnceValue(img.join)}
	for i, r := range runs {
		w.begin = append(w.begin, w.begin[i]+r.N*int(ImagePage))
	}
	w.left.Store(int64(w.begin[len(runs)]))
	return w, nil
}

// WriteAt writes whole pages of the runs, as if these followed each other: off is how many bytes
// of them come before. None is written twice.
func (w *ImageWriter) WriteAt(p []byte, off int64) (int, error) {
	if w.ended {
		return 0, fmt.Errorf("write %d bytes to a memory image: it is sealed or closed", len(p))
	}
	end := w.begin[len(w.runs)]
	if off < 0 || off%int64(ImagePage) != 0 || len(p)%int(ImagePage) != 0 || off > int64(end) || len(p) > end-int(off) {
		return 0, fmt.Errorf("write %d bytes to a memory image at %d: want whole pages of %s within %d", len(p), off, ImagePage, end)
	}
	at := int(off)
	i, found := slices.BinarySearch(w.begin, at)
	if !found {
		i--
	}
	for done := 0; done < len(p); i++ {
		n := min(len(p)-done, w.begin[i+1]-at)
		if err := w.img.write(p[done:done+n], w.runs[i].start()+at-w.begin[i]); err != nil {
			return done, fmt.Errorf("write %d bytes to a memory image: %w", n, err)
		}
		done, at = done+n, at+n
	}
	w.left.Add(-int64(len(p)))
	return len(p), nil
}

// Join copies what the image has of its base's, between pages that are not. Seal does, where
// nobody has: but it can be done while pages are written.
func (w *ImageWriter) Join() error { return w.join() }

// Seal ends the writing, when all is written, and returns the image with its first reference,
// which is the caller's. Where it fails all is given back.
func (w *ImageWriter) Seal() (*MemoryImage, error) {
	if w.ended {
		return nil, fmt.Errorf("seal a memory image of %s: it is sealed or closed", w.img.size)
	}
	if err := w.finish(); err != nil {
		w.Close()
		return nil, fmt.Errorf("seal a memory image of %s: %w", w.img.size, err)
	}
	w.ended = true
	w.img.refs.Store(1)
	return w.img, nil
}

func (w *ImageWriter) finish() error {
	if n := w.left.Load(); n != 0 {
		return fmt.Errorf("%d bytes of its pages are not written", n)
	}
	if err := w.join(); err != nil {
		return err
	}
	return w.img.content.seal()
}

// Close gives back what was written, unless there is an image of it. It may be called
// again.
func (w *ImageWriter) Close() {
	if w.ended {
		return
	}
	w.ended = true
	w.img.free()
}

// layOut says which pages are in the image, and where in its content. Without a base that is
// where they are in memory: what is between them is zeros, and costs nothing.
func (i *MemoryImage) layOut() {
	for _, r := range i.differences {
		i.full.fill(r.start(), r.end())
	}
	if i.base == nil {
		if i.size > 0 {
			i.parts = []imagePart{{start: 0, end: int(i.size)}}
		}
		return
	}
	i.full.add(i.base.full)
	i.parts = fewParts(i.differences)
	at := 0
	for n := range i.parts {
		i.parts[n].at = at
		at += i.parts[n].end - i.parts[n].start
	}
}

// fewParts puts runs together that have the least between them, where there are too many.
func fewParts(runs []PageRun) (parts []imagePart) {
	most := -1 // pages between two that are put together
	if n := len(runs) - mostRuns; n > 0 {
		var gaps []int
		for i := 1; i < len(runs); i++ {
			gaps = append(gaps, gapBefore(runs, i))
		}
		slices.Sort(gaps)
		most = gaps[n-1]
	}
	for i, r := range runs {
		if i > 0 && gapBefore(runs, i) <= most {
			parts[len(parts)-1].end = r.end()
		} else {
			parts = append(parts, imagePart{start: r.start(), end: r.end()})
		}
	}
	return parts
}

func gapBefore(runs []PageRun, i int) int { return runs[i].First - runs[i-1].First - runs[i-1].N }

// allot takes the memory that the content is to have, and a reference to the base.
func (i *MemoryImage) allot(memory *ImageMemory) (err error) {
	size := int(i.size)
	if i.base != nil {
		size = 0
		if n := len(i.parts); n > 0 {
			last := i.parts[n-1]
			size = last.at + last.end - last.start
		}
		i.content, err = memory.take(size)
	} else {
		i.content, err = newContent(size) // with holes: these are to cost nothing
	}
	if err == nil && i.base != nil {
		i.base.Retain()
	}
	return err
}

// write puts p at an offset of the memory, which is in one part.
func (i *MemoryImage) write(p []byte, at int) error {
	part, _ := i.partOf(at)
	return i.content.write(p, part.at+at-part.start)
}

// join copies into each part what it has of the base's.
func (i *MemoryImage) join() error {
	if i.base == nil {
		return nil
	}
	for n := 1; n < len(i.differences); n++ {
		start, end := i.differences[n-1].end(), min(i.differences[n].start(), int(i.base.size))
		part, _ := i.partOf(start)
		if start >= end || part.end == 0 {
			continue
		}
		for at := start; at < end; {
			to, full := i.base.full.run(at, end)
			if full {
				if err := i.write(i.base.content.bytes[at:to], at); err != nil {
					return err
				}
			}
			at = to
		}
	}
	return nil
}

// zeros tells whether b, which is not empty, is: its first byte, and each is as the next.
func zeros(b []byte) bool { return b[0] == 0 && bytes.Equal(b[1:], b[:len(b)-1]) }
