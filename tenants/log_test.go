package tenants

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"wasgi/quotas"
)

// pad is a buffer for several writers.
type pad struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (p *pad) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.Write(text)
}

// take returns and forgets the whole lines written.
func (p *pad) take() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	whole := bytes.LastIndexByte(p.b.Bytes(), '\n') + 1
	return strings.FieldsFunc(string(p.b.Next(whole)), func(r rune) bool { return r == '\n' })
}

// count returns how often text stands in what was written and not taken.
func (p *pad) count(text string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Count(p.b.String(), text)
}

// written returns a log and a function that returns and forgets its lines.
func written() (*slog.Logger, func() []string) {
	b := &pad{}
	drop := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == slog.LevelKey {
			return slog.Attr{}
		}
		return a
	}
	log := slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{ReplaceAttr: drop}))
	return log, b.take
}

func TestJournalWritesLineByLine(t *testing.T) {
	log, lines := written()
	j := newJournal(log, "blog", 64*quotas.KiB)
	j.write("r1", "stdout", "one\ntwo\n")
	j.write("", "stderr", "")
	j.write("", "error", strings.Repeat("x", longestLine+1))
	got := lines()
	if len(got) != 3 || got[0] != "msg=one tenant=blog request=r1 stream=stdout" || got[1] != "msg=two tenant=blog request=r1 stream=stdout" {
		t.Errorf("got %q", got)
	}
	if want := "msg=" + strings.Repeat("x", longestLine) + ` tenant=blog request="" stream=error`; got[2] != want {
		t.Errorf("a long line is logged with %d bytes", len(got[2]))
	}
}

func TestJournalDropsAFloodAndTellsHowMuch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, lines := written()
		j := newJournal(log, "blog", 64*quotas.KiB)
		flood := func() {
			for range 1000 {
				j.write("r1", "stdout", strings.Repeat("x", 872)) // 1000 with its overhead
			}
		}
		flood()
		if got := lines(); len(got) != 131 {
			t.Errorf("%d lines at once, want 131: two seconds' worth", len(got))
		}
		time.Sleep(1100 * time.Millisecond)
		synctest.Wait()
		want := `msg="869 lines of 757768 bytes were dropped: over log_rate, 64KiB/s" tenant=blog`
		if got := lines(); len(got) != 1 || got[0] != want {
			t.Errorf("got %q, want %q", got, want)
		}
		j.write("r2", "stdout", "after")
		if got := lines(); len(got) != 1 || !strings.HasPrefix(got[0], "msg=after") {
			t.Errorf("got %q", got)
		}
		j.setRate(quotas.MiB)
		time.Sleep(10 * time.Second)
		flood()
		if got := lines(); len(got) != 1000 {
			t.Errorf("%d lines at once of a higher rate", len(got))
		}
	})
}

func TestLogErrorEnds(t *testing.T) {
	log, lines := written()
	LogError(log, "not loaded", "blog", errors.New("first\n"+strings.Repeat("more\n", 1000)))
	got := lines()
	if len(got) != mostLines+1 || got[0] != `msg="not loaded" tenant=blog error=first` {
		t.Errorf("%d lines, the first %q", len(got), got[0])
	}
	if last, want := got[len(got)-1], fmt.Sprintf(`msg="… and %d lines more" tenant=blog`, 1000-mostLines+1); last != want {
		t.Errorf("the last is %q, want %q", last, want)
	}
}
