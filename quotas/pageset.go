package quotas

// ImagePage is the unit, in bytes, in which a MemoryImage keeps content.
const ImagePage = 4 * KiB

// pageSet is a set of an image's pages, a bit of each. Its methods take and return
// offsets in bytes, multiples of ImagePage.
type pageSet []uint64

func newPageSet(size Bytes) pageSet { return make(pageSet, (size/ImagePage+63)/64) }

func (s pageSet) has(at int) bool {
	page := at / int(ImagePage)
	return s[page/64]&(1<<(page%64)) != 0
}

// run returns the end of the pages from start that are all in the set, or all not, and
// which of the two. Start is below end.
func (s pageSet) run(start, end int) (to int, in bool) {
	in = s.has(start)
	for to = start + int(ImagePage); to < end && s.has(to) == in; {
		to += int(ImagePage)
	}
	return to, in
}

// fill puts the pages from start to end in.
func (s pageSet) fill(start, end int) {
	for at := start; at < end; at += int(ImagePage) {
		page := at / int(ImagePage)
		s[page/64] |= 1 << (page % 64)
	}
}

// add puts in what is in another, no larger set.
func (s pageSet) add(other pageSet) {
	for i, pages := range other {
		s[i] |= pages
	}
}
