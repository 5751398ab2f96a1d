//go:build !linux

package quotas

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// content is what a MemoryImage holds: memory that can only be read once it is sealed.
// Without Linux's files in memory guests do not share it: each has a copy.
type content struct {
	size  int
	bytes []byte
}

func newContent(size int) (content, error) {
	if size == 0 {
		return content{}, nil
	}
	b, err := reserve(Bytes(size))
	if err != nil {
		return content{}, fmt.Errorf("reserve: %w", err)
	}
	if err := commit(b); err != nil {
		release(b)
		return content{}, fmt.Errorf("commit: %w", err)
	}
	return content{size: size, bytes: b}, nil
}

// newHuge tells that there are no huge pages.
func newHuge(int) (content, bool) { return content{}, false }

// resize is called of none.
func (c *content) resize(int) error { return errors.ErrUnsupported }

// write puts p at an offset that has room for it.
func (c *content) write(p []byte, at int) error {
	copy(c.bytes[at:], p)
	return nil
}

// seal makes the content as it is for good.
func (c *content) seal() error {
	if c.size == 0 {
		return nil
	}
	return unix.Mprotect(c.bytes, unix.PROT_READ)
}

// mapOnto makes b a copy of as much content from an offset on. The content is sealed.
func (c *content) mapOnto(b []byte, at int) error {
	if len(b) == 0 {
		return nil
	}
	if err := discard(b); err != nil {
		return err
	}
	if err := commit(b); err != nil {
		return err
	}
	for done := 0; done < len(b); done += int(ImagePage) {
		if page := c.bytes[at+done : at+done+int(ImagePage)]; !zeros(page) {
			copy(b[done:], page)
		}
	}
	return nil
}

// resident returns how much memory the content takes at most.
func (c *content) resident() Bytes { return Bytes(c.size) }

func (c *content) close() {
	if c.bytes == nil {
		return
	}
	if err := release(c.bytes); err != nil {
		panic(fmt.Sprintf("unmap a memory image of %d bytes: %v", c.size, err)) // cannot be: mapped above
	}
	c.bytes = nil
}
