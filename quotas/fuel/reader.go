package fuel

import (
	"fmt"
	"unicode/utf8"
)

// reader takes numbers and names from a part of a module. After its first error it
// stays at its end and gives zeros; whoever reads looks at err once, when done.
type reader struct {
	b    []byte
	pos  int
	base int // where b begins in the module, for messages
	err  error
}

// fail notes an error of what begins at position at.
func (r *reader) fail(at int, format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("offset %#x: %s", r.base+at, fmt.Sprintf(format, args...))
	}
	r.pos = len(r.b)
}

func (r *reader) more() bool { return r.err == nil && r.pos < len(r.b) }

func (r *reader) byte() byte {
	if !r.more() {
		r.fail(r.pos, "ends early, expected one byte more")
		return 0
	}
	r.pos++
	return r.b[r.pos-1]
}

// u32 reads an unsigned number of up to 32 bits.
func (r *reader) u32() uint32 {
	at := r.pos
	var v uint64
	for shift := 0; shift < 35; shift += 7 {
		b := r.byte()
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			if v > 1<<32-1 {
				break
			}
			return uint32(v)
		}
	}
	r.fail(at, "a number has more than 32 bits")
	return 0
}

// signed reads a signed number of up to bits bits.
func (r *reader) signed(bits int) int64 {
	at := r.pos
	var v int64
	for shift := 0; shift < bits; shift += 7 {
		b := r.byte()
		v |= int64(b&0x7f) << shift
		if b >= 0x80 {
			continue
		}
		if shift+7 < 64 {
			v = v << (57 - shift) >> (57 - shift)
		}
		return v
	}
	r.fail(at, "a number has more than %d bits", bits)
	return 0
}

// take returns the next n bytes, not copied.
func (r *reader) take(n uint32) []byte {
	if r.err != nil || uint64(n) > uint64(len(r.b)-r.pos) {
		r.fail(r.pos, "ends early, expected %d bytes", n)
		return nil
	}
	r.pos += int(n)
	return r.b[r.pos-int(n) : r.pos]
}

func (r *reader) name() string {
	at := r.pos
	b := r.take(r.u32())
	if !utf8.Valid(b) {
		r.fail(at, "a name is not UTF-8")
	}
	return string(b)
}

// count reads how many items follow, each of at least one byte.
func (r *reader) count() int {
	at := r.pos
	n := r.u32()
	if uint64(n) > uint64(len(r.b)-r.pos) {
		r.fail(at, "%d items in %d bytes", n, len(r.b)-r.pos)
		return 0
	}
	return int(n)
}

// part returns a reader of the next n bytes.
func (r *reader) part(n uint32) *reader {
	at := r.pos
	b := r.take(n)
	return &reader{b: b, base: r.base + at, err: r.err}
}

// end notes an error if there is more.
func (r *reader) end() error {
	if r.more() {
		r.fail(r.pos, "%d bytes are left over", len(r.b)-r.pos)
	}
	return r.err
}

func appendU32(b []byte, v uint32) []byte {
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

func appendSigned(b []byte, v int64) []byte {
	for v < -64 || v > 63 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v)&0x7f)
}

func appendName(b []byte, name string) []byte {
	return append(appendU32(b, uint32(len(name))), name...)
}
