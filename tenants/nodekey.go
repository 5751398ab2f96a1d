package tenants

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"

	"wasgi/runtime"
)

// nodeKey returns the key in a file, made if it is not there. One that others may have read,
// or that is no key, is replaced, and what was sealed with it is lost.
func nodeKey(file string, log *slog.Logger) ([]byte, error) {
	key, err := readKey(file)
	switch {
	case err == nil:
		return key, nil
	case !errors.Is(err, fs.ErrNotExist):
		log.Warn("key of stored snapshots replaced", "file", file, "reason", err)
		if err := os.Remove(file); err != nil {
			return nil, err
		}
	}
	if err := makeKey(file); err != nil {
		return nil, err
	}
	return readKey(file)
}

func readKey(file string) ([]byte, error) {
	f, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 || info.Size() != runtime.StoreKeySize {
		return nil, fmt.Errorf("it has mode %v and %d bytes, want %v and %d", info.Mode(), info.Size(), fs.FileMode(0o600), runtime.StoreKeySize)
	}
	key := make([]byte, runtime.StoreKeySize)
	_, err = f.ReadAt(key, 0)
	return key, err
}

// makeKey makes a key. Where another server makes one in the same moment, the first stays.
func makeKey(file string) error {
	f, err := os.CreateTemp(filepath.Dir(file), "key-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	key := make([]byte, runtime.StoreKeySize)
	rand.Read(key)
	_, err = f.Write(key)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), file); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncFolder(filepath.Dir(file))
}
