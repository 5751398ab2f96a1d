package runtime

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestLines(t *testing.T) {
	long := strings.Repeat("x", longestLine)
	for name, test := range map[string]struct {
		writes, want []string
	}{
		"one":                        {[]string{"a\n"}, []string{"a"}},
		"several at once":            {[]string{"a\nb\n\nc\n"}, []string{"a", "b", "", "c"}},
		"one in pieces":              {[]string{"a", "b", "", "c\nd", "\n"}, []string{"abc", "d"}},
		"one without an end":         {[]string{"a\nb"}, []string{"a", "b"}},
		"nothing":                    {[]string{"", ""}, nil},
		"only ends":                  {[]string{"\n", "\n"}, []string{"", ""}},
		"ends of Windows":            {[]string{"a\r\nb\r", "\nc\rd\n"}, []string{"a", "b", "c\rd"}},
		"as long as may be":          {[]string{long + "\n"}, []string{long}},
		"as long as may be, no end":  {[]string{long}, []string{long}},
		"as long as may be, and end": {[]string{long, "\n"}, []string{long}},
		"too long":                   {[]string{long + "y\nz\n"}, []string{long, "y", "z"}},
		"too long in pieces":         {[]string{"a" + long[1:], "y", "y\n"}, []string{"a" + long[1:], "yy"}},
		"twice too long":             {[]string{long + long + "y\n"}, []string{long, long, "y"}},
		"no UTF-8":                   {[]string{"a\xffb\xc3\n"}, []string{"a\uFFFDb\uFFFD"}},
		"a rune in two pieces":       {[]string{"\xc3", "\xa9\n"}, []string{"é"}},
		"control characters":         {[]string{"\x00\x1b[31m\n"}, []string{"\x00\x1b[31m"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			l := &lines{exchange: &exchange{meter: &meter{}}, stream: "stdout", log: func(_, _, line string) { got = append(got, line) }}
			for _, w := range test.writes {
				if n, err := l.Write([]byte(w)); n != len(w) || err != nil {
					t.Errorf("Write(%d bytes) = %d, %v", len(w), n, err)
				}
			}
			l.flush()
			l.flush()
			if !slices.Equal(got, test.want) {
				t.Errorf("got %.80q, want %.80q", got, test.want)
			}
		})
	}
}

func TestLinesTellTheRequestTheyEndIn(t *testing.T) {
	var got []logged
	x := &exchange{meter: &meter{}}
	l := &lines{exchange: x, stream: "stderr", log: func(request, stream, line string) { got = append(got, logged{request, stream, line}) }}
	l.Write([]byte("a\n"))
	x.request = &Request{ID: "r1"}
	l.Write([]byte("b\nc"))
	l.flush()
	x.request = &Request{ID: "r2"}
	l.Write([]byte("d\n"))
	want := []logged{{"", "stderr", "a"}, {"r1", "stderr", "b"}, {"r1", "stderr", "c"}, {"r2", "stderr", "d"}}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestNoLinesDiscard(t *testing.T) {
	var l *lines
	l.flush()
}

func FuzzLines(f *testing.F) {
	f.Add("a\nb", "c\r\n", 3)
	f.Add(strings.Repeat("x", longestLine), "\n", 1)
	f.Add("\xc3\xa9\xff", strings.Repeat("y\n", 5), 0)
	f.Fuzz(func(t *testing.T, a, b string, times int) {
		var got []string
		l := &lines{exchange: &exchange{meter: &meter{}}, log: func(_, _, line string) { got = append(got, line) }}
		text := a
		l.Write([]byte(a))
		for range times & 7 {
			text += b
			l.Write([]byte(b))
		}
		l.flush()
		if len(l.partial) != 0 {
			t.Errorf("%d bytes are left after flush", len(l.partial))
		}
		for _, line := range got {
			// Each invalid byte may become a U+FFFD of three.
			if len(line) > 3*longestLine || strings.Contains(line, "\n") || !utf8.ValidString(line) {
				t.Errorf("a line of %d bytes: %.80q", len(line), line)
			}
		}
		if utf8.ValidString(text) && len(text) <= longestLine && !strings.Contains(text, "\r") {
			if want := strings.TrimSuffix(text, "\n"); strings.Join(got, "\n") != want {
				t.Errorf("%.80q became %.80q", text, got)
			}
		}
	})
}
