package main

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// unpackSources unpacks every pinned source below dir, each into a folder
// with the package's name, and applies Debian's patches that its pin chooses.
func (w workshop) unpackSources(ctx context.Context, dir string) error {
	for _, s := range w.pins.Sources {
		tree := filepath.Join(dir, s.Name)
		upstream, err := s.tarball(".orig.tar")
		if err != nil {
			return err
		}
		if err := w.untar(ctx, tree, upstream); err != nil {
			return err
		}
		if err := w.patchSource(ctx, tree, s); err != nil {
			return fmt.Errorf("patch %s: %w", s.Name, err)
		}
	}
	return nil
}

// untar unpacks a downloaded tarball into dir, without its top folder.
func (w workshop) untar(ctx context.Context, dir string, f pinnedFile) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	err := w.builder(dir).run(ctx, dir, "tar", "-xf", w.downloaded(f), "--strip-components=1", "--no-same-owner")
	if err != nil {
		return fmt.Errorf("unpack %s: %w", f.Name, err)
	}
	return nil
}

// patchSource applies to tree the patches of Debian that the pin chooses.
func (w workshop) patchSource(ctx context.Context, tree string, s sourcePin) error {
	if len(s.Patches) == 0 {
		return nil
	}
	extra, err := s.tarball(".debian.tar")
	if err != nil {
		return err
	}
	debian := tree + ".debian"
	if err := w.untar(ctx, debian, extra); err != nil {
		return err
	}
	series, err := os.ReadFile(filepath.Join(debian, "patches", "series"))
	if err != nil {
		return err
	}
	chosen := choosePatches(string(series), s.Patches)
	for _, name := range chosen {
		if err := w.applyPatch(ctx, tree, filepath.Join(debian, "patches", name)); err != nil {
			return err
		}
	}
	return nil
}

// choosePatches returns the lines of a quilt series that match one of the
// patterns, in order.
func choosePatches(series string, patterns []string) []string {
	var chosen []string
	for line := range strings.Lines(series) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		for _, pattern := range patterns {
			if ok, _ := path.Match(pattern, name); ok && !strings.HasPrefix(name, "#") {
				chosen = append(chosen, name)
				break
			}
		}
	}
	return chosen
}

// applyPatch applies one patch; a hunk that does not fit is an error.
func (w workshop) applyPatch(ctx context.Context, tree, file string) error {
	err := w.builder(tree).run(ctx, tree, "patch", "-p1", "--forward", "--batch", "--no-backup-if-mismatch", "-i", file)
	if err != nil {
		return fmt.Errorf("apply %s: %w", filepath.Base(file), err)
	}
	return nil
}

// applyOwnPatches applies the patches of the recipe to CPython.
func (w workshop) applyOwnPatches(ctx context.Context, tree string) error {
	files, err := filepath.Glob(filepath.Join(w.checkout.patchDir(), "*.patch"))
	if err != nil {
		return err
	}
	for _, file := range files {
		if err := w.applyPatch(ctx, tree, file); err != nil {
			return err
		}
	}
	return nil
}
