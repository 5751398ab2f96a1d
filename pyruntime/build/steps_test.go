package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// stopwatch returns a clock that moves on by d each time it is read.
func stopwatch(d time.Duration) func() time.Time {
	at := time.Unix(0, 0)
	return func() time.Time { at = at.Add(d); return at }
}

// newProgress returns a progress that is no terminal, and its log.
func newProgress(t *testing.T, out io.Writer) *progress {
	t.Helper()
	log, err := openLog(filepath.Join(t.TempDir(), "logs", "x.log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	return &progress{out: out, now: stopwatch(62 * time.Second), log: log}
}

func TestProgressPrintsALineAtStartAndEnd(t *testing.T) {
	var out strings.Builder
	p := newProgress(t, &out)
	nothing := func(context.Context) error { return nil }
	if err := p.run(t.Context(), []step{{"one", nothing}, {"two", nothing}}); err != nil {
		t.Fatal(err)
	}
	end := func(label string) string { return fmt.Sprintf("%-60s 1m02s\n", label) }
	want := "[1/2] one\n" + end("[1/2] one") + "[2/2] two\n" + end("[2/2] two")
	if out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestProgressRedrawsOnATerminal(t *testing.T) {
	var out strings.Builder
	p := newProgress(t, &out)
	p.live, p.tick = true, time.Hour
	if err := p.run(t.Context(), []step{{"one", func(context.Context) error { return nil }}}); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); strings.Count(got, "\n") != 1 || !strings.HasPrefix(got, "\r") {
		t.Errorf("got %q, want one line, drawn over itself", got)
	}
}

func TestFailedStepShowsTheEndOfItsPartOfTheLog(t *testing.T) {
	p := newProgress(t, io.Discard)
	cause := errors.New("exit status 2")
	err := p.run(t.Context(), []step{
		{"configure", func(context.Context) error { fmt.Fprintln(p.log, "earlier"); return nil }},
		{"make", func(context.Context) error {
			for n := range 100 {
				fmt.Fprintln(p.log, "line", n)
			}
			return &runError{Program: "make", Err: cause}
		}},
		{"never", func(context.Context) error { t.Error("ran after a failure"); return nil }},
	})
	if !errors.Is(err, cause) {
		t.Fatalf("error is %v, must wrap the step's", err)
	}
	text := err.Error()
	for _, part := range []string{"make: run make: exit status 2", "line 80\n", "line 99\n", p.log.path} {
		if !strings.Contains(text, part) {
			t.Errorf("message lacks %q: %s", part, text)
		}
	}
	for _, part := range []string{"line 79\n", "earlier"} {
		if strings.Contains(text, part) {
			t.Errorf("message has %q: %s", part, text)
		}
	}
}

func TestFailedStepOfOursIsBrief(t *testing.T) {
	p := newProgress(t, io.Discard)
	err := p.run(t.Context(), []step{{"link", func(context.Context) error {
		fmt.Fprintln(p.log, "of no interest")
		return errors.New("no C file")
	}}})
	if want := "link: no C file\nthe whole log is " + p.log.path; err == nil || err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}

func TestInterruptedStepIsBrief(t *testing.T) {
	p := newProgress(t, io.Discard)
	ctx, cancel := context.WithCancelCause(t.Context())
	err := p.run(ctx, []step{{"make", func(ctx context.Context) error {
		cancel(errors.New("enough"))
		return commander{log: p.log, env: buildEnv("/")}.run(ctx, "/", "sh", "-c", "echo noise; sleep 60")
	}}})
	if want := "make: run sh: enough\nthe whole log is " + p.log.path; err == nil || err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}

func TestLongLinesOfTheLogLoseTheirMiddle(t *testing.T) {
	got := shortened("clang" + strings.Repeat("x", 1000) + "main.c")
	if len(got) > tailWidth+10 || !strings.HasPrefix(got, "clang") || !strings.HasSuffix(got, "main.c") {
		t.Errorf("got %q", got)
	}
	if line := strings.Repeat("x", tailWidth); shortened(line) != line {
		t.Error("a line that fits was cut")
	}
}

func TestStepLabelAndClock(t *testing.T) {
	if got := stepLabel(7, 14, "cpython: make"); got != "[ 7/14] cpython: make" {
		t.Errorf("label is %q", got)
	}
	for d, want := range map[time.Duration]string{0: "0s", 4 * time.Second: "4s", 62 * time.Second: "1m02s", time.Hour: "60m00s"} {
		if got := clock(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

func TestRunNamesTheProgramAndStopsItsChildren(t *testing.T) {
	var log strings.Builder
	c := commander{log: &log, env: buildEnv(t.TempDir())}
	err := c.run(t.Context(), "/", "sh", "-c", "echo said; exit 3")
	if err == nil || err.Error() != "run sh: exit status 3" || !strings.Contains(log.String(), "said\n") {
		t.Errorf("error is %v, log is %q", err, log.String())
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	err = c.run(ctx, "/", "sh", "-c", "sleep 60 & wait")
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 3*time.Second {
		t.Errorf("error is %v after %v", err, time.Since(start))
	}
}
