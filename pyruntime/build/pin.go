package main

import (
	"context"
	"fmt"
	"os"
	"strings"
)

// pinsLayout is the text of pins.toml around the values: the one place where
// its fields are explained.
const pinsLayout = `# What the guest's Python and the test sites are made of: Debian packages, by
# exact version and SHA-256. Where Debian has replaced a version, so that what is
# pinned can no longer be had, a build says so and takes what Debian offers now.
# "go run ./pyruntime/build pin --write" brings this file up to that (it keeps
# names, patterns and sets, and replaces versions, files and digests); review
# what changed, then build.

# Debian packages that build programs come from, installed on the machine if
# they are missing. Any version will do; the manifest records which it was.
tools = [{{quoted .Tools}}]

# The suites of the machine's own mirror to take packages from: main for
# everything but wasi-libc, which comes from sysroot.
[suites]
main = {{printf "%q" .Suites.Main}}
sysroot = {{printf "%q" .Suites.Sysroot}}

# Source packages. Of Debian's own patches, those that match one of patterns
# are applied, in the order of debian/patches/series.
{{range .Sources}}
[[source]]
name = {{printf "%q" .Name}}
version = {{printf "%q" .Version}}
patches = [{{quoted .Patches}}]
files = [
{{- range .Files}}
  { name = {{printf "%q" .Name}}, sha256 = {{printf "%q" .SHA256}} },
{{- end}}
]
{{end}}
# Binary packages: unpacked into folders of ours, never installed.
{{range .Packages}}
[[package]]
name = {{printf "%q" .Name}}
version = {{printf "%q" .Version}}
{{- if .Suite}}
suite = {{printf "%q" .Suite}}
{{- end}}
file = {{printf "%q" .File}}
sha256 = {{printf "%q" .SHA256}}
{{end}}
# What "site" can stage: for each set, the packages it needs, all of them.
# Only what is imported is listed, not all that Debian's packages depend on.
[sets]
{{- range $set, $names := .Sets}}
{{$set}} = [{{quoted $names}}]
{{- end}}
`

// pin returns the text of a pins file like the checkout's, but with what
// Debian offers now, and one line for each version that changed.
func (w workshop) pin(ctx context.Context) (text string, changes []string, err error) {
	unlock, err := w.cache.lock(ctx, w.say)
	if err != nil {
		return "", nil, err
	}
	defer unlock()
	a, err := w.openApt(ctx)
	if err != nil {
		return "", nil, err
	}
	fresh := w.pinned.clone()
	for i, s := range fresh.Sources {
		if fresh.Sources[i], err = a.pinSource(ctx, s, fresh.Suites.Main); err != nil {
			return "", nil, err
		}
	}
	for i, d := range fresh.Packages {
		if fresh.Packages[i], err = a.pinPackage(ctx, d, fresh.suiteOf(d)); err != nil {
			return "", nil, err
		}
	}
	text, err = fresh.text(pinsLayout)
	return text, w.pinned.changes(fresh), err
}

// writePins replaces the pins file.
func (w workshop) writePins(text string) error {
	if _, err := parsePins(text); err != nil {
		return fmt.Errorf("write the pins: %w", err)
	}
	if err := os.WriteFile(w.checkout.pinsFile(), []byte(text), 0o644); err != nil {
		return fmt.Errorf("write the pins: %w", err)
	}
	return nil
}

// pinSource returns s at the version the suite has, with the files the build
// uses: the upstream tarball, and Debian's part if patches are wanted of it.
func (a *apt) pinSource(ctx context.Context, s sourcePin, suite string) (sourcePin, error) {
	version, err := a.current(ctx, s.Name, suite, true)
	if err != nil {
		return s, err
	}
	files, err := a.sourceFiles(ctx, s.Name, version)
	if err != nil {
		return s, err
	}
	s.Version, s.Files = version, nil
	for _, f := range files {
		upstream := strings.Contains(f.Name, ".orig.tar.") && !strings.HasSuffix(f.Name, ".asc")
		if upstream || len(s.Patches) > 0 && strings.Contains(f.Name, ".debian.tar.") {
			s.Files = append(s.Files, f)
		}
	}
	return s, nil
}

// pinPackage returns d at the version the suite has.
func (a *apt) pinPackage(ctx context.Context, d packagePin, suite string) (packagePin, error) {
	version, err := a.current(ctx, d.Name, suite, false)
	if err != nil {
		return d, err
	}
	file, err := a.debFile(ctx, d.Name, version)
	if err != nil {
		return d, err
	}
	d.Version, d.File, d.SHA256 = version, file.Name, file.SHA256
	return d, nil
}

// current returns the version of a package that the suite has now.
func (a *apt) current(ctx context.Context, name, suite string, source bool) (string, error) {
	offers, err := a.offers(ctx, name)
	if err != nil {
		return "", err
	}
	for _, o := range offers {
		if o.Suite == suite && o.Source == source {
			return o.Version, nil
		}
	}
	return "", fmt.Errorf("pin %s: %s does not offer it", name, suite)
}
