package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// cache is the folder, outside every checkout, where builds keep what they
// made. An entry is complete or absent: it is made under a temporary name and
// renamed. Entries are named by the digest of what they were made from, and
// are never changed; those not used for long are dropped.
type cache string

// workSuffix ends the name of a folder that a build is still filling.
const workSuffix = ".work"

// keptEntries is how many entries of a kind stay: enough for a few checkouts
// that are each worked on.
const keptEntries = 12

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

// work makes the empty folder in which an entry of the kind will be built, the
// entry itself in its subfolder keep. Call it with the lock held.
func (c cache) work(kind string) (string, error) {
	dir := c.path(kind + workSuffix)
	if err := os.RemoveAll(dir); err != nil {
		return "", fmt.Errorf("clear the work folder: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make the work folder: %w", err)
	}
	return dir, nil
}

// commit turns the subfolder keep of a work folder into the entry, and drops
// the rest of the work folder and entries of no use any more. Call it with the
// lock held.
func (c cache) commit(name, work string) error {
	if !c.has(name) { // the recipe may have been changed back to what was built before
		if err := os.Rename(filepath.Join(work, "keep"), c.path(name)); err != nil {
			return fmt.Errorf("keep %s: %w", name, err)
		}
	}
	if err := os.RemoveAll(work); err != nil {
		return fmt.Errorf("drop the work folder: %w", err)
	}
	c.use(name)
	kind, _, _ := strings.Cut(name, "-")
	return c.prune(kind, keptEntries)
}

// use marks the entry as used now, so that prune keeps it.
func (c cache) use(name string) {
	now := time.Now()
	os.Chtimes(c.path(name), now, now) // a cache that is not ours to write is not ours to prune
}

// prune drops all but the last used entries of a kind. Call it with the lock
// held.
func (c cache) prune(kind string, keep int) error {
	found, err := filepath.Glob(c.path(kind + "-*"))
	if err != nil {
		return fmt.Errorf("prune the cache: %w", err)
	}
	used := map[string]time.Time{}
	for _, dir := range found {
		if info, err := os.Stat(dir); err == nil {
			used[dir] = info.ModTime()
		}
	}
	slices.SortFunc(found, func(a, b string) int { return used[b].Compare(used[a]) })
	for _, dir := range found[min(keep, len(found)):] {
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("prune the cache: %w", err)
		}
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
