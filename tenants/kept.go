package tenants

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// keptPoll is how often a log that is followed is looked at.
const keptPoll = 200 * time.Millisecond

// PrintLog writes what is kept of a tenant's log to w, oldest first. With follow it goes
// on with what is added, until ctx is done.
func PrintLog(ctx context.Context, state, tenant string, w io.Writer, follow bool) error {
	if !validName(tenant) {
		return fmt.Errorf("%q is no tenant: want the name of a bundle's folder", tenant)
	}
	dir := logDir(state, tenant)
	current, err := os.Open(filepath.Join(dir, currentLog))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("no log of tenant %s is kept in %s", tenant, dir)
	}
	if err != nil {
		return err
	}
	defer func() { current.Close() }()
	if err := printPrevious(dir, current, w); err != nil {
		return err
	}
	for {
		if _, err := io.Copy(w, current); err != nil || !follow {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(keptPoll):
		}
		next, err := os.Open(filepath.Join(dir, currentLog))
		if err != nil {
			continue // between two files
		}
		if same(current, next) {
			next.Close()
			continue
		}
		_, err = io.Copy(w, current) // what was added before it was full
		current.Close()
		if current = next; err != nil {
			return err
		}
	}
}

// printPrevious writes the file before the current one, if there is one, and if it has
// not just been that.
func printPrevious(dir string, current *os.File, w io.Writer) error {
	f, err := os.Open(filepath.Join(dir, previousLog))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if !same(current, f) {
		_, err = io.Copy(w, f)
	}
	return err
}

func same(a, b *os.File) bool {
	one, err := a.Stat()
	other, err2 := b.Stat()
	return err == nil && err2 == nil && os.SameFile(one, other)
}
