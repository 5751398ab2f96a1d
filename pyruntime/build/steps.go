package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// step is one line of a build's progress.
type step struct {
	name string
	run  func(context.Context) error
}

// progress runs steps and tells the user where it is: on a terminal one live
// line, elsewhere a line when a step starts and one when it ends.
type progress struct {
	out  io.Writer
	live bool
	now  func() time.Time
	// tick is how often the live line is drawn again.
	tick time.Duration
	log  *logbook
}

// tailLines and tailWidth are how much of the log a failed step shows: lines,
// and bytes of each.
const (
	tailLines = 20
	tailWidth = 200
)

// run runs the steps in order and stops at the first that fails. The error is
// a *stepError.
func (p *progress) run(ctx context.Context, steps []step) error {
	for i, s := range steps {
		label := stepLabel(i+1, len(steps), s.name)
		p.log.title(label)
		start := p.now()
		err := p.watch(label, start, func() error { return s.run(ctx) })
		took := clock(p.now().Sub(start))
		if err != nil {
			p.line(label, took+"  failed")
			return p.log.explain(s.name, err)
		}
		p.line(label, took)
	}
	return nil
}

// watch runs work, with the live line if there is one.
func (p *progress) watch(label string, start time.Time, work func() error) error {
	if !p.live {
		fmt.Fprintf(p.out, "%s\n", label)
		return work()
	}
	done := make(chan error, 1)
	go func() { done <- work() }()
	ticks := time.NewTicker(p.tick)
	defer ticks.Stop()
	for {
		fmt.Fprintf(p.out, "\r%-60s %s\x1b[K", label, clock(p.now().Sub(start)))
		select {
		case err := <-done:
			return err
		case <-ticks.C:
		}
	}
}

// line prints a step's last line.
func (p *progress) line(label, status string) {
	if p.live {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
	fmt.Fprintf(p.out, "%-60s %s\n", label, status)
}

// stepLabel is how a step is called on the screen: [ 7/14] name.
func stepLabel(n, of int, name string) string {
	width := len(fmt.Sprint(of))
	return fmt.Sprintf("[%*d/%d] %s", width, n, of, name)
}

// clock prints a duration the way a stopwatch does: 4s, 1m02s.
func clock(d time.Duration) string {
	s := int(d.Round(time.Second).Seconds())
	if s < 60 {
		return fmt.Sprintf("%ds", s)
	}
	return fmt.Sprintf("%dm%02ds", s/60, s%60)
}

// stepError says which step failed, why, and where to read on.
type stepError struct {
	Step string
	Log  string
	Tail []string // the end of the log, if a program failed: it will say why
	Err  error
}

// Error is a few lines long: the reason, the end of the log, the log's path.
func (e *stepError) Error() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s: %v", e.Step, e.Err)
	for _, line := range e.Tail {
		fmt.Fprintf(&text, "\n    %s", shortened(line))
	}
	fmt.Fprintf(&text, "\nthe whole log is %s", e.Log)
	return text.String()
}

// shortened cuts the middle out of a long line: compilers' commands begin and
// end with what matters.
func shortened(line string) string {
	if len(line) <= tailWidth {
		return line
	}
	half := tailWidth / 2
	return strings.ToValidUTF8(line[:half]+" … "+line[len(line)-half:], "?")
}

func (e *stepError) Unwrap() error { return e.Err }

// logbook is the file that gets what the steps print.
type logbook struct {
	path string
	*os.File
	start int64 // where the current step's part begins, in bytes
}

// openLog starts the log anew.
func openLog(path string) (*logbook, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_TRUNC|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	return &logbook{path: path, File: f}, nil
}

// explain makes a *stepError of what went wrong in a step.
func (l *logbook) explain(step string, err error) error {
	e := &stepError{Step: step, Log: l.path, Err: err}
	var failed *runError
	if errors.As(err, &failed) && !failed.Stopped {
		e.Tail = l.tail(tailLines)
	}
	return e
}

// title begins the part of the next step.
func (l *logbook) title(label string) {
	fmt.Fprintf(l, "\n==> %s\n", label)
	if info, err := l.Stat(); err == nil {
		l.start = info.Size()
	}
}

// tail returns the last n lines of the current step's part.
func (l *logbook) tail(n int) []string {
	const most = 64 << 10
	info, err := l.Stat()
	if err != nil {
		return nil
	}
	from := max(l.start, info.Size()-most)
	text := make([]byte, info.Size()-from)
	if _, err := l.ReadAt(text, from); err != nil {
		return nil
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	if len(lines) == 1 && lines[0] == "" {
		return nil
	}
	return lines[max(0, len(lines)-n):]
}
