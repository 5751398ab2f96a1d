package main

import (
	"archive/zip"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"
)

// guestStdlib is where guests have the standard library.
const guestStdlib = "/usr/lib/python3.13"

// stageStdlib fills dir with what guests get as their standard library: that
// of CPython, wasgi's own modules, and the time zones.
func (w workshop) stageStdlib(ctx context.Context, from cpythonEntry, scratch, dir string) error {
	if err := copyTree(dir, from.stdlib(), leaveOut, nil); err != nil {
		return fmt.Errorf("stage the standard library: %w", err)
	}
	own := w.checkout.path("pyruntime", "pylib")
	if err := copyTree(dir, own, madeByPython, nil); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("stage wasgi's modules: %w", err)
	}
	return w.stageTimezones(ctx, scratch, filepath.Join(dir, "tzdata"))
}

// madeByPython reports whether a Python wrote the file, or a folder's files,
// when it imported the sources beside it.
func madeByPython(rel string) bool {
	return path.Base(rel) == "__pycache__" || path.Ext(rel) == ".pyc"
}

// compileStdlib adds a .pyc beside every .py of dir, marked so that guests
// never compare it with its source.
func (w workshop) compileStdlib(ctx context.Context, from cpythonEntry, dir string) error {
	cmd := w.builder(dir).with("PYTHONHOME=" + from.home())
	err := cmd.run(ctx, dir, from.interpreter(), "-S", "-m", "compileall", "-q",
		"--invalidation-mode", "unchecked-hash", "-d", guestStdlib, ".")
	if err != nil {
		return fmt.Errorf("compile the standard library: %w", err)
	}
	return nil
}

// zipTree writes the files below dir to a zip file. The same files give the
// same bytes: entries are sorted, and carry neither times nor modes nor
// folders.
func zipTree(out, dir string) error {
	f, err := os.Create(out)
	if err != nil {
		return fmt.Errorf("zip: %w", err)
	}
	z := zip.NewWriter(f)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(w, flate.BestCompression)
	})
	err = filepath.WalkDir(dir, func(file string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		return zipFile(z, filepath.ToSlash(rel), file)
	})
	if err := errors.Join(err, z.Close(), f.Close()); err != nil {
		return fmt.Errorf("zip %s: %w", dir, err)
	}
	return nil
}

// zipFile adds one file, dated as early as a zip file can say.
func zipFile(z *zip.Writer, name, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	entry, err := z.CreateHeader(&zip.FileHeader{
		Name:     name,
		Method:   zip.Deflate,
		Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC),
	})
	if err != nil {
		return err
	}
	_, err = io.Copy(entry, f)
	return err
}
