package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// apt asks Debian for packages from a state of its own: lists, cache and
// sources are below dir, and the machine's are neither read (but for its
// mirror) nor changed.
type apt struct {
	dir string
	cmd commander
}

// offer is a version of a package that a suite has now.
type offer struct {
	Version string
	Suite   string
	Source  bool // of a source package
}

// openApt makes the state below dir and fetches the suites' lists, from the
// mirror the machine uses. sources names the suites whose sources are wanted
// as well.
func openApt(ctx context.Context, dir string, from archive, suites []string, sources string, cmd commander) (*apt, error) {
	a := &apt{dir: dir, cmd: cmd.with("APT_CONFIG=" + filepath.Join(dir, "apt.conf"))}
	if err := a.configure(from, suites, sources); err != nil {
		return nil, fmt.Errorf("set up a private apt state: %w", err)
	}
	if err := a.cmd.run(ctx, dir, "apt-get", "update", "-q"); err != nil {
		return nil, fmt.Errorf("fetch the lists of %s from %s: %w", strings.Join(suites, " and "), from.URIs[0], err)
	}
	return a, nil
}

// configure writes the files that keep this apt apart from the machine's.
func (a *apt) configure(from archive, suites []string, sources string) error {
	for _, sub := range []string{"lists/partial", "cache/archives/partial", "sources", "preferences"} {
		if err := os.MkdirAll(filepath.Join(a.dir, sub), 0o755); err != nil {
			return err
		}
	}
	var stanzas []string
	for _, suite := range suites {
		types := []string{"deb"}
		if suite == sources {
			types = append(types, "deb-src")
		}
		stanzas = append(stanzas, from.stanza(suite, types...))
	}
	if err := os.WriteFile(filepath.Join(a.dir, "sources", "wasgi.sources"), []byte(strings.Join(stanzas, "\n")), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(a.dir, "apt.conf"), []byte(aptConf(a.dir)), 0o644)
}

// aptConf is the private configuration: everything that has a place gets one
// below dir.
func aptConf(dir string) string {
	settings := [][2]string{
		{"Dir::Etc::sourcelist", "/dev/null"},
		{"Dir::Etc::sourceparts", filepath.Join(dir, "sources")},
		{"Dir::Etc::preferences", "/dev/null"},
		{"Dir::Etc::preferencesparts", filepath.Join(dir, "preferences")},
		{"Dir::State::lists", filepath.Join(dir, "lists")},
		{"Dir::State::status", "/dev/null"},
		{"Dir::Cache", filepath.Join(dir, "cache")},
		{"APT::Architecture", "amd64"},
		{"APT::Sandbox::User", "root"},
		{"Acquire::Languages", "none"},
		{"Acquire::IndexTargets::deb::DEP-11::DefaultEnabled", "false"},
	}
	var out strings.Builder
	for _, s := range settings {
		fmt.Fprintf(&out, "%s %q;\n", s[0], s[1])
	}
	return out.String()
}

// offers returns what the suites have of a package now, newest first.
func (a *apt) offers(ctx context.Context, name string) ([]offer, error) {
	text, err := a.cmd.output(ctx, a.dir, "apt-cache", "madison", name)
	if err != nil {
		return nil, err
	}
	return parseMadison(name, text), nil
}

// has reports whether a suite has the wanted version now.
func (a *apt) has(ctx context.Context, want wanted) (bool, error) {
	offers, err := a.offers(ctx, want.name)
	return slices.ContainsFunc(offers, func(o offer) bool {
		return o.Version == want.version && o.Source == want.source
	}), err
}

// parseMadison reads apt-cache madison's table:
// name | version | uri suite/component architecture Packages
func parseMadison(name, text string) []offer {
	var all []offer
	for line := range strings.Lines(text) {
		cells := strings.Split(line, "|")
		if len(cells) != 3 || strings.TrimSpace(cells[0]) != name {
			continue
		}
		words := strings.Fields(cells[2])
		if len(words) < 3 {
			continue
		}
		suite, _, _ := strings.Cut(words[1], "/")
		all = append(all, offer{
			Version: strings.TrimSpace(cells[1]),
			Suite:   suite,
			Source:  words[len(words)-1] == "Sources",
		})
	}
	return all
}

// debFile returns the pool's name for a binary package, and its digest.
func (a *apt) debFile(ctx context.Context, name, version string) (pinnedFile, error) {
	p, err := a.record(ctx, version, "apt-cache", "show", name+"="+version)
	if err != nil {
		return pinnedFile{}, err
	}
	return pinnedFile{Name: filepath.Base(p["filename"]), SHA256: p["sha256"]}, nil
}

// sourceFiles returns the files of a source package, and their digests.
func (a *apt) sourceFiles(ctx context.Context, name, version string) ([]pinnedFile, error) {
	p, err := a.record(ctx, version, "apt-cache", "showsrc", "--only-source", name)
	if err != nil {
		return nil, err
	}
	var files []pinnedFile
	for line := range strings.Lines(p["checksums-sha256"]) {
		if words := strings.Fields(line); len(words) == 3 {
			files = append(files, pinnedFile{Name: words[2], SHA256: words[0]})
		}
	}
	return files, nil
}

// record runs a query and returns the paragraph of the wanted version.
func (a *apt) record(ctx context.Context, version string, query ...string) (paragraph, error) {
	text, err := a.cmd.output(ctx, a.dir, query...)
	if err != nil {
		return nil, err
	}
	all, err := parseParagraphs(text)
	if err != nil {
		return nil, fmt.Errorf("read the answer of %s: %w", strings.Join(query, " "), err)
	}
	for _, p := range all {
		if p["version"] == version {
			return p, nil
		}
	}
	return nil, fmt.Errorf("%s knows no version %s", strings.Join(query, " "), version)
}

// fetch downloads a package's files into dir, an existing folder.
func (a *apt) fetch(ctx context.Context, dir, name, version string, source bool) error {
	if source {
		return a.cmd.run(ctx, dir, "apt-get", "source", "-q", "--download-only", "--only-source", name+"="+version)
	}
	return a.cmd.run(ctx, dir, "apt-get", "download", "-q", name+"="+version)
}
