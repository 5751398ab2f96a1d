package front

import (
	"bytes"
	"slices"
)

// coding is a content coding as headers name it; "" is none.
type coding string

// The codings that the server knows.
const (
	plain  coding = ""
	gzip   coding = "gzip"
	brotli coding = "br"
	zstd   coding = "zstd"
)

// ratings are what a client thinks of codings, in thousandths: 0 is one that it does not
// take, and so is one that it does not name, but for none at all.
type ratings struct {
	named map[coding]int
	rest  int // of those not named, by "*"; -1: not said
}

// parseAccept reads the values of Accept-Encoding, RFC 9110, section 12.5.3. What is not
// in its grammar is passed over.
func parseAccept(values [][]byte) ratings {
	r := ratings{rest: -1}
	for _, value := range values {
		for item := range bytes.SplitSeq(value, []byte{','}) {
			name, params, _ := bytes.Cut(item, []byte{';'})
			q, ok := quality(params)
			if ok {
				r.rate(bytes.ToLower(bytes.Trim(name, " \t")), q)
			}
		}
	}
	return r
}

func (r *ratings) rate(name []byte, q int) {
	switch string(name) {
	case "*":
		r.rest = q
		return
	case "identity":
		name = nil
	case "x-gzip":
		name = []byte(gzip)
	case string(gzip), string(brotli), string(zstd):
	default:
		return
	}
	if r.named == nil {
		r.named = map[coding]int{}
	}
	r.named[coding(name)] = q
}

// quality reads `q=0.5`, in thousandths; nothing is 1000.
func quality(params []byte) (q int, ok bool) {
	params = bytes.Trim(params, " \t")
	if len(params) == 0 {
		return 1000, true
	}
	if len(params) < 3 || params[0]|0x20 != 'q' || params[1] != '=' || len(params) > len("q=0.000") {
		return 0, false
	}
	whole, rest := params[2], params[3:]
	if whole != '0' && whole != '1' || len(rest) > 0 && rest[0] != '.' {
		return 0, false
	}
	q = int(whole-'0') * 1000
	unit := 100
	for _, c := range rest[min(1, len(rest)):] {
		if c < '0' || c > '9' {
			return 0, false
		}
		q += int(c-'0') * unit
		unit /= 10
	}
	return q, q <= 1000
}

// of returns the rating of a coding.
func (r ratings) of(c coding) int {
	q, named := r.named[c]
	switch {
	case named:
		return q
	case r.rest >= 0:
		return r.rest
	case c == plain:
		return 1 // always taken, and least of all
	}
	return 0
}

// best returns which of the codings the client likes most, the first of those that it
// likes as much, and plain where it likes that more than any.
func (r ratings) best(of ...coding) coding {
	if len(of) == 0 || r.named == nil && r.rest < 0 {
		return plain
	}
	best := slices.MaxFunc(of, func(a, b coding) int { return r.of(a) - r.of(b) })
	if q := r.of(best); q == 0 || q < r.named[plain] {
		return plain
	}
	return best
}
