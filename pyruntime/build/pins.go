package main

import (
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"text/template"

	"github.com/BurntSushi/toml"
)

// pins says exactly which Debian packages everything is made of. It is read
// from pins.toml, where each field is explained.
type pins struct {
	Suites   suites              `toml:"suites"`
	Tools    []string            `toml:"tools"`
	Sources  []sourcePin         `toml:"source"`
	Packages []packagePin        `toml:"package"`
	Sets     map[string][]string `toml:"sets"`
}

// suites are the Debian suites the packages come from.
type suites struct {
	Main    string `toml:"main"`    // sources, and packages that say nothing else
	Sysroot string `toml:"sysroot"` // wasi-libc
}

// sourcePin is a source package, the files of it that are used, and the
// patterns that choose among Debian's patches.
type sourcePin struct {
	Name    string       `toml:"name"`
	Version string       `toml:"version"`
	Patches []string     `toml:"patches"`
	Files   []pinnedFile `toml:"files"`
}

// packagePin is a binary package; it is unpacked, never installed.
type packagePin struct {
	Name    string `toml:"name"`
	Version string `toml:"version"`
	Suite   string `toml:"suite"` // empty for the main one
	File    string `toml:"file"`
	SHA256  string `toml:"sha256"`
}

// pinnedFile is a file and its digest, 64 hex digits.
type pinnedFile struct {
	Name   string `toml:"name"`
	SHA256 string `toml:"sha256"`
}

// loadPins reads and checks the pins file.
func loadPins(path string) (pins, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return pins{}, fmt.Errorf("read the pins: %w", err)
	}
	p, err := parsePins(string(text))
	if err != nil {
		return pins{}, fmt.Errorf("read %s: %w", path, err)
	}
	return p, nil
}

// parsePins reads pins and checks them. A key it does not know is an error.
func parsePins(text string) (pins, error) {
	var p pins
	meta, err := toml.Decode(text, &p)
	if err != nil {
		return pins{}, err
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return pins{}, fmt.Errorf("unknown key %s", unknown[0])
	}
	return p, p.Validate()
}

// Validate says what is missing or malformed.
func (p pins) Validate() error {
	if p.Suites.Main == "" || p.Suites.Sysroot == "" {
		return fmt.Errorf("suites: main is %q and sysroot is %q, both must be named", p.Suites.Main, p.Suites.Sysroot)
	}
	seen := map[string]bool{}
	for _, s := range p.Sources {
		if err := s.validate(seen); err != nil {
			return err
		}
	}
	for _, d := range p.Packages {
		if err := d.validate(seen); err != nil {
			return err
		}
	}
	for set, names := range p.Sets {
		for _, name := range names {
			if _, err := p.debian(name); err != nil {
				return fmt.Errorf("set %s: %w", set, err)
			}
		}
	}
	return nil
}

func (s sourcePin) validate(seen map[string]bool) error {
	if err := once(seen, "source", s.Name, s.Version); err != nil {
		return err
	}
	for _, f := range s.Files {
		if err := f.validate(); err != nil {
			return fmt.Errorf("source %s: %w", s.Name, err)
		}
	}
	for _, pattern := range s.Patches {
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Errorf("source %s: pattern %q: %w", s.Name, pattern, err)
		}
	}
	return nil
}

func (d packagePin) validate(seen map[string]bool) error {
	if err := once(seen, "package", d.Name, d.Version); err != nil {
		return err
	}
	if err := d.pinned().validate(); err != nil {
		return fmt.Errorf("package %s: %w", d.Name, err)
	}
	return nil
}

func (f pinnedFile) validate() error {
	if f.Name == "" || strings.ContainsAny(f.Name, "/\\") {
		return fmt.Errorf("%q is no file name", f.Name)
	}
	if raw, err := hex.DecodeString(f.SHA256); err != nil || len(raw) != 32 {
		return fmt.Errorf("%s: sha256 is %q, must be 64 hex digits", f.Name, f.SHA256)
	}
	return nil
}

// once refuses a name that is empty or was seen before.
func once(seen map[string]bool, kind, name, version string) error {
	key := kind + " " + name
	if name == "" || version == "" || seen[key] {
		return fmt.Errorf("%s %q version %q: a name and a version are needed, and each name once", kind, name, version)
	}
	seen[key] = true
	return nil
}

// clone returns a copy whose pins can be replaced one by one.
func (p pins) clone() pins {
	p.Sources, p.Packages = slices.Clone(p.Sources), slices.Clone(p.Packages)
	return p
}

// changes are lines about the versions that are others in now, which pins the
// same packages in the same order.
func (p pins) changes(now pins) []string {
	var lines []string
	changed := func(name, was, is string) {
		if was != is {
			lines = append(lines, fmt.Sprintf("%s: %s is now %s", name, was, is))
		}
	}
	for i, s := range p.Sources {
		changed(s.Name, s.Version, now.Sources[i].Version)
	}
	for i, d := range p.Packages {
		changed(d.Name, d.Version, now.Packages[i].Version)
	}
	return lines
}

// source returns the pin of a source package.
func (p pins) source(name string) (sourcePin, error) {
	for _, s := range p.Sources {
		if s.Name == name {
			return s, nil
		}
	}
	return sourcePin{}, fmt.Errorf("source %s is not pinned", name)
}

// debian returns the pin of a binary package.
func (p pins) debian(name string) (packagePin, error) {
	for _, d := range p.Packages {
		if d.Name == name {
			return d, nil
		}
	}
	return packagePin{}, fmt.Errorf("package %s is not pinned", name)
}

// members returns the packages of the named sets, each once, by name.
func (p pins) members(sets []string) ([]packagePin, error) {
	names := map[string]bool{}
	for _, set := range sets {
		list, ok := p.Sets[set]
		if !ok {
			return nil, fmt.Errorf("no set %q: there are %s", set, strings.Join(slices.Sorted(maps.Keys(p.Sets)), ", "))
		}
		for _, name := range list {
			names[name] = true
		}
	}
	var found []packagePin
	for _, name := range slices.Sorted(maps.Keys(names)) {
		d, err := p.debian(name)
		if err != nil {
			return nil, err
		}
		found = append(found, d)
	}
	return found, nil
}

// tarball returns the one file of the source whose name ends in suffix, up to
// compression: ".orig.tar" or ".debian.tar".
func (s sourcePin) tarball(suffix string) (pinnedFile, error) {
	for _, f := range s.Files {
		if strings.Contains(f.Name, suffix+".") {
			return f, nil
		}
	}
	return pinnedFile{}, fmt.Errorf("source %s: no file %s.* is pinned", s.Name, suffix)
}

// upstream is the version without epoch and Debian revision.
func (s sourcePin) upstream() string {
	version := s.Version
	if _, after, ok := strings.Cut(version, ":"); ok {
		version = after
	}
	if at := strings.LastIndex(version, "-"); at >= 0 {
		version = version[:at]
	}
	return version
}

// pinned is the package's file.
func (d packagePin) pinned() pinnedFile { return pinnedFile{Name: d.File, SHA256: d.SHA256} }

// suiteOf is the suite a package comes from.
func (p pins) suiteOf(d packagePin) string {
	if d.Suite == "" {
		return p.Suites.Main
	}
	return d.Suite
}

// text writes pins in the form of pins.toml, comments included. What it
// writes, parsePins reads back.
func (p pins) text(layout string) (string, error) {
	page, err := template.New("pins").Funcs(template.FuncMap{"quoted": quoted}).Parse(layout)
	if err != nil {
		return "", fmt.Errorf("write the pins: %w", err)
	}
	var out strings.Builder
	if err := page.Execute(&out, p); err != nil {
		return "", fmt.Errorf("write the pins: %w", err)
	}
	return out.String(), nil
}

// quoted writes strings as the inside of a TOML array.
func quoted(words []string) string {
	cells := make([]string, len(words))
	for i, w := range words {
		cells[i] = fmt.Sprintf("%q", w)
	}
	return strings.Join(cells, ", ")
}
