package quotas

import (
	"slices"
	"sync"
	"time"
)

// ImageMemory keeps memory at hand for what images differ in from their bases: in huge pages,
// which the kernel has cleared and which writing to costs a tenth of what it costs elsewhere.
// Where the system has none, images take memory as they are written. It is made anew in the
// background; a nil ImageMemory keeps none. It is safe for concurrent use.
type ImageMemory struct {
	most int // of each kind

	filling sync.Mutex // held while some is made
	mu      sync.Mutex
	ready   [imageKinds][]content
	timer   *time.Timer
	closed  bool
}

// imageKind is a size of memory that is kept.
type imageKind int

const (
	smallImage imageKind = iota // what an app of a few modules differs in
	largeImage                  // what one of a framework does
	imageKinds
)

func (k imageKind) size() Bytes { return [imageKinds]Bytes{4 * MiB, 24 * MiB}[k] }

const (
	// leastHuge is the least that is worth it.
	leastHuge = 1 * MiB
	// imageMemoryAfter is how long after some was taken more is made: who took it answers
	// first.
	imageMemoryAfter = 50 * time.Millisecond
)

// NewImageMemory returns one that keeps memory for so many images of each kind, in all no more
// than a 32nd of total. None is made before it is known that images are.
func NewImageMemory(images int, total Bytes) *ImageMemory {
	var each Bytes
	for kind := range imageKinds {
		each += kind.size()
	}
	return &ImageMemory{most: min(images, int(total/32/each))}
}

// take returns a content of size, from what is at hand if that is worth it.
func (m *ImageMemory) take(size int) (content, error) {
	if m == nil {
		return newContent(size)
	}
	c := m.next(size)
	if c.size == 0 {
		return newContent(size)
	}
	if err := c.resize(size); err != nil {
		c.close()
		return content{}, err
	}
	return c, nil
}

// next takes out what is at hand for that size, an empty content if there is none, and has more
// made soon.
func (m *ImageMemory) next(size int) (c content) {
	kind := smallImage
	if Bytes(size) > kind.size() {
		kind = largeImage
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := len(m.ready[kind]); n > 0 && size >= int(leastHuge) {
		c = m.ready[kind][n-1]
		m.ready[kind] = m.ready[kind][:n-1]
	}
	if m.timer == nil && !m.closed && min(len(m.ready[smallImage]), len(m.ready[largeImage])) < m.most {
		m.timer = time.AfterFunc(imageMemoryAfter, m.fill)
	}
	return c
}

// fill makes memory until there is enough. Where none can be had it is tried again when some is
// wanted.
func (m *ImageMemory) fill() {
	m.filling.Lock()
	defer m.filling.Unlock()
	for kind := range imageKinds {
		for m.wanting(kind) {
			c, ok := newHuge(int(kind.size()))
			if !ok {
				break
			}
			m.put(kind, c)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.timer = nil
}

func (m *ImageMemory) wanting(kind imageKind) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return !m.closed && len(m.ready[kind]) < m.most
}

func (m *ImageMemory) put(kind imageKind, c content) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		c.close()
		return
	}
	m.ready[kind] = append(m.ready[kind], c)
}

// Close gives back what is at hand. Images stay.
func (m *ImageMemory) Close() {
	if m == nil {
		return
	}
	m.mu.Lock()
	m.closed = true
	ready := m.ready
	m.ready = [imageKinds][]content{}
	m.mu.Unlock()
	m.filling.Lock() // what is being made is closed by put
	defer m.filling.Unlock()
	for _, c := range slices.Concat(ready[:]...) {
		c.close()
	}
}
