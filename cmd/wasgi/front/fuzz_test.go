package front

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func FuzzRange(f *testing.F) {
	for _, seed := range []string{"bytes=0-0", "bytes=-5", "bytes=5-", "bytes=0-1,2-3", "bytes=-", "bytes=9999999999999999999999-", "bytes=-99999999999999999999999", "lines=1-2", "bytes = 1-2", ""} {
		f.Add([]byte(seed), int64(10))
	}
	f.Fuzz(func(t *testing.T, value []byte, size int64) {
		if size < 0 {
			return
		}
		part, kind := parseRange(value, size)
		if kind == partRange && (part.first < 0 || part.first >= part.end || part.end > size) {
			t.Errorf("%q of %d: %v", value, size, part)
		}
		if kind != wholeRange && !bytes.Contains(value, []byte{'-'}) {
			t.Errorf("%q: %v", value, kind)
		}
	})
}

func FuzzAcceptEncoding(f *testing.F) {
	for _, seed := range []string{"gzip", "gzip;q=0.5, br", "*;q=0", "identity;q=0", "br;q=1.001", ";;,,", "x-gzip ; q=0.1", "GZIP;Q=1"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		r := parseAccept([][]byte{value})
		for _, c := range []coding{plain, gzip, brotli, zstd} {
			if q := r.of(c); q < 0 || q > 1000 {
				t.Errorf("%q rates %q %d", value, c, q)
			}
		}
		best := r.best(brotli, zstd, gzip)
		if best != plain && (r.of(best) == 0 || !bytes.Contains(bytes.ToLower(value), []byte(best)) && !bytes.Contains(value, []byte{'*'})) {
			t.Errorf("%q gets %q", value, best)
		}
		if again := parseAccept([][]byte{append([]byte("deflate, "), value...)}).best(brotli, zstd, gzip); again != best {
			t.Errorf("%q gets %q, and with deflate before it %q", value, best, again)
		}
	})
}

func FuzzCacheControl(f *testing.F) {
	for _, seed := range []string{"max-age=60", "no-store", "private=\"a, no-store\", s-maxage=5", "max-age=\"60\"", "a=\"\\\", no-store", ",,=,=\"", "max-age=99999999999999999999"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		c := parseCacheControl([][]byte{value})
		if c.maxAge < -1 || c.sharedAge < -1 || c.maxAge > 100*365*24*time.Hour {
			t.Errorf("%q: %+v", value, c)
		}
		if bytes.IndexByte(value, '"') < 0 {
			if with := parseCacheControl([][]byte{append([]byte("no-store, "), value...)}); !with.noStore {
				t.Errorf("%q hides no-store", value)
			}
			if with := parseCacheControl([][]byte{append(bytes.Clone(value), ", no-store"...)}); !with.noStore {
				t.Errorf("no-store is not seen after %q", value)
			}
		}
	})
}

func FuzzETags(f *testing.F) {
	for _, seed := range []string{`"a"`, `W/"a"`, `"b", W/"a"`, `*`, `"a`, `a`, `,,"a",`, `W/W/"a"`, `"b""a"`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		v := validators{etag: `"a"`}
		strongly, weakly := v.matches([][]byte{value}, false), v.matches([][]byte{value}, true)
		if strongly && !weakly {
			t.Errorf("%q matches strongly only", value)
		}
		if text := string(value); weakly && !strings.Contains(text, `"a"`) && strings.Trim(text, " \t") != "*" {
			t.Errorf("%q matches", value)
		}
		if !weakly && !v.matches([][]byte{value, []byte(v.etag)}, false) {
			t.Errorf("%q hides the tag in a line after it", value)
		}
		if weak := (validators{etag: `W/"a"`}); weak.matches([][]byte{value}, false) && strings.Trim(string(value), " \t") != "*" {
			t.Errorf("a weak tag matches %q strongly", value)
		}
	})
}

func FuzzTime(f *testing.F) {
	for _, seed := range []string{hour, "Saturday, 01-Nov-25 10:00:00 GMT", "Sat Nov  1 10:00:00 2025", "0", ""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		at, ok := parseTime(string(value))
		if again, is := parseTime(at.Format(httpTime)); ok && at.Year() < 10000 && (!is || !again.Equal(at)) {
			t.Errorf("%q is %v, and that is %v", value, at, again)
		}
	})
}
