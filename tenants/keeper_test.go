package tenants

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"wasgi/quotas"
)

// newKept returns a keeper in a folder of its own, and that folder.
func newKept(t *testing.T, most quotas.Bytes) (*keeper, string) {
	t.Helper()
	log, lines := written()
	state := t.TempDir()
	t.Cleanup(func() {
		if got := lines(); len(got) > 0 && !t.Failed() {
			t.Errorf("the server's log has %q", got)
		}
	})
	return newKeeper(state, "blog", most, log), state
}

// kept returns what is kept, oldest first.
func kept(t *testing.T, state string) string {
	t.Helper()
	var out bytes.Buffer
	if err := PrintLog(context.Background(), state, "blog", &out, false); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// bytesKept returns how much disk the log takes.
func bytesKept(t *testing.T, state string) (sum int64) {
	t.Helper()
	entries, err := os.ReadDir(logDir(state, "blog"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != 0o600 {
			t.Errorf("%s has mode %v", e.Name(), info.Mode())
		}
		sum += info.Size()
	}
	return sum
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("waited in vain: ", what)
		}
	}
}

func TestKeptLines(t *testing.T) {
	k, state := newKept(t, quotas.MiB)
	k.add("r1", "stdout", "hello ümlaut\tx")
	k.add("", "stderr", "\x1b[31mred\r\u0085\x00")
	k.add("r2", "error", strings.Repeat("x", 2*longestLine))
	waitFor(t, "the lines come without close", func() bool {
		_, err := os.Stat(filepath.Join(logDir(state, "blog"), currentLog))
		return err == nil
	})
	k.close()
	lines := strings.Split(kept(t, state), "\n")
	if len(lines) != 4 || lines[3] != "" {
		t.Fatalf("got %q", lines)
	}
	for i, want := range []string{" r1 stdout hello ümlaut\tx", ` - stderr \x1b[31mred\x0d\x85\x00`, " r2 error " + strings.Repeat("x", longestLine)} {
		at, rest, _ := strings.Cut(lines[i], "Z")
		if rest != want {
			t.Errorf("got %.100q, want %.100q", rest, want)
		}
		if when, err := time.Parse("2006-01-02T15:04:05.000", at); err != nil || time.Since(when) > time.Minute {
			t.Errorf("time %q, %v", at, err)
		}
	}
	k.add("r3", "stdout", "after the end")
	if got := kept(t, state); !strings.HasSuffix(got, " r3 stdout after the end\n") {
		t.Errorf("got %q", got)
	}
	bytesKept(t, state)
}

// Whatever is logged, no more than the limit is kept, and it is the end, in whole lines.
func TestTheEndOfALogIsKept(t *testing.T) {
	const most = 64 * quotas.KiB
	k, state := newKept(t, most)
	for n := range 5000 {
		k.add("r", "stdout", fmt.Sprintf("line %d %s", n, strings.Repeat("x", n%500)))
		if n%50 == 0 {
			k.flush()
			if got := bytesKept(t, state); got > int64(most) {
				t.Fatalf("%d bytes are kept after %d lines", got, n)
			}
		}
	}
	k.close()
	lines := strings.Split(strings.TrimSuffix(kept(t, state), "\n"), "\n")
	first := 5000 - len(lines)
	if len(lines) < 50 || bytesKept(t, state) < int64(most/2) {
		t.Errorf("only %d lines are kept", len(lines))
	}
	for i, line := range lines {
		if !strings.Contains(line, fmt.Sprintf("Z r stdout line %d x", first+i)) && (first+i)%500 != 0 {
			t.Fatalf("line %d is %q", first+i, line)
		}
	}
}

func TestALogIsContinued(t *testing.T) {
	k, state := newKept(t, quotas.MiB)
	k.add("", "stdout", strings.Repeat("first ", 100))
	k.close()
	again := newKeeper(state, "blog", quotas.MiB, k.log)
	again.add("", "stdout", "second")
	again.close()
	if got := kept(t, state); strings.Count(got, "\n") != 2 || !strings.HasSuffix(got, " second\n") {
		t.Errorf("got %q", got)
	}
}

func TestALowerLimitRemovesWhatIsOld(t *testing.T) {
	k, state := newKept(t, 2*quotas.MiB)
	for n := range 20_000 {
		k.add("r", "stdout", fmt.Sprintf("line %d %s", n, strings.Repeat("x", 60)))
		if n%1000 == 0 {
			k.flush()
		}
	}
	k.flush()
	before := bytesKept(t, state)
	k.setMost(128 * quotas.KiB)
	if got := bytesKept(t, state); got > int64(128*quotas.KiB) || got < int64(60*quotas.KiB) {
		t.Errorf("%d bytes are kept of %d", got, before)
	}
	for line := range strings.Lines(kept(t, state)) {
		if !strings.Contains(line, "Z r stdout line ") || !strings.HasSuffix(line, "x\n") {
			t.Errorf("a line is %q", line)
		}
	}
}

// A disk that does not come back holds up nobody, and memory does not grow for it.
func TestASlowDiskHoldsUpNobody(t *testing.T) {
	k, state := newKept(t, quotas.MiB)
	k.disk.Lock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for range 5000 {
					k.add("r", "stdout", strings.Repeat("x", 100))
				}
			})
		}
		all.Wait()
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("a line waits for the disk")
	}
	k.mu.Lock()
	ahead, lost := len(k.ahead), k.lost
	k.mu.Unlock()
	if ahead > int(quotas.MiB)/2 || lost == 0 {
		t.Errorf("%d bytes wait, %d lines are lost", ahead, lost)
	}
	k.disk.Unlock()
	k.close()
	text := kept(t, state)
	if want := fmt.Sprintf(" - log %d lines were not kept: the disk is too slow\n", lost); !strings.Contains(text, want) {
		t.Errorf("%q is not in the log's end, %q", want, text[max(0, len(text)-200):])
	}
	if lines := strings.Count(text, "stdout"); lines+lost != 20_000 {
		t.Errorf("%d lines are kept, %d lost", lines, lost)
	}
}

func TestALogThatCannotBeKept(t *testing.T) {
	log, lines := written()
	state := t.TempDir()
	target := filepath.Join(state, "target")
	if err := os.WriteFile(target, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(logDir(state, "blog"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, filepath.Join(logDir(state, "blog"), currentLog)); err != nil {
		t.Fatal(err)
	}
	k := newKeeper(state, "blog", quotas.MiB, log)
	for range 3 {
		k.add("", "stdout", "line")
		k.flush()
	}
	if text, err := os.ReadFile(target); len(text) > 0 || err != nil {
		t.Errorf("a link is followed: %q, %v", text, err)
	}
	if got := lines(); len(got) != 1 || !strings.Contains(got[0], `msg="log not kept" tenant=blog error=`) {
		t.Errorf("got %q", got)
	}
	if err := os.Remove(filepath.Join(logDir(state, "blog"), currentLog)); err != nil {
		t.Fatal(err)
	}
	k.add("", "stdout", "again")
	k.close()
	if got := kept(t, state); !strings.HasSuffix(got, " again\n") {
		t.Errorf("got %q", got)
	}
}

func TestPrintLogRefuses(t *testing.T) {
	state := t.TempDir()
	for name, want := range map[string]string{
		"../blog": `"../blog" is no tenant: want the name of a bundle's folder`,
		"":        `"" is no tenant`,
		"a/b":     `"a/b" is no tenant`,
		"nobody":  "no log of tenant nobody is kept in " + filepath.Join(state, "nobody", "log"),
	} {
		if err := PrintLog(context.Background(), state, name, &bytes.Buffer{}, true); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// Who follows a log sees each line once, over the change of files.
func TestFollowALog(t *testing.T) {
	k, state := newKept(t, 64*quotas.KiB)
	k.add("", "stdout", "line 0")
	k.flush()
	ctx, cancel := context.WithCancel(context.Background())
	var out pad
	done := make(chan error, 1)
	go func() { done <- PrintLog(ctx, state, "blog", &out, true) }()
	var got []string
	for n := 1; n <= 60; n++ {
		k.add("", "stdout", fmt.Sprintf("line %d %s", n, strings.Repeat("x", 1500)))
		if n%15 == 0 {
			k.flush()
			waitFor(t, "the lines are printed", func() bool { got = append(got, out.take()...); return len(got) > n })
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	for n, line := range got {
		if !strings.Contains(line, fmt.Sprintf(" - stdout line %d", n)) {
			t.Errorf("line %d is %.80q", n, line)
		}
	}
	if _, err := os.Stat(filepath.Join(logDir(state, "blog"), previousLog)); err != nil {
		t.Error("there was no change of files: ", err)
	}
}

func TestAJournalIsKeptAndCounted(t *testing.T) {
	log, _ := written()
	k, state := newKept(t, quotas.MiB)
	j := newJournal(log, "blog", quotas.KiB)
	j.keep = k
	for range 100 {
		j.write("r1", "stdout", strings.Repeat("x", 872)+"\n")
	}
	j.close() // tells now what would be told in a second
	text := kept(t, state)
	lines := strings.Count(text, "r1 stdout")
	if lines == 0 || j.dropped() != int64(100-lines) {
		t.Errorf("%d lines are kept, %d dropped", lines, j.dropped())
	}
	if want := fmt.Sprintf(" - log %d lines of %d bytes were dropped: over log_rate, 1KiB/s\n", 100-lines, 872*(100-lines)); !strings.HasSuffix(text, want) {
		t.Errorf("the end is %q, want %q", text[max(0, len(text)-200):], want)
	}
}

func TestTenantsThatAreNoFolder(t *testing.T) {
	h := Host{State: t.TempDir()}
	for _, name := range []string{"", "..", "../x", "a/b", "/"} {
		if f, err := h.openFiles(Bundle{Name: name}); err == nil {
			f.close()
			t.Errorf("%q has a state", name)
		}
	}
}
