package abi

import (
	"encoding/binary"
	"fmt"
	"iter"
	"slices"
)

const (
	pairsHeader = 8 // count, size
	pairHeader  = 8 // name_len, value_len
)

// Pairs is a list of names and values in the one layout that crosses in both
// directions, see struct wasgi_pairs in abi.h. The zero value is an empty list.
// It is not safe for concurrent use.
type Pairs struct {
	b     []byte // header and entries; the header is completed by Bytes
	count uint32
}

// Reset empties p and keeps its memory.
func (p *Pairs) Reset() {
	p.b = p.b[:0]
	p.count = 0
}

// Add appends an entry; p keeps a copy of the bytes.
func (p *Pairs) Add(name, value string) {
	p.open(len(name), len(value))
	p.b = append(p.b, name...)
	p.b = append(p.b, value...)
}

// AddBytes is Add for bytes.
func (p *Pairs) AddBytes(name, value []byte) {
	p.open(len(name), len(value))
	p.b = append(p.b, name...)
	p.b = append(p.b, value...)
}

// Reserve makes room for n bytes of message, so that adding them allocates once.
func (p *Pairs) Reserve(n int) { p.b = slices.Grow(p.b, n) }

// Grow appends an entry with name and n bytes of value, which the caller fills
// before the next call of p.
func (p *Pairs) Grow(name string, n int) []byte {
	p.open(len(name), n)
	p.b = append(p.b, name...)
	start := len(p.b)
	p.b = append(p.b, make([]byte, n)...)
	return p.b[start:]
}

func (p *Pairs) open(nameLen, valueLen int) {
	if len(p.b) == 0 {
		p.b = append(p.b, make([]byte, pairsHeader)...)
	}
	p.b = binary.LittleEndian.AppendUint32(p.b, uint32(nameLen))
	p.b = binary.LittleEndian.AppendUint32(p.b, uint32(valueLen))
	p.count++
}

// Bytes returns the message. It is p's until the next call of p.
func (p *Pairs) Bytes() []byte {
	if len(p.b) == 0 {
		p.b = append(p.b, make([]byte, pairsHeader)...)
	}
	binary.LittleEndian.PutUint32(p.b, p.count)
	binary.LittleEndian.PutUint32(p.b[4:], uint32(len(p.b)))
	return p.b
}

// View is a Pairs message that somebody else wrote, checked as a whole by
// ParsePairs. It is a window on the bytes given and lives as long as they do.
type View struct {
	entries []byte
	count   int
}

// ParsePairs checks that b is exactly one well-formed message.
func ParsePairs(b []byte) (View, error) {
	if len(b) < pairsHeader {
		return View{}, fmt.Errorf("pairs: %d bytes, want a header of %d", len(b), pairsHeader)
	}
	count, size := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
	if uint64(size) != uint64(len(b)) {
		return View{}, fmt.Errorf("pairs: header says %d bytes, there are %d", size, len(b))
	}
	v := View{entries: b[pairsHeader:], count: int(count)}
	rest := v.entries
	for i := range count {
		n := entryLen(rest)
		if n > uint64(len(rest)) {
			return View{}, fmt.Errorf("pairs: entry %d of %d needs %d bytes, %d are left", i, count, n, len(rest))
		}
		rest = rest[n:]
	}
	if len(rest) != 0 {
		return View{}, fmt.Errorf("pairs: %d bytes follow the last of %d entries", len(rest), count)
	}
	return v, nil
}

// entryLen returns the length of the entry at the start of b, at least that of its header.
func entryLen(b []byte) uint64 {
	if len(b) < pairHeader {
		return pairHeader
	}
	return pairHeader + uint64(binary.LittleEndian.Uint32(b)) + uint64(binary.LittleEndian.Uint32(b[4:]))
}

// Size returns the length of the entries, in bytes.
func (v View) Size() int { return len(v.entries) }

// Len returns the number of entries.
func (v View) Len() int { return v.count }

// All yields the names and values in order, as windows on the message.
func (v View) All() iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		rest := v.entries
		for range v.count {
			end := entryLen(rest)
			nameEnd := pairHeader + uint64(binary.LittleEndian.Uint32(rest))
			if !yield(rest[pairHeader:nameEnd:nameEnd], rest[nameEnd:end:end]) {
				return
			}
			rest = rest[end:]
		}
	}
}
