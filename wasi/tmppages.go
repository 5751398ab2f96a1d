package wasi

import "slices"

// pageSize is the size of a page of a file in memory.
const pageSize = 4096

// page is one page of a file in memory.
type page [pageSize]byte

// pages is the content of a file in memory: pages by number. One that is
// missing is zeros, so a file with holes takes what was written to it. The
// zero value is empty.
//
// What a file has of an image is lent to it: read where it lies, in pages that
// any number of files have and nobody writes, and copied page by page when it
// is written.
type pages struct {
	size   int64
	own    map[int64]*page // written here; these stand before base's
	base   map[int64]*page // lent; never changed
	lent   int64           // where base ends; what it has from here on is not seen
	shared int64           // bytes below lent that are on no own page
}

// read fills b, which lies in one page, from offset at on.
func (p *pages) read(b []byte, at int64) {
	if own := p.own[at/pageSize]; own != nil {
		copy(b, own[at%pageSize:])
		return
	}
	n := 0
	if base := p.base[at/pageSize]; base != nil && at < p.lent {
		n = copy(b[:min(int64(len(b)), p.lent-at)], base[at%pageSize:])
	}
	clear(b[n:])
}

// readAt reads at off into b until b is full or the file ends.
func (p *pages) readAt(b []byte, off int64) int {
	if off >= p.size {
		return 0
	}
	if rest := p.size - off; int64(len(b)) > rest {
		b = b[:rest]
	}
	for done := 0; done < len(b); {
		at := off + int64(done)
		part := b[done:min(len(b), done+int(pageSize-at%pageSize))]
		p.read(part, at)
		done += len(part)
	}
	return len(b)
}

// sharedOf is how many bytes of page i are shared.
func (p *pages) sharedOf(i int64) int64 {
	if i*pageSize >= p.lent || p.own[i] != nil {
		return 0
	}
	return min(p.lent-i*pageSize, pageSize)
}

// copied is how many bytes are no longer shared once n bytes at off are written.
func (p *pages) copied(off int64, n int) int64 {
	var sum int64
	for i := off / pageSize; i*pageSize < min(off+int64(n), p.lent); i++ {
		sum += p.sharedOf(i)
	}
	return sum
}

// writeAt writes b at off.
func (p *pages) writeAt(b []byte, off int64) {
	for done := 0; done < len(b); {
		at := off + int64(done)
		done += copy(p.writable(at / pageSize)[at%pageSize:], b[done:])
	}
	if len(b) > 0 {
		p.size = max(p.size, off+int64(len(b)))
	}
}

// writable returns page i, the file's own from now on.
func (p *pages) writable(i int64) *page {
	if own := p.own[i]; own != nil {
		return own
	}
	own := new(page)
	p.read(own[:], i*pageSize)
	p.shared -= p.sharedOf(i)
	if p.own == nil {
		p.own = make(map[int64]*page)
	}
	p.own[i] = own
	return own
}

// truncate sets the size. What is cut off is freed, and zero if the file grows
// again.
func (p *pages) truncate(size int64) {
	if size < p.lent {
		p.shared -= p.lent - size - p.ownIn(size, p.lent)
		p.lent = size
	}
	if p.lent == 0 {
		p.base = nil
	}
	if size < p.size {
		p.cut((size+pageSize-1)/pageSize, (p.size+pageSize-1)/pageSize)
		if own := p.own[size/pageSize]; own != nil {
			clear(own[size%pageSize:])
		}
	}
	p.size = size
}

// ownIn is how many of the bytes from first up to end are on own pages. It looks
// at the pages between or at all own ones, whichever are fewer.
func (p *pages) ownIn(first, end int64) int64 {
	var sum int64
	count := func(i int64) {
		sum += max(0, min(end, (i+1)*pageSize)-max(first, i*pageSize))
	}
	if (end-first)/pageSize < int64(len(p.own)) {
		for i := first / pageSize; i*pageSize < end; i++ {
			if p.own[i] != nil {
				count(i)
			}
		}
		return sum
	}
	for i := range p.own {
		count(i)
	}
	return sum
}

// cut drops the pages from first up to end, looking at those numbers or at all
// pages there are, whichever are fewer.
func (p *pages) cut(first, end int64) {
	if end-first < int64(len(p.own)) {
		for i := first; i < end; i++ {
			delete(p.own, i)
		}
		return
	}
	kept := make(map[int64]*page)
	for i, own := range p.own {
		if i < first {
			kept[i] = own
		}
	}
	p.own = kept
}

// numbers lists the pages that are there, in order.
func (p *pages) numbers() []int64 {
	var list []int64
	for i := range p.own {
		list = append(list, i)
	}
	for i := range p.base {
		if p.sharedOf(i) > 0 {
			list = append(list, i)
		}
	}
	slices.Sort(list)
	return list
}

// freeze makes all that p has lent, and returns it for others to have. Pages
// change hands, none is copied, but for one that was cut in two.
func (p *pages) freeze() pages {
	if len(p.own) > 0 || p.lent < p.size {
		base := p.own
		if base == nil {
			base = make(map[int64]*page)
		}
		for i := range p.base {
			if n := p.sharedOf(i); n == pageSize {
				base[i] = p.base[i]
			} else if n > 0 {
				part := new(page)
				copy(part[:n], p.base[i][:])
				base[i] = part
			}
		}
		*p = pages{size: p.size, base: base}
	}
	p.own, p.lent, p.shared = nil, p.size, p.size
	return *p
}
