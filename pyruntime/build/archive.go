package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// archive is one entry of the machine's apt configuration: a mirror, what it
// is asked for, and how apt is to trust it.
type archive struct {
	Types      []string // deb, deb-src
	URIs       []string
	Suites     []string
	Components []string
	SignedBy   string // path of a keyring, or the key itself over several lines; may be empty
	Trusted    string // yes, no or empty
}

// findDebianArchive returns the entry of the apt configuration below root
// (normally "/") that serves the release the machine runs. The mirror and its
// key are always the machine's own: nothing here knows a host name.
func findDebianArchive(root string) (archive, error) {
	codename, err := releaseName(filepath.Join(root, "etc", "os-release"))
	if err != nil {
		return archive{}, err
	}
	all, err := aptArchives(filepath.Join(root, "etc", "apt"))
	if err != nil {
		return archive{}, err
	}
	for _, a := range all {
		if a.serves(codename) {
			return a, nil
		}
	}
	return archive{}, fmt.Errorf("find a Debian mirror: no entry in %s with suite %s and component main: add one, as on a fresh Debian machine",
		filepath.Join(root, "etc", "apt"), codename)
}

// serves reports whether the entry offers main of the release.
func (a archive) serves(codename string) bool {
	return slices.Contains(a.Suites, codename) && slices.Contains(a.Components, "main") &&
		slices.Contains(a.Types, "deb") && len(a.URIs) > 0 && !strings.HasPrefix(a.URIs[0], "cdrom:")
}

// stanza writes an entry for another suite of the same mirror, in apt's
// deb822 format. Packages are only ever unpacked, never run, so they are
// always those of amd64: pins hold on every machine.
func (a archive) stanza(suite string, types ...string) string {
	var out strings.Builder
	fmt.Fprintf(&out, "Types: %s\nURIs: %s\nSuites: %s\nComponents: main\nArchitectures: amd64\n",
		strings.Join(types, " "), a.URIs[0], suite)
	if a.SignedBy != "" {
		fmt.Fprintf(&out, "Signed-By: %s\n", foldKey(a.SignedBy))
	}
	if a.Trusted != "" {
		fmt.Fprintf(&out, "Trusted: %s\n", a.Trusted)
	}
	return out.String()
}

// foldKey puts the blank before continuation lines back.
func foldKey(value string) string { return strings.ReplaceAll(value, "\n", "\n ") }

// releaseName reads the codename of the release from an os-release file.
func releaseName(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("find the Debian release: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "VERSION_CODENAME="); ok {
			return strings.Trim(name, `"'`), nil
		}
	}
	return "", fmt.Errorf("find the Debian release: no VERSION_CODENAME in %s: this build needs Debian", path)
}

// aptArchives reads sources.list and sources.list.d of an apt folder, in
// apt's order.
func aptArchives(dir string) ([]archive, error) {
	files, err := sourceFiles(dir)
	if err != nil {
		return nil, err
	}
	var all []archive
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read the apt configuration: %w", err)
		}
		parse := parseList
		if strings.HasSuffix(path, ".sources") {
			parse = parseSources
		}
		found, err := parse(string(text))
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		all = append(all, found...)
	}
	return all, nil
}

// sourceFiles lists the files apt reads its entries from.
func sourceFiles(dir string) ([]string, error) {
	var files []string
	if _, err := os.Stat(filepath.Join(dir, "sources.list")); err == nil {
		files = append(files, filepath.Join(dir, "sources.list"))
	}
	parts, err := os.ReadDir(filepath.Join(dir, "sources.list.d"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the apt configuration: %w", err)
	}
	for _, e := range parts {
		if named(".list", ".sources")(e.Name()) {
			files = append(files, filepath.Join(dir, "sources.list.d", e.Name()))
		}
	}
	return files, nil
}

// parseSources reads the deb822 format. Entries with "Enabled: no" are left
// out.
func parseSources(text string) ([]archive, error) {
	paragraphs, err := parseParagraphs(text)
	if err != nil {
		return nil, err
	}
	var all []archive
	for _, p := range paragraphs {
		if enabled := strings.ToLower(p["enabled"]); enabled == "no" || enabled == "false" {
			continue
		}
		all = append(all, archive{
			Types:      strings.Fields(p["types"]),
			URIs:       strings.Fields(p["uris"]),
			Suites:     strings.Fields(p["suites"]),
			Components: strings.Fields(p["components"]),
			SignedBy:   p["signed-by"],
			Trusted:    p["trusted"],
		})
	}
	return all, nil
}

// parseList reads the one-line format:
// deb [option=value …] uri suite component…
func parseList(text string) ([]archive, error) {
	var all []archive
	for n, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		a, err := parseListLine(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n+1, err)
		}
		all = append(all, a)
	}
	return all, nil
}

// parseListLine reads one entry of the one-line format.
func parseListLine(line string) (archive, error) {
	kind, rest, _ := strings.Cut(line, " ")
	if kind != "deb" && kind != "deb-src" {
		return archive{}, fmt.Errorf("an entry begins with deb or deb-src, not %q", kind)
	}
	a := archive{Types: []string{kind}}
	rest = strings.TrimSpace(rest)
	if options, after, ok := strings.Cut(rest, "]"); ok && strings.HasPrefix(rest, "[") {
		for _, option := range strings.Fields(options[1:]) {
			name, value, _ := strings.Cut(option, "=")
			switch strings.ToLower(name) {
			case "signed-by":
				a.SignedBy = value
			case "trusted":
				a.Trusted = value
			}
		}
		rest = after
	}
	words := strings.Fields(rest)
	if len(words) < 2 {
		return archive{}, fmt.Errorf("an entry needs a URI and a suite: %q", line)
	}
	a.URIs, a.Suites, a.Components = words[:1], words[1:2], words[2:]
	return a, nil
}
