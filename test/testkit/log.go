package testkit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is how long a test waits for what must come: long enough for a machine that
// is busy with other work.
const patience = 60 * time.Second

// Line is a record of a server's log. A line that is no record has only "msg".
type Line map[string]any

// Text returns an attribute as text, "" where there is none.
func (l Line) Text(name string) string {
	v, ok := l[name]
	if !ok {
		return ""
	}
	return fmt.Sprint(v)
}

// Log is what a server logs. It is safe for concurrent use.
type Log struct {
	mu    sync.Mutex
	lines []Line
	more  chan struct{} // closed and replaced with each line
	done  bool
}

func newLog() *Log { return &Log{more: make(chan struct{})} }

// follow reads records until the end of r.
func (l *Log) follow(r io.Reader) {
	in := bufio.NewReader(r)
	for {
		text, err := in.ReadBytes('\n')
		if text = bytes.TrimSpace(text); len(text) > 0 {
			l.add(parseLine(text))
		}
		if err != nil {
			l.end()
			return
		}
	}
}

func parseLine(text []byte) Line {
	line := Line{}
	if json.Unmarshal(text, &line) != nil {
		line = Line{"msg": string(text)}
	}
	return line
}

func (l *Log) add(line Line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
	close(l.more)
	l.more = make(chan struct{})
}

func (l *Log) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.done = true
	close(l.more)
	l.more = make(chan struct{})
}

// Match picks lines: each field that is not "" must be as the line's. The zero value
// picks all.
type Match struct {
	Tenant, Request, Stream string
	Text                    string // part of the message, the error or the reason
}

func (m Match) fits(l Line) bool {
	is := func(want, name string) bool { return want == "" || l.Text(name) == want }
	return is(m.Tenant, "tenant") && is(m.Request, "request") && is(m.Stream, "stream") &&
		(strings.Contains(l.Text("msg"), m.Text) || strings.Contains(l.Text("error"), m.Text) || strings.Contains(l.Text("reason"), m.Text))
}

// Mark is a place in a log.
type Mark int

// Mark returns the end of the log as it is now.
func (l *Log) Mark() Mark {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Mark(len(l.lines))
}

// Find returns the lines so far that m picks, after the mark.
func (l *Log) Find(after Mark, m Match) []Line {
	found, _, _ := l.find(after, m.fits)
	return found
}

func (l *Log) find(after Mark, fits func(Line) bool) (found []Line, more <-chan struct{}, done bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.lines[after:] {
		if fits(line) {
			found = append(found, line)
		}
	}
	return found, l.more, l.done
}

// Wait returns the first line that m picks, after the mark. It fails the test if none
// comes.
func (l *Log) Wait(t testing.TB, after Mark, m Match) Line {
	t.Helper()
	return l.wait(t, after, m.fits, fmt.Sprintf("%+v", m))
}

func (l *Log) wait(t testing.TB, after Mark, fits func(Line) bool, what string) Line {
	t.Helper()
	timeout := time.After(patience)
	for {
		found, more, done := l.find(after, fits)
		if len(found) > 0 {
			return found[0]
		}
		if done {
			t.Fatalf("the server ended without a log line of %s", what)
		}
		select {
		case <-more:
		case <-timeout:
			t.Fatalf("no log line of %s came in %v", what, patience)
		}
	}
}

// dump writes the end of the log to the test's output, without the inner lines of
// tracebacks.
func (l *Log) dump(t testing.TB) {
	t.Helper()
	const most = 40
	lines := slices.DeleteFunc(l.Find(0, Match{}), func(l Line) bool { return strings.HasPrefix(l.Text("msg"), " ") })
	if cut := len(lines) - most; cut > 0 {
		lines = lines[cut:]
	}
	for _, line := range lines {
		t.Logf("server: %s", line)
	}
}

// String returns the message and what else a person looks for.
func (l Line) String() string {
	text := l.Text("msg")
	for _, name := range []string{"tenant", "request", "instance", "status", "reason", "error", "panic"} {
		if value := l.Text(name); value != "" {
			text += fmt.Sprintf(" %s=%q", name, value)
		}
	}
	return text
}

// faults returns the lines that tell of a bug of the server's.
func (l *Log) faults() []Line {
	var bad []Line
	for _, line := range l.Find(0, Match{}) {
		text := line.Text("msg")
		_, record := line["level"]
		if strings.HasPrefix(text, "bug:") || !record && isCrash(text) {
			bad = append(bad, line)
		}
	}
	return bad
}

// isCrash tells whether a line outside the log is one that Go writes when a program
// breaks.
func isCrash(text string) bool {
	for _, start := range []string{"panic:", "fatal error:", "goroutine ", "WARNING: DATA RACE", "SIG", "unexpected fault"} {
		if strings.HasPrefix(text, start) {
			return true
		}
	}
	return false
}
