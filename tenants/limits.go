package tenants

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"wasgi/quotas"
)

// limits takes what t says of limits into q, and complains of what makes no sense, and
// of what is too high: ceiling says what for, "" where it is not. It may be nil.
func (t *table) limits(q *quotas.Quota, ceiling func(quotas.Field) string) {
	for _, f := range q.Fields() {
		value, given := t.values[f.Name]
		if t.limit(f); !given || ceiling == nil {
			continue
		}
		if why := ceiling(f); why != "" {
			t.fail(fmt.Errorf("%s = %s: %s", t.path(f.Name), show(value), why))
		}
	}
	t.outside(q.Validate())
}

// limit takes one limit.
func (t *table) limit(f quotas.Field) {
	switch to := f.Value.(type) {
	case *quotas.Bytes:
		if f.PerSecond {
			t.rate(f.Name, to)
		} else {
			t.size(f.Name, to)
		}
	case *time.Duration:
		t.duration(f.Name, to)
	case *int:
		t.integer(f.Name, to)
	case *float64:
		t.float(f.Name, to)
	}
}

func (t *table) size(key string, to *quotas.Bytes) {
	t.bytes(key, "", `a size like "128MiB"`, to)
}

// rate takes an amount per second.
func (t *table) rate(key string, to *quotas.Bytes) {
	t.bytes(key, "/s", `an amount per second like "64KiB/s"`, to)
}

func (t *table) bytes(key, suffix, want string, to *quotas.Bytes) {
	v, ok := t.take(key)
	if !ok {
		return
	}
	text, is := v.(string)
	amount, has := strings.CutSuffix(text, suffix)
	n, err := quotas.ParseBytes(amount)
	if !is || !has || err != nil {
		t.complain(key, v, want)
		return
	}
	*to = n
}

func (t *table) duration(key string, to *time.Duration) {
	v, ok := t.take(key)
	if !ok {
		return
	}
	text, is := v.(string)
	d, err := time.ParseDuration(text)
	if !is || err != nil {
		t.complain(key, v, `a time like "30s" or "500ms"`)
		return
	}
	*to = d
}

func (t *table) sizeBetween(key string, to *quotas.Bytes, least, most quotas.Bytes) {
	_, given := t.values[key]
	t.size(key, to)
	between(t, key, given, *to, least, most)
}

func (t *table) durationBetween(key string, to *time.Duration, least, most time.Duration) {
	_, given := t.values[key]
	t.duration(key, to)
	between(t, key, given, *to, least, most)
}

func (t *table) integerBetween(key string, to *int, least, most int) {
	_, given := t.values[key]
	t.integer(key, to)
	between(t, key, given, *to, least, most)
}

func (t *table) floatBetween(key string, to *float64, least, most float64) {
	_, given := t.values[key]
	t.float(key, to)
	between(t, key, given, *to, least, most)
}

// between complains of a value that was given and is out of its range.
func between[T cmp.Ordered](t *table, key string, given bool, value, least, most T) {
	if given && (cmp.Less(value, least) || cmp.Less(most, value)) {
		t.outside(&quotas.RangeError{Name: key, Value: fmt.Sprint(value), Least: fmt.Sprint(least), Most: fmt.Sprint(most)})
	}
}

// outside complains of a value of t that is out of its range, if err says so.
func (t *table) outside(err error) {
	var out *quotas.RangeError
	if errors.As(err, &out) {
		t.fail(fmt.Errorf("%s.%w", t.name, out))
	}
}
