package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// wanted is a pinned package whose files are needed.
type wanted struct {
	name    string
	version string
	source  bool
	files   []pinnedFile
}

// wantSource and wantPackage say what a pin needs.
func wantSource(s sourcePin) wanted {
	return wanted{name: s.Name, version: s.Version, source: true, files: s.Files}
}

func wantPackage(d packagePin) wanted {
	return wanted{name: d.Name, version: d.Version, files: []pinnedFile{d.pinned()}}
}

// downloaded is the place of a pinned file in the cache.
func (w workshop) downloaded(f pinnedFile) string {
	return w.cache.path("downloads", f.SHA256[:12]+"-"+f.Name)
}

// download makes sure that the files of all are in the cache and have the
// pinned digests. It uses the network only if one is missing. Call it with
// the lock held.
func (w workshop) download(ctx context.Context, all []wanted) error {
	missing := w.missing(all)
	if len(missing) == 0 {
		return nil
	}
	a, err := w.openApt(ctx)
	if err != nil {
		return err
	}
	for _, want := range missing {
		if err := w.fetch(ctx, a, want); err != nil {
			return err
		}
	}
	return nil
}

// missing returns those of all that have a file the cache has not.
func (w workshop) missing(all []wanted) []wanted {
	return slices.DeleteFunc(slices.Clone(all), func(want wanted) bool { return w.haveAll(want.files) })
}

// haveAll reports whether the files are in the cache. They were checked when
// they came in.
func (w workshop) haveAll(files []pinnedFile) bool {
	for _, f := range files {
		if _, err := os.Stat(w.downloaded(f)); err != nil {
			return false
		}
	}
	return true
}

// fetch downloads one package and takes its pinned files into the cache.
func (w workshop) fetch(ctx context.Context, a *apt, want wanted) error {
	dir, err := w.cache.work("downloads-" + want.name)
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := a.fetch(ctx, dir, want.name, want.version, want.source); err != nil {
		return fmt.Errorf("download %s %s: %w", want.name, want.version, err)
	}
	for _, f := range want.files {
		if err := w.take(fetched(dir, f), f); err != nil {
			return err
		}
	}
	return nil
}

// fetched is the place of a file that apt-get downloaded into dir. Of a
// package with an epoch, apt-get puts the epoch into the name; the archive,
// and with it the pins, do not.
func fetched(dir string, f pinnedFile) string {
	if filepath.Ext(f.Name) == ".deb" {
		if found, err := filepath.Glob(filepath.Join(dir, "*.deb")); err == nil && len(found) == 1 {
			return found[0]
		}
	}
	return filepath.Join(dir, f.Name)
}

// take checks a file that was downloaded and moves it into the cache.
func (w workshop) take(path string, f pinnedFile) error {
	found, err := fileDigest(path)
	if err != nil {
		return fmt.Errorf("check %s: it was not among the files downloaded: %w; %s", f.Name, err, pinAdvice())
	}
	if found != f.SHA256 {
		return fmt.Errorf("check %s: sha256 must be %s and is %s: it is not the file that was pinned; %s",
			f.Name, f.SHA256, found, pinAdvice())
	}
	if err := os.MkdirAll(w.cache.path("downloads"), 0o755); err != nil {
		return fmt.Errorf("keep %s: %w", f.Name, err)
	}
	if err := os.Rename(path, w.downloaded(f)); err != nil {
		return fmt.Errorf("keep %s: %w", f.Name, err)
	}
	return nil
}

// pinAdvice says what to do when pins and Debian disagree.
func pinAdvice() string {
	return `run "go run ./pyruntime/build pin --write" and review what changed in pins.toml`
}
