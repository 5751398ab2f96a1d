package quotas

import (
	"errors"
	"math"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestParseBytes(t *testing.T) {
	for text, want := range map[string]Bytes{
		"0B": 0, "1B": 1, "1023B": 1023, "1KiB": 1024, "128MiB": 128 << 20, "4GiB": 4 << 30, "007MiB": 7 << 20,
		"-1MiB": -1 << 20, "9223372036854775807B": math.MaxInt64, "8589934591GiB": 8589934591 << 30,
	} {
		if got, err := ParseBytes(text); got != want || err != nil {
			t.Errorf("ParseBytes(%q) = %d, %v, want %d", text, got, err, want)
		}
	}
}

func TestParseBytesRefuses(t *testing.T) {
	for _, text := range []string{
		"", "1", "B", "MiB", "1M", "1MB", "1mib", "1KB", "1iB", "1GGiB", "1BB", "1 MiB", " 1MiB", "1MiB ", "1MiB\n", "+1MiB", "--1B",
		"1.5MiB", "1e3B", "0x10B", "1_000B", "128MiB, or so", "\x00", "١B", "9223372036854775808B", "8589934592GiB", "-8589934592GiB",
		"99999999999999999999999GiB", strings.Repeat("1", 1000) + "B",
	} {
		if got, err := ParseBytes(text); err == nil || got != 0 {
			t.Errorf("ParseBytes(%q) = %d, %v", text, got, err)
		} else if !strings.Contains(err.Error(), "size") {
			t.Errorf("ParseBytes(%q): %v", text, err)
		}
	}
}

func TestUnmarshalTextKeepsTheValueOnError(t *testing.T) {
	b := MiB
	if err := b.UnmarshalText([]byte("much")); err == nil || b != MiB {
		t.Errorf("got %v, %v", b, err)
	}
	if err := b.UnmarshalText([]byte("2GiB")); err != nil || b != 2*GiB {
		t.Errorf("got %v, %v", b, err)
	}
}

func FuzzBytes(f *testing.F) {
	for _, n := range []int64{0, 1, 1023, 1024, 1 << 20, 3 << 30, math.MaxInt64, -5, -1 << 40} {
		f.Add(n, "128MiB")
	}
	f.Add(int64(1), "9223372036854775807GiB")
	f.Fuzz(func(t *testing.T, n int64, text string) {
		if n != math.MinInt64 {
			if got, err := ParseBytes(Bytes(n).String()); got != Bytes(n) || err != nil {
				t.Errorf("%d is written as %q and read as %d, %v", n, Bytes(n), got, err)
			}
		}
		b, err := ParseBytes(text)
		if err != nil {
			return
		}
		if again, err := ParseBytes(b.String()); again != b || err != nil {
			t.Errorf("%q is %d, written as %q, read as %d, %v", text, b, b, again, err)
		}
	})
}

// Each limit is tried at its least and its most, and a step outside of both.
func TestQuotaLimitsOnBothSides(t *testing.T) {
	for name, test := range map[string]struct {
		step          func(*Quota, int) // by so many of its smallest steps
		less, more    string
		none, reverse string
	}{
		"memory":          {func(q *Quota, n int) { q.Memory += Bytes(n) }, "50331647B, want 48MiB to 4194240KiB", "4294901761B", "0B", "-48MiB"},
		"stack":           {func(q *Quota, n int) { q.Stack += Bytes(n) }, "1048575B, want 1MiB to 64MiB", "67108865B", "0B", "-1MiB"},
		"cpu":             {func(q *Quota, n int) { q.CPU += time.Duration(n) }, "999.999µs, want 1ms to 24h0m0s", "24h0m0.000000001s", "0s", "-1ms"},
		"cpu_share":       {func(q *Quota, n int) { q.CPUShare += float64(n) / 1024 }, "0.0090234375, want 0.01 to 1024", "1024.0009765625", "0", "-0.01"},
		"cpu_burst":       {func(q *Quota, n int) { q.CPUBurst += time.Duration(n) }, "999.999µs, want 1ms to 24h0m0s", "24h0m0.000000001s", "0s", "-1ms"},
		"timeout":         {func(q *Quota, n int) { q.Timeout += time.Duration(n) }, "999.999µs, want 1ms to 24h0m0s", "24h0m0.000000001s", "0s", "-1ms"},
		"startup_cpu":     {func(q *Quota, n int) { q.StartupCPU += time.Duration(n) }, "999.999µs, want 1ms to 24h0m0s", "24h0m0.000000001s", "0s", "-1ms"},
		"startup_timeout": {func(q *Quota, n int) { q.StartupTimeout += time.Duration(n) }, "999.999µs, want 1ms to 24h0m0s", "24h0m0.000000001s", "0s", "-1ms"},
		"instances":       {func(q *Quota, n int) { q.Instances += n }, "0, want 1 to 1024", "1025", "0", "-1"},
		"max_requests":    {func(q *Quota, n int) { q.MaxRequests += n }, "0, want 1 to 1099511627776", "1099511627777", "0", "-1"},
		"queue":           {func(q *Quota, n int) { q.Queue += n }, "0, want 1 to 65536", "65537", "0", "-1"},
		"queue_timeout":   {func(q *Quota, n int) { q.QueueTimeout += time.Duration(n) }, "999.999µs, want 1ms to 24h0m0s", "24h0m0.000000001s", "0s", "-1ms"},
		"request_body":    {func(q *Quota, n int) { q.RequestBody += Bytes(n) }, "1023B, want 1KiB to 1024GiB", "1099511627777B", "0B", "-1KiB"},
		"response_body":   {func(q *Quota, n int) { q.ResponseBody += Bytes(n) }, "1023B, want 1KiB to 1024GiB", "1099511627777B", "0B", "-1KiB"},
		"log_rate":        {func(q *Quota, n int) { q.LogRate += Bytes(n) }, "1023B/s, want 1KiB/s to 64MiB/s", "67108865B/s", "0B/s", "-1KiB/s"},
		"log_keep":        {func(q *Quota, n int) { q.LogKeep += Bytes(n) }, "65535B, want 64KiB to 1GiB", "1073741825B", "0B", "-64KiB"},
		"data":            {func(q *Quota, n int) { q.Data += Bytes(n) }, "65535B, want 64KiB to 1024GiB", "1099511627777B", "0B", "-64KiB"},
		"tmp":             {func(q *Quota, n int) { q.Tmp += Bytes(n) }, "65535B, want 64KiB to 4194240KiB", "4294901761B", "0B", "-64KiB"},
	} {
		t.Run(name, func(t *testing.T) {
			at := func(start Quota, by int, want string) {
				t.Helper()
				q := Default()
				fieldOf(t, &q, name).set(fieldOf(t, &start, name))
				test.step(&q, by)
				refuses(t, q, name, want)
			}
			at(Least(), 0, "")
			at(Least(), 1, "")
			at(Least(), -1, test.less)
			at(Most(), 0, "")
			at(Most(), -1, "")
			at(Most(), 1, test.more)
			at(Quota{}, 0, test.none)
			at(negative(Least()), 0, test.reverse)
		})
	}
}

// refuses checks that the limit of that name is what q is refused for, "" for not at all.
func refuses(t *testing.T, q Quota, name, want string) {
	t.Helper()
	err := q.Validate()
	var out *RangeError
	switch {
	case want == "" && err != nil:
		t.Errorf("refused: %v", err)
	case want == "":
	case !errors.As(err, &out) || out.Name != name || !strings.HasPrefix(err.Error(), name+" is "+want):
		t.Errorf("got %v, want %s is %s", err, name, want)
	}
}

func fieldOf(t *testing.T, q *Quota, name string) Field {
	t.Helper()
	for _, f := range q.Fields() {
		if f.Name == name {
			return f
		}
	}
	t.Fatalf("no limit is called %s", name)
	return Field{}
}

func negative(q Quota) Quota {
	for _, f := range q.Fields() {
		switch v := f.Value.(type) {
		case *Bytes:
			*v = -*v
		case *time.Duration:
			*v = -*v
		case *int:
			*v = -*v
		case *float64:
			*v = -*v
		}
	}
	return q
}

func TestQuotasThatHold(t *testing.T) {
	for name, q := range map[string]Quota{"default": Default(), "least": Least(), "most": Most()} {
		if err := q.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := (Quota{}).Validate(); err == nil {
		t.Error("nothing at all is valid")
	}
	for name, share := range map[string]float64{"no number": math.NaN(), "infinite": math.Inf(1)} {
		q := Default()
		q.CPUShare = share
		if q.Validate() == nil {
			t.Errorf("a share that is %s is valid", name)
		}
	}
}

// A limit that is in no table would never be read, checked or lowered.
func TestFieldsAreAllOfTheQuota(t *testing.T) {
	q := Default()
	shape := reflect.TypeOf(q)
	fields := q.Fields()
	if shape.NumField() != len(fields) {
		t.Fatalf("%d fields of %d", len(fields), shape.NumField())
	}
	for i, f := range fields {
		if own := reflect.ValueOf(&q).Elem().Field(i).Addr().Interface(); own != f.Value {
			t.Errorf("%s is not %s", f.Name, shape.Field(i).Name)
		}
	}
	for _, l := range Limits() {
		fieldOf(t, &q, string(l))
	}
}

func TestWithin(t *testing.T) {
	ceilings := Most()
	if q := Default().Within(ceilings); q != Default() {
		t.Errorf("got %+v", q)
	}
	ceilings.Memory, ceilings.CPUShare, ceilings.Timeout, ceilings.Queue = 64*MiB, 0.5, time.Second, 1
	want := Default()
	want.Memory, want.CPUShare, want.Timeout, want.Queue = 64*MiB, 0.5, time.Second, 1
	if q := Default().Within(ceilings); q != want {
		t.Errorf("got %+v", q)
	}
	if q := Most().Within(Least()); q != Least() {
		t.Errorf("got %+v", q)
	}
}

// The README's table of limits says what holds.
func TestLimitsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	value, least, most := Default(), Least(), Most()
	columns := [][]Field{value.Fields(), least.Fields(), most.Fields()}
	for i, f := range columns[0] {
		_, row, ok := strings.Cut(string(text), "\n| `"+f.Name+"` |")
		row, _, _ = strings.Cut(row, "\n")
		cells := strings.Split(row, "|")
		if !ok || len(cells) < 4 {
			t.Errorf("%s has no row", f.Name)
			continue
		}
		for n, column := range columns {
			want := column[i].String()
			if d, is := column[i].Value.(*time.Duration); is { // the README writes 24h, not 24h0m0s
				got, err := time.ParseDuration(strings.Trim(cells[n+1], " `"))
				if err == nil && got == *d {
					continue
				}
			}
			if got := strings.Trim(cells[n+1], " `"); got != want {
				t.Errorf("%s: the README has %s, want %s", f.Name, got, want)
			}
		}
	}
}
