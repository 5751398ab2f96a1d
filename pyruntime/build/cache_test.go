package main

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

func TestEntryIsAbsentUntilCommitted(t *testing.T) {
	c := cache(t.TempDir())
	name := entryName("cpython", strings.Repeat("ab", 32))
	work, err := c.work("cpython")
	if err != nil {
		t.Fatal(err)
	}
	writeFiles(t, work, map[string]string{"keep/lib.a": "x", "source/huge": "y"})
	if c.has(name) {
		t.Error("an entry in the making counts as made")
	}
	if err := c.commit(name, work); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(c.path(name, "lib.a")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(work); err == nil {
		t.Error("the work folder is still there")
	}
}

func TestLockDropsWhatWasInterrupted(t *testing.T) {
	c := cache(t.TempDir())
	writeFiles(t, c.path("a"+workSuffix), map[string]string{"half": "x"})
	unlock, err := c.lock(t.Context(), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	if _, err := os.Stat(c.path("a" + workSuffix)); err == nil {
		t.Error("the work folder is still there")
	}
}

func TestPruneKeepsWhatWasUsedLast(t *testing.T) {
	c := cache(t.TempDir())
	for n, name := range []string{"a-1", "a-2", "a-3", "b-1"} {
		writeFiles(t, c.path(name), map[string]string{"x": ""})
		then := time.Unix(int64(n), 0)
		os.Chtimes(c.path(name), then, then)
	}
	c.use("a-1")
	if err := c.prune("a", 2); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"a-1": true, "a-2": false, "a-3": true, "b-1": true} {
		if c.has(name) != want {
			t.Errorf("%s is there: %v, want %v", name, c.has(name), want)
		}
	}
}

func TestLockKeepsOthersOut(t *testing.T) {
	c := cache(t.TempDir())
	unlock, err := c.lock(t.Context(), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	var said strings.Builder
	if _, err := c.lock(ctx, &said); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error is %v", err)
	}
	if !strings.HasPrefix(said.String(), "waiting for another build") {
		t.Errorf("said %q", said.String())
	}
	unlock()
	unlock, err = c.lock(t.Context(), &said)
	if err != nil {
		t.Fatal(err)
	}
	unlock()
}

func TestReplaceFileLeavesTheSameContentAlone(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"from": "new", "same": "new", "other": "old"})
	then := time.Unix(1000, 0)
	for _, name := range []string{"same", "other", "absent"} {
		path := dir + "/" + name
		os.Chtimes(path, then, then)
		if err := replaceFile(path, dir+"/from"); err != nil {
			t.Fatal(err)
		}
		if have, _ := os.ReadFile(path); string(have) != "new" {
			t.Errorf("%s has %q", name, have)
		}
	}
	if info, _ := os.Stat(dir + "/same"); !info.ModTime().Equal(then) {
		t.Error("a file with the right content was written again")
	}
}
