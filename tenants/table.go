package tenants

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// table reads one table of a manifest or a configuration key by key, and keeps the first complaint.
// What is left in it in the end nobody asked for.
type table struct {
	name   string // "limits"; "" for the file itself
	values map[string]any
	known  []string
	err    *error
}

// section takes the table of that name out of t; a table that is not there is empty.
func (t *table) section(name string) *table {
	s := &table{name: t.path(name), err: t.err, values: map[string]any{}}
	if v, ok := t.take(name); ok {
		if m, is := v.(map[string]any); is {
			s.values = m
		} else {
			t.complain(name, v, "a table: ["+s.name+"]")
		}
	}
	return s
}

func (t *table) take(key string) (any, bool) {
	t.known = append(t.known, key)
	v, ok := t.values[key]
	delete(t.values, key)
	return v, ok
}

// complain keeps the error that names the key, its value, and what was expected.
func (t *table) complain(key string, value any, want string) {
	t.fail(fmt.Errorf("%s = %s: want %s", t.path(key), show(value), want))
}

// fail keeps the first error.
func (t *table) fail(err error) {
	if *t.err == nil {
		*t.err = err
	}
}

func (t *table) path(key string) string {
	if t.name == "" {
		return key
	}
	return t.name + "." + key
}

// show writes a value much as it stands in the file, cut where it is long.
func show(v any) string {
	text := fmt.Sprint(v)
	switch v.(type) {
	case string:
		text = fmt.Sprintf("%q", v)
	case time.Time, int64, float64, bool:
	default:
		text = fmt.Sprintf("%#v", v)
	}
	if len(text) > 80 {
		text = strings.ToValidUTF8(text[:77], "") + "..."
	}
	return text
}

func (t *table) str(key string, to *string) {
	v, ok := t.take(key)
	if !ok {
		return
	}
	s, is := v.(string)
	if !is {
		t.complain(key, v, "a string")
		return
	}
	*to = s
}

func (t *table) strs(key string, to *[]string) {
	v, ok := t.take(key)
	if !ok {
		return
	}
	items, is := v.([]any)
	list := make([]string, len(items))
	for i := 0; is && i < len(items); i++ {
		list[i], is = items[i].(string)
	}
	if !is {
		t.complain(key, v, "a list of strings")
		return
	}
	*to = list
}

func (t *table) integer(key string, to *int) {
	v, ok := t.take(key)
	if !ok {
		return
	}
	n, is := v.(int64)
	if !is {
		t.complain(key, v, "a whole number")
		return
	}
	*to = int(n)
}

func (t *table) boolean(key string, to *bool) {
	v, ok := t.take(key)
	if !ok {
		return
	}
	is, ok := v.(bool)
	if !ok {
		t.complain(key, v, "true or false")
		return
	}
	*to = is
}

// float takes a number, whole or not.
func (t *table) float(key string, to *float64) {
	v, ok := t.take(key)
	if !ok {
		return
	}
	switch n := v.(type) {
	case float64:
		*to = n
	case int64:
		*to = float64(n)
	default:
		t.complain(key, v, "a number like 1 or 0.5")
	}
}

// env takes all keys of t as names of environment variables.
func (t *table) env() map[string]string {
	env := make(map[string]string, len(t.values))
	for _, name := range slices.Sorted(maps.Keys(t.values)) {
		v := t.values[name]
		text, is := v.(string)
		if !is || name == "" || strings.ContainsAny(name, "=\x00") || strings.Contains(text, "\x00") {
			t.complain(name, v, `a string without NUL, its name without "="`)
			return nil
		}
		env[name] = text
	}
	return env
}

// done complains of the first key that nobody took.
func (t *table) done() {
	for _, key := range slices.Sorted(maps.Keys(t.values)) {
		t.fail(fmt.Errorf("%s = %s: unknown key, known are %s", t.path(key), show(t.values[key]), strings.Join(t.known, ", ")))
	}
}
