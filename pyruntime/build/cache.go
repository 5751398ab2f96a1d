package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// cache is the folder, outside every checkout, where builds keep what they
// made. An entry is complete or absent: it is made under a temporary name and
// renamed. Entries are named by the digest of what they were made from, and
// are never changed.
type cache string

// workSuffix ends the name of a folder that a build is still filling.
const workSuffix = ".work"

// userCache returns the cache of the user who runs the program.
func userCache() (cache, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache: %w", err)
	}
	return cache(filepath.Join(dir, "wasgi")), nil
}

// path names a file or folder of the cache.
func (c cache) path(elem ...string) string {
	return filepath.Join(append([]string{string(c)}, elem...)...)
}

// has reports whether the entry is there, hence complete.
func (c cache) has(name string) bool {
	info, err := os.Stat(c.path(name))
	return err == nil && info.IsDir()
}

// work makes the empty folder in which the entry will be built. Call it with
// the lock held.
func (c cache) work(name string) (string, error) {
	dir := c.path(name + workSuffix)
	if err := os.RemoveAll(dir); err != nil {
		return "", fmt.Errorf("clear the work folder: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make the work folder: %w", err)
	}
	return dir, nil
}

// commit turns the folder kept, made inside the entry's work folder, into the
// entry, and drops the rest of the work folder.
func (c cache) commit(name, kept string) error {
	if err := os.Rename(kept, c.path(name)); err != nil {
		return fmt.Errorf("keep %s: %w", name, err)
	}
	if err := os.RemoveAll(c.path(name + workSuffix)); err != nil {
		return fmt.Errorf("drop the work folder: %w", err)
	}
	return nil
}

// lock waits until no other build uses the cache, telling say if it has to
// wait, drops what interrupted builds left, and returns what gives the lock
// back. The kernel drops the lock of a build that dies.
func (c cache) lock(ctx context.Context, say io.Writer) (func(), error) {
	if err := os.MkdirAll(string(c), 0o755); err != nil {
		return nil, fmt.Errorf("make the cache: %w", err)
	}
	f, err := os.OpenFile(c.path("lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock the cache: %w", err)
	}
	if err := waitForLock(ctx, f, say); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	if err := c.sweep(); err != nil {
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil
}

// waitForLock takes the lock on f, trying five times a second.
func waitForLock(ctx context.Context, f *os.File, say io.Writer) error {
	for tries := 0; ; tries++ {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return err
		}
		if tries == 0 {
			fmt.Fprintf(say, "waiting for another build, which holds %s\n", f.Name())
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
}

// sweep drops the work folders of builds that failed or were interrupted.
// Until then they are there to be looked into.
func (c cache) sweep() error {
	found, err := filepath.Glob(c.path("*" + workSuffix))
	if err != nil {
		return fmt.Errorf("sweep the cache: %w", err)
	}
	for _, dir := range found {
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("sweep the cache: %w", err)
		}
	}
	return nil
}

// pause sleeps for d, or less if ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// entryName names a cache entry: what it is, and of what it was made.
func entryName(kind, digest string) string {
	return kind + "-" + strings.ToLower(digest[:20])
}
