package front

import (
	"bytes"
	"math"
)

// span is a part of a body: from its first byte to the one after its last.
type span struct{ first, end int64 }

// What a Range comes to.
type rangeKind int

const (
	wholeRange    rangeKind = iota // there is none that means anything here: all is sent
	partRange                      // one part is
	unsatisfiable                  // there is no such part
)

// parseRange reads Range for a body of size bytes, RFC 9110, section 14.2. Of several
// parts, and of what is not in the grammar, nothing is made: all is sent.
func parseRange(value []byte, size int64) (span, rangeKind) {
	unit, set, ok := bytes.Cut(value, []byte{'='})
	if !ok || !bytes.EqualFold(unit, []byte("bytes")) {
		return span{}, wholeRange
	}
	first, last, ok := bytes.Cut(bytes.Trim(set, " \t"), []byte{'-'})
	from, hasFirst := position(first)
	to, hasLast := position(last)
	switch {
	case !ok, !hasFirst && len(first) > 0, !hasLast && len(last) > 0, !hasFirst && !hasLast:
		return span{}, wholeRange
	case !hasFirst: // the last so many
		if to == 0 || size == 0 {
			return span{}, unsatisfiable
		}
		return span{max(0, size-to), size}, partRange
	case hasLast && to < from:
		return span{}, wholeRange
	case from >= size:
		return span{}, unsatisfiable
	case !hasLast || to >= size:
		to = size - 1
	}
	return span{from, to + 1}, partRange
}

// position reads digits; a number beyond all files is as large as there is any.
func position(digits []byte) (n int64, ok bool) {
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		if n > (math.MaxInt64-9)/10 {
			n = math.MaxInt64 / 16
		}
		n = n*10 + int64(c-'0')
	}
	return n, len(digits) > 0
}
