package quotas

import (
	"errors"
	"math"
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

func TestQuotaLimitsOnBothSides(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Quota)
		want   string
	}{
		"the default":        {func(*Quota) {}, ""},
		"the least memory":   {func(q *Quota) { q.Memory = 48 * MiB }, ""},
		"less memory":        {func(q *Quota) { q.Memory = 48*MiB - 1 }, "memory is 50331647B, want 48MiB to 4194240KiB"},
		"no memory":          {func(q *Quota) { q.Memory = 0 }, "memory is 0B, want"},
		"negative memory":    {func(q *Quota) { q.Memory = -GiB }, "memory is -1GiB, want"},
		"the most memory":    {func(q *Quota) { q.Memory = 4*GiB - 64*KiB }, ""},
		"more memory":        {func(q *Quota) { q.Memory = 4*GiB - 64*KiB + 1 }, "memory is 4294901761B, want"},
		"the shortest time":  {func(q *Quota) { q.Timeout = time.Millisecond }, ""},
		"a shorter time":     {func(q *Quota) { q.Timeout = time.Millisecond - 1 }, "timeout is 999.999µs, want 1ms to 24h0m0s"},
		"no time":            {func(q *Quota) { q.Timeout = 0 }, "timeout is 0s, want"},
		"negative time":      {func(q *Quota) { q.Timeout = -time.Second }, "timeout is -1s, want"},
		"the longest time":   {func(q *Quota) { q.Timeout = 24 * time.Hour }, ""},
		"a longer time":      {func(q *Quota) { q.Timeout = 24*time.Hour + 1 }, "timeout is 24h0m0.000000001s, want"},
		"one instance":       {func(q *Quota) { q.Instances = 1 }, ""},
		"no instance":        {func(q *Quota) { q.Instances = 0 }, "instances is 0, want 1 to 1024"},
		"negative instances": {func(q *Quota) { q.Instances = -1 }, "instances is -1, want"},
		"the most instances": {func(q *Quota) { q.Instances = 1024 }, ""},
		"more instances":     {func(q *Quota) { q.Instances = 1025 }, "instances is 1025, want"},
		"one request":        {func(q *Quota) { q.MaxRequests = 1 }, ""},
		"no request":         {func(q *Quota) { q.MaxRequests = 0 }, "max_requests is 0, want 1 to 1099511627776"},
		"negative requests":  {func(q *Quota) { q.MaxRequests = -1 }, "max_requests is -1, want"},
		"the most requests":  {func(q *Quota) { q.MaxRequests = 1 << 40 }, ""},
		"more requests":      {func(q *Quota) { q.MaxRequests = 1<<40 + 1 }, "max_requests is 1099511627777, want"},
		"the least data":     {func(q *Quota) { q.Data = 64 * KiB }, ""},
		"less data":          {func(q *Quota) { q.Data = 64*KiB - 1 }, "data is 65535B, want 64KiB to 1024GiB"},
		"the most data":      {func(q *Quota) { q.Data = 1024 * GiB }, ""},
		"more data":          {func(q *Quota) { q.Data = 1024*GiB + 1 }, "data is 1099511627777B, want"},
		"the least tmp":      {func(q *Quota) { q.Tmp = 64 * KiB }, ""},
		"less tmp":           {func(q *Quota) { q.Tmp = 64*KiB - 1 }, "tmp is 65535B, want 64KiB to 4194240KiB"},
		"the most tmp":       {func(q *Quota) { q.Tmp = mostMemory }, ""},
		"more tmp":           {func(q *Quota) { q.Tmp = mostMemory + 1 }, "tmp is 4294901761B, want"},
		"the least of logs":  {func(q *Quota) { q.LogRate = KiB }, ""},
		"less of logs":       {func(q *Quota) { q.LogRate = KiB - 1 }, "log_rate is 1023B/s, want 1KiB/s to 64MiB/s"},
		"the most of logs":   {func(q *Quota) { q.LogRate = 64 * MiB }, ""},
		"more of logs":       {func(q *Quota) { q.LogRate = 64*MiB + 1 }, "log_rate is 67108865B/s, want"},
		"nothing at all":     {func(q *Quota) { *q = Quota{} }, "memory is 0B"},
	} {
		t.Run(name, func(t *testing.T) {
			q := Default()
			test.change(&q)
			err := q.Validate()
			var limit *LimitError
			switch {
			case test.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case test.want != "" && (!errors.As(err, &limit) || !strings.HasPrefix(err.Error(), test.want)):
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
