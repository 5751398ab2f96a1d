package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// settle returns w with pins whose files can be had. A pinned file that is in
// the cache, or that Debian offers, stays; where a pinned version is gone,
// what Debian's signed index has now of the package takes its place: the user
// is told, and later runs with the same pins file know it. The network is
// used only if a file is missing. Call it with the lock held.
func (w workshop) settle(ctx context.Context, all []wanted) (workshop, error) {
	missing := w.missing(all)
	if len(missing) == 0 {
		return w, nil
	}
	var err error
	if w.apt, err = w.openApt(ctx); err != nil {
		return w, err
	}
	before := w.pins
	w.pins = before.clone()
	if err := w.follow(ctx, missing); err != nil {
		return w, err
	}
	if reflect.DeepEqual(w.pins, before) {
		return w, nil
	}
	return w, w.remember()
}

// follow replaces w's pins of the missing packages by those to be used.
func (w workshop) follow(ctx context.Context, missing []wanted) (err error) {
	for i, s := range w.pinned.Sources {
		if wantSource(s).among(missing) {
			if w.pins.Sources[i], err = w.followSource(ctx, s); err != nil {
				return err
			}
		}
	}
	for i, d := range w.pinned.Packages {
		if wantPackage(d).among(missing) {
			if w.pins.Packages[i], err = w.followPackage(ctx, d); err != nil {
				return err
			}
		}
	}
	return nil
}

// followSource returns s if Debian offers it, else what it offers instead.
func (w workshop) followSource(ctx context.Context, s sourcePin) (sourcePin, error) {
	if ok, err := w.apt.has(ctx, wantSource(s)); ok || err != nil {
		return s, err
	}
	now, err := w.apt.pinSource(ctx, s, w.pins.Suites.Main)
	return now, w.tell(s.Name, s.Version, now.Version, err)
}

// followPackage returns d if Debian offers it, else what it offers instead.
func (w workshop) followPackage(ctx context.Context, d packagePin) (packagePin, error) {
	if ok, err := w.apt.has(ctx, wantPackage(d)); ok || err != nil {
		return d, err
	}
	now, err := w.apt.pinPackage(ctx, d, w.pins.suiteOf(d))
	return now, w.tell(d.Name, d.Version, now.Version, err)
}

// tell says that the version is takes the place of one that is gone, unless
// looking for one gave err.
func (w workshop) tell(name, gone, is string, err error) error {
	if err != nil {
		return fmt.Errorf("%s %s is gone from Debian: %w", name, gone, err)
	}
	fmt.Fprintf(w.say, "%s %s is gone from Debian: taking %s, which Debian signs; \"go run ./pyruntime/build pin --write\" keeps it\n",
		name, gone, is)
	return nil
}

// blame adds to the error of a build the versions it took that are not
// pinned: nobody has seen them work.
func (w workshop) blame(err error) error {
	taken := w.pinned.changes(w.pins)
	if err == nil || len(taken) == 0 {
		return err
	}
	return fmt.Errorf("%w\npinned versions are gone from Debian, which may be why: %s", err, strings.Join(taken, ", "))
}

// takenEntry names the file in the cache that remembers what was taken in
// place of the pins file's versions.
func (w workshop) takenEntry() string {
	d := newDigester("taken")
	d.text("pins", fmt.Sprintf("%q", w.pinned))
	return entryName("taken", d.hex())
}

// remember writes down the pins for later runs.
func (w workshop) remember() error {
	if err := w.pins.Validate(); err != nil {
		return fmt.Errorf("take what Debian offers: %w", err)
	}
	var text bytes.Buffer
	if err := toml.NewEncoder(&text).Encode(w.pins); err != nil {
		return fmt.Errorf("remember what was taken: %w", err)
	}
	file := w.cache.path(w.takenEntry())
	if err := os.WriteFile(file+workSuffix, text.Bytes(), 0o644); err != nil {
		return fmt.Errorf("remember what was taken: %w", err)
	}
	if err := os.Rename(file+workSuffix, file); err != nil {
		return fmt.Errorf("remember what was taken: %w", err)
	}
	return w.cache.prune("taken", keptEntries)
}

// recall returns the pins to start with: those of the pins file, but for what
// was taken in place of files that the cache still does not have. A memory
// that cannot be read is none.
func (w workshop) recall() pins {
	taken, err := loadPins(w.cache.path(w.takenEntry()))
	if err != nil {
		return w.pinned
	}
	w.cache.use(w.takenEntry())
	p := w.pinned.clone()
	for i, s := range p.Sources {
		if now, err := taken.source(s.Name); err == nil && !w.haveAll(s.Files) {
			p.Sources[i] = now
		}
	}
	for i, d := range p.Packages {
		if now, err := taken.debian(d.Name); err == nil && !w.haveAll(wantPackage(d).files) {
			p.Packages[i] = now
		}
	}
	return p
}

// among reports whether one of all is the same package, of whatever version.
func (want wanted) among(all []wanted) bool {
	return slices.ContainsFunc(all, func(o wanted) bool { return o.name == want.name && o.source == want.source })
}
