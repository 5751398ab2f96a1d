package wasi

import (
	"encoding/binary"
	"fmt"
)

// decoder reads what was encoded: numbers as varints, strings after their
// length. After the first error it reads zeros, so that looking at err at the end
// of each item is enough.
type decoder struct {
	data []byte
	pos  int
	err  error
}

// fail notes what is wrong, unless something was before.
func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("at byte %d: %s", d.pos, fmt.Sprintf(format, args...))
	}
}

// magic reads the name of what follows.
func (d *decoder) magic(want string) {
	if got := d.take(uint64(len(want))); string(got) != want {
		d.fail("does not begin with %q", want)
	}
}

// take reads n bytes, which the caller copies if it keeps them.
func (d *decoder) take(n uint64) []byte {
	if d.err == nil && n > uint64(len(d.data)-d.pos) {
		d.fail("ends early")
	}
	if d.err != nil {
		return nil
	}
	b := d.data[d.pos:][:n]
	d.pos += int(n)
	return b
}

// uvarint reads a number of at most most.
func (d *decoder) uvarint(most uint64) uint64 {
	if d.err != nil {
		return 0
	}
	v, n := binary.Uvarint(d.data[d.pos:])
	switch {
	case n <= 0:
		d.fail("no number")
		return 0
	case v > most:
		d.fail("number %d is more than %d", v, most)
		return 0
	}
	d.pos += n
	return v
}

// varint reads a number that may be below 0.
func (d *decoder) varint() int64 {
	if d.err != nil {
		return 0
	}
	v, n := binary.Varint(d.data[d.pos:])
	if n <= 0 {
		d.fail("no number")
		return 0
	}
	d.pos += n
	return v
}

// text reads a string of at most most bytes.
func (d *decoder) text(most uint64) string { return string(d.take(d.uvarint(most))) }

// end fails unless all was read.
func (d *decoder) end() {
	if d.err == nil && d.pos < len(d.data) {
		d.fail("%d bytes too many", len(d.data)-d.pos)
	}
}

// appendText appends s as decoder.text reads it.
func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}
