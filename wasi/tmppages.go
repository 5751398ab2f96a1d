package wasi

// pageSize is the size of a page of a file in memory.
const pageSize = 4096

// pages is the content of a file in memory: pages by number. One that is
// missing is zeros, so a file with holes takes what was written to it. The
// zero value is empty.
type pages struct {
	size int64
	page map[int64]*[pageSize]byte
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
		in := at % pageSize
		part := b[done:min(len(b), done+int(pageSize-in))]
		if page := p.page[at/pageSize]; page != nil {
			copy(part, page[in:])
		} else {
			clear(part)
		}
		done += len(part)
	}
	return len(b)
}

// writeAt writes b at off.
func (p *pages) writeAt(b []byte, off int64) {
	if p.page == nil {
		p.page = make(map[int64]*[pageSize]byte)
	}
	for done := 0; done < len(b); {
		at := off + int64(done)
		page := p.page[at/pageSize]
		if page == nil {
			page = new([pageSize]byte)
			p.page[at/pageSize] = page
		}
		done += copy(page[at%pageSize:], b[done:])
	}
	if len(b) > 0 {
		p.size = max(p.size, off+int64(len(b)))
	}
}

// truncate sets the size. What is cut off is freed, and zero if the file grows
// again.
func (p *pages) truncate(size int64) {
	if size < p.size {
		p.cut((size+pageSize-1)/pageSize, (p.size+pageSize-1)/pageSize)
		if page := p.page[size/pageSize]; page != nil {
			clear(page[size%pageSize:])
		}
	}
	p.size = size
}

// cut drops the pages from first up to end, looking at those numbers or at all
// pages there are, whichever are fewer.
func (p *pages) cut(first, end int64) {
	if end-first < int64(len(p.page)) {
		for i := first; i < end; i++ {
			delete(p.page, i)
		}
		return
	}
	kept := make(map[int64]*[pageSize]byte)
	for i, page := range p.page {
		if i < first {
			kept[i] = page
		}
	}
	p.page = kept
}
