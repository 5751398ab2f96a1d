package quotas

import (
	"sync"
	"time"
)

// ImageMemory keeps memory at hand for what images differ in from their bases: in huge pages,
// which the kernel has cleared and which writing to costs a tenth of what it costs elsewhere.
// Where the system has none, images take memory as they are written. It is made anew in the
// background; a nil ImageMemory keeps none. It is safe for concurrent use.
type ImageMemory struct {
	most int

	filling sync.Mutex // held while some is made
	mu      sync.Mutex
	ready   []content // each of imageMemory
	timer   *time.Timer
	closed  bool
}

const (
	imageMemory = 24 * MiB
	// leastHuge is the least that is worth it.
	leastHuge = 1 * MiB
	// imageMemoryAfter is how long after some was taken more is made: who took it answers
	// first.
	imageMemoryAfter = 50 * time.Millisecond
)

// NewImageMemory returns one that keeps memory for so many images, in all no more than a 32nd
// of total. None is made before it is known that images are.
func NewImageMemory(images int, total Bytes) *ImageMemory {
	return &ImageMemory{most: min(images, int(total/32/imageMemory))}
}

// take returns a content of size, from what is at hand if that is worth it.
func (m *ImageMemory) take(size int) (content, error) {
	if m == nil {
		return newContent(size)
	}
	c := m.next(size >= int(leastHuge))
	if c.size == 0 {
		return newContent(size)
	}
	if err := c.resize(size); err != nil {
		c.close()
		return content{}, err
	}
	return c, nil
}

// next takes out what is at hand, if wanted, else or if there is none an empty content, and has
// more made soon.
func (m *ImageMemory) next(wanted bool) (c content) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := len(m.ready); n > 0 && wanted {
		c = m.ready[n-1]
		m.ready = m.ready[:n-1]
	}
	if len(m.ready) < m.most && m.timer == nil && !m.closed {
		m.timer = time.AfterFunc(imageMemoryAfter, m.fill)
	}
	return c
}

// fill makes memory until there is enough. Where none can be had it is tried again when some is
// wanted.
func (m *ImageMemory) fill() {
	m.filling.Lock()
	defer m.filling.Unlock()
	for m.wanting() {
		c, ok := newHuge(int(imageMemory))
		if !ok {
			break
		}
		m.put(c)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.timer = nil
}

func (m *ImageMemory) wanting() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return !m.closed && len(m.ready) < m.most
}

func (m *ImageMemory) put(c content) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		c.close()
		return
	}
	m.ready = append(m.ready, c)
}

// Close gives back what is at hand. Images stay.
func (m *ImageMemory) Close() {
	if m == nil {
		return
	}
	m.mu.Lock()
	m.closed = true
	ready := m.ready
	m.ready = nil
	m.mu.Unlock()
	m.filling.Lock() // what is being made is closed by put
	defer m.filling.Unlock()
	for _, c := range ready {
		c.close()
	}
}
