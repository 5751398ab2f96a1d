package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// copyTree copies the regular files below from to the same places below to,
// with mode 0644, or 0755 if they may be run. A link is replaced by what it
// leads to, read through follow; nil means that links are an error. Files and
// folders for which skip is true (their path relative to from, with slashes)
// are left out, and so are folders that stay empty.
func copyTree(to, from string, skip func(rel string) bool, follow func(path string) (string, error)) error {
	return filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if rel != "." && skip(filepath.ToSlash(rel)) {
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		return copyEntry(filepath.Join(to, rel), path, e, skip, follow)
	})
}

// copyEntry copies what copyTree met at path.
func copyEntry(to, path string, e fs.DirEntry, skip func(string) bool, follow func(string) (string, error)) error {
	switch {
	case e.IsDir():
		return nil
	case e.Type().IsRegular():
		info, err := e.Info()
		if err != nil {
			return err
		}
		return copyFile(to, path, info.Mode())
	case e.Type()&fs.ModeSymlink != 0 && follow != nil:
		real, err := follow(path)
		if err != nil {
			return err
		}
		return copyTarget(to, real, skip, follow)
	}
	return fmt.Errorf("copy %s: it is neither a file nor a folder but %s", path, e.Type())
}

// copyTarget copies what a link leads to.
func copyTarget(to, real string, skip func(string) bool, follow func(string) (string, error)) error {
	info, err := os.Stat(real)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return copyTree(to, real, skip, follow)
	}
	return copyFile(to, real, info.Mode())
}

// copyFile copies one file, making the folders above it.
func copyFile(to, from string, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	perm := fs.FileMode(0o644)
	if mode&0o100 != 0 {
		perm = 0o755
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, perm)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return fmt.Errorf("copy %s: %w", from, err)
	}
	return out.Close()
}

// replaceFile writes a file so that a reader sees the old or the new content,
// never a part. It leaves a file alone that has the content already.
func replaceFile(path string, from string) error {
	want, err := fileDigest(from)
	if err != nil {
		return err
	}
	if have, err := fileDigest(path); err == nil && have == want {
		return nil
	}
	temp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".new")
	if err := copyFile(temp, from, 0o644); err != nil {
		return err
	}
	return os.Rename(temp, path)
}

// everything skips nothing.
func everything(string) bool { return false }
