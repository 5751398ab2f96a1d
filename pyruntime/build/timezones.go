package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// stageTimezones makes the Python package tzdata in dir, which the standard
// library's zoneinfo looks for: every zone of Debian's tzdata as a file below
// zoneinfo/, and the list of their names.
func (w workshop) stageTimezones(ctx context.Context, scratch, dir string) error {
	zones, err := w.pins.debian("tzdata")
	if err != nil {
		return err
	}
	root := filepath.Join(scratch, "tzdata")
	if err := w.unpackDeb(ctx, root, zones.pinned()); err != nil {
		return err
	}
	follow := func(link string) (string, error) { return followIn(root, link) }
	to := filepath.Join(dir, "zoneinfo")
	if err := copyTree(to, filepath.Join(root, "usr", "share", "zoneinfo"), notZone, follow); err != nil {
		return fmt.Errorf("stage time zones: %w", err)
	}
	names, err := makePackages(to)
	if err != nil {
		return fmt.Errorf("stage time zones: %w", err)
	}
	version, _, _ := strings.Cut(zones.Version, "-")
	init := fmt.Sprintf("IANA_VERSION = %q\n", version)
	if err := os.WriteFile(filepath.Join(dir, "__init__.py"), []byte(init), 0o644); err != nil {
		return fmt.Errorf("stage time zones: %w", err)
	}
	return os.WriteFile(filepath.Join(dir, "zones"), []byte(strings.Join(names, "\n")+"\n"), 0o644)
}

// notZone reports whether a path below zoneinfo is no zone, or one that is
// there under another name too.
func notZone(rel string) bool {
	switch rel {
	case "posix", "right", "posixrules", "localtime":
		return true
	}
	base := path.Base(rel)
	return strings.Contains(base, ".") || strings.HasPrefix(base, "leap")
}

// makePackages puts an __init__.py into dir and every folder below it, and
// returns the paths of the other files.
func makePackages(dir string) ([]string, error) {
	var names []string
	err := filepath.WalkDir(dir, func(file string, e fs.DirEntry, err error) error {
		switch {
		case err != nil || e.Name() == "__init__.py":
			return err
		case e.IsDir():
			return os.WriteFile(filepath.Join(file, "__init__.py"), nil, 0o644)
		}
		rel, err := filepath.Rel(dir, file)
		names = append(names, filepath.ToSlash(rel))
		return err
	})
	return names, err
}
