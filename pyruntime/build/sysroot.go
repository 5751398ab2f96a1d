package main

import (
	"context"
	"fmt"
	"path/filepath"
)

// buildSysroot unpacks wasi-libc into dir, as the sysroot of a toolchain.
func (w workshop) buildSysroot(ctx context.Context, scratch, dir string) error {
	libc, err := w.pins.debian("wasi-libc")
	if err != nil {
		return err
	}
	root := filepath.Join(scratch, "wasi-libc")
	if err := w.unpackDeb(ctx, root, libc.pinned()); err != nil {
		return err
	}
	for _, part := range []string{"include", "lib"} {
		from := filepath.Join(root, "usr", part, target)
		if err := copyTree(filepath.Join(dir, part, target), from, everything, nil); err != nil {
			return fmt.Errorf("make the sysroot: %w", err)
		}
	}
	return nil
}

// unpackDeb unpacks a downloaded package into root, over what is there.
func (w workshop) unpackDeb(ctx context.Context, root string, f pinnedFile) error {
	if err := w.builder(root).run(ctx, "/", "dpkg-deb", "--extract", w.downloaded(f), root); err != nil {
		return fmt.Errorf("unpack %s: %w", f.Name, err)
	}
	return nil
}
