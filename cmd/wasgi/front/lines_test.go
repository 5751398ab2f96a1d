package front

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// calls is a log that keeps each Write.
type calls struct {
	mu  sync.Mutex
	all []string
	err error
}

func (c *calls) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, string(p))
	return len(p), c.err
}

func (c *calls) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.all, "")
}

// Lines are in order, none is lost, cut or late, and many share a Write.
func TestLines(t *testing.T) {
	var log calls
	l := NewLines(&log)
	want := ""
	for i := range 2000 {
		line := fmt.Sprintf("line %d %s\n", i, strings.Repeat("x", 100))
		want += line
		to := io.Writer(l)
		if i%500 == 499 {
			to = l.AtOnce()
		}
		if _, err := io.WriteString(to, line); err != nil {
			t.Fatal(err)
		}
		if i%500 == 499 && log.text() != want {
			t.Errorf("after line %d, which is not to wait, there are %d of %d bytes", i, len(log.text()), len(want))
		}
	}
	eventually(t, "the last line", func() bool { return log.text() == want })
	for _, text := range log.all {
		if !strings.HasSuffix(text, "\n") || len(text) > gatherBytes+1000 {
			t.Errorf("a Write of %d bytes ends with %q", len(text), text[len(text)-1:])
		}
	}
	if len(log.all) > 200 {
		t.Errorf("%d calls for 2000 lines", len(log.all))
	}
}

// What was gathered goes where it was meant to go.
func TestLinesTurn(t *testing.T) {
	var first, second calls
	l := NewLines(&first)
	io.WriteString(l, "at once\n")
	io.WriteString(l, "gathered\n")
	if err := l.Turn(&second); err != nil || first.text() != "at once\ngathered\n" {
		t.Errorf("%q, %v", first.text(), err)
	}
	io.WriteString(l, "later\n")
	second.err = io.ErrClosedPipe
	if err := l.Flush(); !errors.Is(err, io.ErrClosedPipe) || second.text() != "later\n" {
		t.Errorf("%q, %v", second.text(), err)
	}
	if err := (*Lines)(nil).Flush(); err != nil {
		t.Error(err)
	}
}

// A line in JSON says what slog's own handler makes of the same record.
func FuzzJSONLine(f *testing.F) {
	f.Add("GET /", "a", int64(1), 0.5)
	f.Add("G\"\\\n\x00", "\xff\u2028ö<>&", int64(-1<<63), 1e-9)
	f.Fuzz(func(t *testing.T, msg, text string, n int64, x float64) {
		if x != x || x-x != 0 {
			return // no number that the server has
		}
		attrs := []slog.Attr{slog.String("text", text), slog.Int64("n", n), slog.Float64("x", x), slog.Bool("yes", true)}
		at := time.Unix(n&0xffffffff, n&0xffffff)
		line := slog.NewRecord(at, slog.LevelInfo, msg, 0)
		line.AddAttrs(attrs...)
		var b bytes.Buffer
		if err := slog.NewJSONHandler(&b, nil).Handle(t.Context(), line); err != nil {
			t.Fatal(err)
		}
		own := appendJSONLine(nil, at, msg, attrs)
		var got, want map[string]any
		if err := errors.Join(json.Unmarshal(own, &got), json.Unmarshal(b.Bytes(), &want)); err != nil || !maps.Equal(got, want) {
			t.Errorf("%s, %v, want %s", own, err, &b)
		}
		if bytes.Count(own, []byte("\n")) != 1 || !slices.Equal(own[len(own)-2:], []byte("}\n")) {
			t.Errorf("%q is not one line", own)
		}
	})
}
