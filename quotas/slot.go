package quotas

import (
	"bytes"
	"errors"
	"fmt"
)

// mostKept is how many bytes of pages a slot keeps for guests to write to again, where
// they write to less than a quarter of them. A page that no guest wrote to costs each
// Reset 0.4 to 1 µs; to give it back costs 1 µs, and to have it again 3 to 8 µs.
const mostKept = int(8 * MiB)

// Clear gives back all that the guest had, memory, image and budget: nothing of it is left.
// What remains are the addresses, and a guest that is attached, which sees a memory of size
// 0. No call of it is under way. After an error the memory is only good for Free.
func (m *Memory) Clear() error {
	if err := m.shrink(0); err != nil {
		return err
	}
	if m.image != nil {
		m.image.Release()
		m.image = nil
	}
	m.budget, m.refused = nil, 0
	return m.show()
}

// Assign hands a memory that is clear to a guest that may have limit, rounded down to whole
// pages, taken from budget. More addresses are reserved where there are not enough.
func (m *Memory) Assign(limit Bytes, budget *Budget) error {
	limit -= limit % PageSize
	if m.used > 0 || m.image != nil || limit < 0 {
		return fmt.Errorf("assign a guest's memory of %s, which has %s: it is not clear", limit, m.Committed())
	}
	if int(limit) > len(m.reserved) {
		b, err := reserve(limit)
		if err != nil {
			return fmt.Errorf("reserve %s of addresses: %w", limit, err)
		}
		m.unreserve()
		m.reserved = b
		if m.guest.buffer != nil {
			*m.guest.buffer = b[:0:0] // of size 0 before, where there are no addresses now
		}
	}
	m.limit, m.budget = uint64(limit), budget
	return nil
}

// Map puts the memory on an image: its content and size are the image's, and nothing is
// left of what was there, nor of the memory that it took. It may be what it is by growing,
// by Map or by Reset. The budget is charged for the size as for a guest that grew to it.
// No call of the guest is under way; one that is attached sees the new size. An image
// beyond the limit, or that the budget has no room for, is an error of type *Exceeded and
// changes nothing. After another error the memory is only good for Free.
func (m *Memory) Map(img *MemoryImage) error {
	if m.reserved == nil {
		return errors.New("map an image onto a guest's memory: it was freed")
	}
	if size := img.Size(); size > m.Limit() {
		return &Exceeded{Limit: LimitMemory, Detail: fmt.Sprintf("an image has %s, may have %s", size, m.Limit())}
	}
	if !img.Revive() {
		return errors.New("map an image onto a guest's memory: the image was released")
	}
	if err := m.moveTo(img); err != nil {
		img.Release()
		return err
	}
	if m.image != nil {
		m.image.Release()
	}
	m.image = img
	return m.show()
}

func (m *Memory) moveTo(img *MemoryImage) error {
	size := uint64(img.size)
	if err := m.shrink(size); err != nil {
		return err
	}
	more := Bytes(size - m.used)
	if !m.budget.Take(more) {
		return noneLeft(more)
	}
	if err := img.mapOnto(m.reserved[:size]); err != nil {
		m.budget.Give(more)
		return fmt.Errorf("map an image of %s onto a guest's memory: %w", img.size, err)
	}
	m.used = size
	m.own.forget()
	return nil
}

// shrink gives back what is committed past size.
func (m *Memory) shrink(size uint64) error {
	if size >= m.used {
		return nil
	}
	if err := discard(m.reserved[size:m.used]); err != nil {
		return fmt.Errorf("give back a guest's memory from %d to %d: %w", size, m.used, err)
	}
	m.budget.Give(Bytes(m.used - size))
	m.used = size
	return nil
}

// Reset makes content and size what they were after Map, and gives back what the guest
// grew by. Pages that it wrote are found and copied back, so that it has them at hand
// when it writes to them again. Changed is how many of ImagePage were not as in the image.
// Where guests leave most of many pages alone, or the system does not tell which they
// wrote, the image is mapped anew; in the latter case changed is 0. No call of the guest
// is under way. After an error the memory is only good for Free.
//
// Where there were no page faults meanwhile, the guest has no pages of its own but those
// that were found before, and none are looked for.
func (m *Memory) Reset(f Faults) (changed int, err error) {
	if m.image == nil {
		return 0, errors.New("reset a guest's memory: it is on no image")
	}
	if err := m.shrink(uint64(m.image.size)); err != nil {
		return 0, err
	}
	kept, written, all := m.restore(f)
	if !all || kept > mostKept && written < kept/4 {
		if err := m.image.mapOnto(m.reserved[:m.used]); err != nil {
			return 0, fmt.Errorf("map an image of %s anew: %w", m.image.size, err)
		}
		m.own.forget()
	}
	return written / int(ImagePage), m.show()
}

// restore copies back what the guest wrote. It returns how many bytes of pages it has of
// its own, how many of these were not as in the image, and whether that were all.
func (m *Memory) restore(f Faults) (kept, written int, all bool) {
	if !m.own.all(f) && !m.find(f) {
		return 0, 0, false
	}
	b := m.reserved[:m.used]
	for _, run := range m.own.runs {
		kept += run.end - run.start
		written += m.image.restore(b, run.start, run.end)
	}
	return kept, written, true
}

// find looks for the pages that the guest has of its own, and tells whether these are all.
func (m *Memory) find(f Faults) bool {
	runs := m.own.runs[:0]
	all := m.pages.own(m.reserved[:m.used], func(start, end int) bool {
		runs = append(runs, pageRun{start, end})
		return true
	})
	m.own.found(runs, all, f)
	return all
}

// Image returns an image of the memory as it is, a difference from the one that the guest
// began with, or that one's base; the caller has its only reference. No call of the guest is
// under way. What memory has at hand is used; nil: nothing is.
func (m *Memory) Image(memory *ImageMemory) (*MemoryImage, error) {
	base := m.image
	if base != nil && base.base != nil {
		base = base.base
	}
	runs := m.differences(base)
	w, err := NewImageWriter(Bytes(m.used), base, runs, memory)
	if err != nil {
		return nil, err
	}
	defer w.Close()
	at := int64(0)
	for _, r := range runs {
		n, err := w.WriteAt(m.reserved[r.start():r.end()], at)
		if err != nil {
			return nil, err
		}
		at += int64(n)
	}
	return w.Seal()
}

// differences returns which pages are not base's, or beyond it or without one, not zeros.
// Pages that the guest never wrote to are not read, where the system tells which these are.
func (m *Memory) differences(base *MemoryImage) (runs []PageRun) {
	candidates := newPageSet(Bytes(m.used))
	if m.image != nil && m.image != base {
		for _, r := range m.image.differences {
			candidates.fill(r.start(), r.end())
		}
	}
	if !m.pages.own(m.reserved[:m.used], func(start, end int) bool {
		candidates.fill(start, end)
		return true
	}) {
		candidates.fill(0, int(m.used))
	}
	for at := 0; at < int(m.used); {
		to, in := candidates.run(at, int(m.used))
		for ; in && at < to; at += int(ImagePage) {
			if base.differs(m.reserved[at:at+int(ImagePage)], at) {
				runs = addPage(runs, at/int(ImagePage))
			}
		}
		at = to
	}
	return runs
}

// addPage adds a page that comes after all others.
func addPage(runs []PageRun, page int) []PageRun {
	if n := len(runs); n > 0 && runs[n-1].First+runs[n-1].N == page {
		runs[n-1].N++
		return runs
	}
	return append(runs, PageRun{page, 1})
}

// differs tells whether a page at an offset is not as in the image, which has no base; where
// that is nil, or ends before, whether it is not zeros.
func (i *MemoryImage) differs(page []byte, at int) bool {
	if i == nil || at >= int(i.size) || !i.full.has(at) {
		return !zeros(page)
	}
	return !bytes.Equal(page, i.content.bytes[at:at+len(page)])
}
