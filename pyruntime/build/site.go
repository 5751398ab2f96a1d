package main

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// stageSite fills dir with the Python packages of the named sets, as a
// site-packages folder: pure Python, nothing of this machine, no links. Files
// that dir has already under the same names are replaced, others stay.
func (w workshop) stageSite(ctx context.Context, sets []string, dir string) error {
	members, err := w.pins.members(sets)
	if err != nil {
		return err
	}
	entry, err := w.siteEntry(members)
	if err != nil {
		return err
	}
	if !w.cache.has(entry) {
		if entry, err = w.makeSite(ctx, sets); err != nil {
			return err
		}
	}
	if err := copyTree(dir, w.cache.path(entry), everything, nil); err != nil {
		return fmt.Errorf("stage %s: %w", strings.Join(sets, ", "), err)
	}
	w.cache.use(entry)
	fmt.Fprintf(w.say, "%s has %s, from %s\n", dir, strings.Join(sets, ", "), entry)
	return nil
}

// siteEntry names the cache entry of exactly these packages.
func (w workshop) siteEntry(members []packagePin) (string, error) {
	d := newDigester("site")
	for _, m := range members {
		d.text("package", fmt.Sprintf("%q", m))
	}
	err := d.code(w.checkout.recipeDir(), "site.go", "tree.go", "links.go")
	return entryName("site", d.hex()), err
}

// makeSite settles the pins of the sets, fills the cache entry of what they
// come to, and returns its name.
func (w workshop) makeSite(ctx context.Context, sets []string) (string, error) {
	w, unlock, err := w.lock(ctx)
	if err != nil {
		return "", err
	}
	defer unlock()
	w, members, err := w.settleSite(ctx, sets)
	if err != nil {
		return "", err
	}
	entry, err := w.siteEntry(members)
	if err != nil || w.cache.has(entry) { // somebody made it while we waited
		return entry, err
	}
	return entry, w.fillSite(ctx, entry, members)
}

// settleSite settles the pins of the sets, and returns them.
func (w workshop) settleSite(ctx context.Context, sets []string) (workshop, []packagePin, error) {
	members, err := w.pins.members(sets)
	if err != nil {
		return w, nil, err
	}
	if w, err = w.settle(ctx, wantPackages(members)); err != nil {
		return w, nil, err
	}
	members, err = w.pins.members(sets)
	return w, members, err
}

// fillSite fills the cache entry of the packages.
func (w workshop) fillSite(ctx context.Context, entry string, members []packagePin) error {
	work, err := w.cache.work("site")
	if err != nil {
		return err
	}
	root, kept := filepath.Join(work, "root"), filepath.Join(work, "keep")
	err = w.runSteps(ctx, []step{
		{"site: download packages", func(ctx context.Context) error { return w.download(ctx, wantPackages(members)) }},
		{"site: unpack packages", func(ctx context.Context) error { return w.unpackAll(ctx, root, members) }},
		{"site: keep the pure Python", func(context.Context) error { return keepSite(kept, root) }},
	})
	if err != nil {
		return err
	}
	return w.cache.commit(entry, work)
}

// unpackAll unpacks packages into one root, so that their links find each
// other.
func (w workshop) unpackAll(ctx context.Context, root string, members []packagePin) error {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return err
	}
	for _, m := range members {
		if err := w.unpackDeb(ctx, root, m.pinned()); err != nil {
			return err
		}
	}
	return nil
}

// keepSite copies the Python packages that Debian's packages put into root.
func keepSite(kept, root string) error {
	from := filepath.Join(root, "usr", "lib", "python3", "dist-packages")
	follow := func(link string) (string, error) { return followIn(root, link) }
	if err := copyTree(kept, from, notForSite, follow); err != nil {
		return fmt.Errorf("stage packages: %w", err)
	}
	return nil
}

// notForSite reports whether a file of a Python package is of no use to a
// guest: machine code, what Python made of the sources, tests, and translations
// in the form translators edit.
func notForSite(rel string) bool {
	base := path.Base(rel)
	switch base {
	case "__pycache__", "tests":
		return true
	}
	return named(".so", ".pyc", ".c", ".pyx", ".pxd", ".po", ".pot")(base)
}

// wantPackages says what the packages need.
func wantPackages(members []packagePin) []wanted {
	all := make([]wanted, len(members))
	for i, m := range members {
		all[i] = wantPackage(m)
	}
	return all
}
