package abi

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
)

// message writes Pairs by hand: the header as given, then the bytes.
func message(count, size uint32, rest ...byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, count)
	b = binary.LittleEndian.AppendUint32(b, size)
	return append(b, rest...)
}

// entry is the header of one entry and what follows it.
func entry(nameLen, valueLen uint32, text string) []byte {
	b := binary.LittleEndian.AppendUint32(nil, nameLen)
	b = binary.LittleEndian.AppendUint32(b, valueLen)
	return append(b, text...)
}

// encode writes what v yields anew.
func encode(v View) []byte {
	p := &Pairs{}
	for name, value := range v.All() {
		p.AddBytes(name, value)
	}
	return p.Bytes()
}

func TestPairsComeBackAsTheyWere(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	for name, list := range map[string][][2]string{
		"none":         {},
		"one":          {{"a", "b"}},
		"empty":        {{"", ""}, {"", "value"}, {"name", ""}},
		"repeated":     {{"a", "1"}, {"a", "2"}},
		"any bytes":    {{"\x00\xff", "\n\r\x80"}},
		"long":         {{long, long}, {"a", long}},
		"looks hollow": {{string(message(1, 8)), string(entry(9, 9, ""))}},
	} {
		t.Run(name, func(t *testing.T) {
			p := &Pairs{}
			for _, pair := range list {
				p.Add(pair[0], pair[1])
			}
			v, err := ParsePairs(p.Bytes())
			if err != nil {
				t.Fatal(err)
			}
			if v.Len() != len(list) {
				t.Fatalf("Len is %d, want %d", v.Len(), len(list))
			}
			i := 0
			for name, value := range v.All() {
				if string(name) != list[i][0] || string(value) != list[i][1] {
					t.Errorf("entry %d is %.20q = %.20q, want %.20q", i, name, value, list[i])
				}
				i++
			}
			if i != len(list) {
				t.Errorf("All yields %d entries, want %d", i, len(list))
			}
		})
	}
}

func TestAddAddBytesAndGrowWriteTheSame(t *testing.T) {
	var a, b, c Pairs
	for _, pair := range [][2]string{{"name", "value"}, {"", ""}, {"x", ""}} {
		a.Add(pair[0], pair[1])
		b.AddBytes([]byte(pair[0]), []byte(pair[1]))
		c.Reserve(100)
		copy(c.Grow(pair[0], len(pair[1])), pair[1])
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) || !bytes.Equal(a.Bytes(), c.Bytes()) {
		t.Errorf("Add wrote\n%x, AddBytes\n%x, Grow\n%x", a.Bytes(), b.Bytes(), c.Bytes())
	}
}

// Memory that held another message must not show through.
func TestGrowGivesZeros(t *testing.T) {
	p := &Pairs{}
	p.Add("secret", strings.Repeat("s", 64))
	p.Reset()
	for i, c := range p.Grow("n", 64) {
		if c != 0 {
			t.Fatalf("byte %d is %q", i, c)
		}
	}
}

func TestResetEmptiesAndReuses(t *testing.T) {
	p := &Pairs{}
	p.Add("a", "b")
	p.Bytes()
	p.Reset()
	if got := p.Bytes(); !bytes.Equal(got, message(0, 8)) {
		t.Errorf("after Reset %x", got)
	}
	p.Reset()
	p.Add("c", "d")
	if got, want := p.Bytes(), message(1, 18, entry(1, 1, "cd")...); !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
}

func TestBytesMayBeAskedBetweenAdds(t *testing.T) {
	p := &Pairs{}
	if got := p.Bytes(); !bytes.Equal(got, message(0, 8)) {
		t.Errorf("empty: %x", got)
	}
	p.Add("a", "b")
	if got, want := p.Bytes(), message(1, 18, entry(1, 1, "ab")...); !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
}

func TestParsePairsRefuses(t *testing.T) {
	const max = 1<<32 - 1
	for name, test := range map[string]struct {
		bytes []byte
		want  string
	}{
		"nothing":                {nil, "0 bytes, want a header of 8"},
		"half a header":          {message(0, 8)[:7], "7 bytes, want a header of 8"},
		"a size too small":       {message(0, 7), "header says 7 bytes, there are 8"},
		"a size too large":       {message(0, 9), "header says 9 bytes, there are 8"},
		"the largest size":       {message(0, max), "header says 4294967295 bytes"},
		"no entries":             {message(1, 8), "entry 0 of 1 needs 8 bytes, 0 are left"},
		"the largest count":      {message(max, 8), "entry 0 of 4294967295"},
		"half an entry's header": {message(1, 15, entry(0, 0, "")[:7]...), "needs 8 bytes, 7 are left"},
		"a name too long":        {message(1, 18, entry(3, 0, "ab")...), "needs 11 bytes, 10 are left"},
		"a value too long":       {message(1, 18, entry(1, 2, "ab")...), "needs 11 bytes, 10 are left"},
		"the longest name":       {message(1, 18, entry(max, 0, "ab")...), "needs 4294967303 bytes"},
		"lengths that overflow":  {message(1, 18, entry(max, max, "ab")...), "needs 8589934598 bytes"},
		"a sum that wraps to 2":  {message(1, 18, entry(max, 3, "ab")...), "needs 4294967306 bytes"},
		"one entry too many":     {message(0, 18, entry(1, 1, "ab")...), "10 bytes follow the last of 0 entries"},
		"bytes at the end":       {message(1, 19, entry(1, 1, "abc")...), "1 bytes follow the last of 1 entries"},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := ParsePairs(test.bytes)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
			if v.Len() != 0 {
				t.Errorf("Len is %d", v.Len())
			}
			for range v.All() {
				t.Error("All yields an entry")
			}
		})
	}
}

func TestAllStopsWhenTold(t *testing.T) {
	p := &Pairs{}
	p.Add("a", "")
	p.Add("b", "")
	v, err := ParsePairs(p.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for range v.All() {
		n++
		break
	}
	if n != 1 {
		t.Errorf("%d entries after a break at the first", n)
	}
}

// A name must not reach its value by being appended to.
func TestWindowsEndWhereTheyEnd(t *testing.T) {
	p := &Pairs{}
	p.Add("name", "value")
	p.Add("next", "entry")
	b := bytes.Clone(p.Bytes())
	v, err := ParsePairs(b)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range v.All() {
		_, _ = append(name, "overwritten"...), append(value, "overwritten"...)
	}
	if !bytes.Equal(b, p.Bytes()) {
		t.Errorf("the message was changed: %q", b)
	}
}

func FuzzParsePairs(f *testing.F) {
	p := &Pairs{}
	f.Add(bytes.Clone(p.Bytes()))
	p.Add("Content-Type", "text/plain")
	p.Add("", "")
	f.Add(bytes.Clone(p.Bytes()))
	f.Add(message(1<<32-1, 8))
	f.Add(message(1, 18, entry(1<<32-1, 3, "ab")...))
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := ParsePairs(b)
		if err != nil {
			return
		}
		if got := encode(v); !bytes.Equal(got, b) {
			t.Errorf("%x parses, and is written as %x", b, got)
		}
	})
}
