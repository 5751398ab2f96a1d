package tenants

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"

	"wasgi/runtime"
)

// nodeDir is the folder of the state that is no tenant's, but the server's own.
const nodeDir = ".wasgi"

// store keeps snapshots as files in the state folder, sealed with the server's key: a file
// that was not written with it, or for something else, is as good as none. A nil store keeps
// nothing. It is safe for concurrent use.
type store struct {
	state string
	key   []byte
	log   *slog.Logger
}

// openStore returns the store in a state folder, or says why there can be none.
func openStore(state string, log *slog.Logger) (*store, error) {
	s := &store{state: state, log: log}
	dir := filepath.Join(state, nodeDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	var err error
	s.key, err = nodeKey(filepath.Join(dir, "key"), log)
	return s, err
}

// baseFile is where the snapshot that all apps begin with is kept.
func (s *store) baseFile() string {
	if s == nil {
		return ""
	}
	return filepath.Join(s.state, nodeDir, "base")
}

// appFile is where the snapshot of a tenant's app is kept.
func (s *store) appFile(tenant string) string {
	if s == nil {
		return ""
	}
	return filepath.Join(s.state, tenant, "snapshot", "app")
}

// open opens a stored snapshot that is nobody else's. One that is not there is an error
// that is fs.ErrNotExist.
func (s *store) open(file string) (*os.File, int64, error) {
	f, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && (!info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0) {
		err = fmt.Errorf("its mode is %v, want a file with %v", info.Mode(), fs.FileMode(0o600))
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// read returns the snapshot in a file, and nil where there is none of that origin: the log
// then says why, unless there never was one.
func (s *store) read(img *runtime.Image, tenant, file string, o runtime.Origin, base *runtime.Snapshot) *runtime.Snapshot {
	if s == nil {
		return nil
	}
	f, size, err := s.open(file)
	if err == nil {
		defer f.Close()
		var snapshot *runtime.Snapshot
		if snapshot, err = img.ReadSnapshot(f, size, s.key, o, base); err == nil {
			return snapshot
		}
	}
	s.refused(tenant, file, err)
	return nil
}

// has tells whether the snapshot in a file is one of that origin, as far as its beginning
// says; the log then does not say why not.
func (s *store) has(img *runtime.Image, file string, o runtime.Origin, base *runtime.Snapshot) bool {
	if s == nil {
		return false
	}
	f, size, err := s.open(file)
	if err != nil {
		return false
	}
	defer f.Close()
	return img.CheckSnapshot(f, size, s.key, o, base) == nil
}

// refused logs why what is stored is not used.
func (s *store) refused(tenant, file string, err error) {
	if !errors.Is(err, fs.ErrNotExist) {
		s.log.Warn("stored snapshot not used: it is made anew", "tenant", tenant, "file", file, "reason", err)
	}
}

// write puts a snapshot into a file, whole or not at all, and on the disk.
func (s *store) write(file string, snapshot *runtime.Snapshot, o runtime.Origin) error {
	dir := filepath.Dir(file)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return replace(file, func(w io.Writer) error { return snapshot.Store(w, s.key, o) })
}

// remove removes a stored snapshot, if there is one.
func (s *store) remove(file string) {
	if s == nil {
		return
	}
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.log.Warn("stored snapshot not removed", "file", file, "error", err)
	}
}

// replace writes a file of this user's alone. Others see the old one, or the new one once
// it is on the disk.
func replace(file string, content func(io.Writer) error) error {
	next := file + ".new"
	f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 256<<10)
	if err = content(w); err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(next, file)
	}
	if err != nil {
		os.Remove(next)
		return err
	}
	return syncFolder(filepath.Dir(file))
}

// syncFolder puts the names in a folder on the disk.
func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
