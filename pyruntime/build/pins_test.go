package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// somePins returns pins of one source, one package and one set.
func somePins() pins {
	sum := strings.Repeat("ab", 32)
	return pins{
		Suites: suites{Main: "trixie", Sysroot: "backports"},
		Tools:  []string{"gcc"},
		Sources: []sourcePin{{
			Name: "zlib", Version: "1:1.3+really1.2-4", Patches: []string{"CVE-*"},
			Files: []pinnedFile{{"zlib_1.3.orig.tar.gz", sum}, {"zlib_1.3-4.debian.tar.xz", sum}},
		}},
		Packages: []packagePin{{Name: "python3-flask", Version: "3", File: "flask.deb", SHA256: sum, Suite: "backports"}},
		Sets:     map[string][]string{"flask": {"python3-flask"}},
	}
}

func TestPinsOfTheRecipeAreValidAndInTheirLayout(t *testing.T) {
	p, err := loadPins("pins.toml")
	if err != nil {
		t.Fatal(err)
	}
	text, err := p.text(pinsLayout)
	if err != nil {
		t.Fatal(err)
	}
	if have, _ := os.ReadFile("pins.toml"); text != string(have) {
		t.Error(`pins.toml is not as "pin --write" would write it`)
	}
	for _, name := range []string{pythonSource, "zlib", "bzip2", "xz-utils", "sqlite3"} {
		s, err := p.source(name)
		if err != nil {
			t.Error(err)
		}
		if _, err := s.tarball(".orig.tar"); err != nil {
			t.Error(err)
		}
	}
	for _, name := range runtimePackages() {
		if _, err := p.debian(name); err != nil {
			t.Error(err)
		}
	}
}

func TestPinsReadBack(t *testing.T) {
	want := somePins()
	text, err := want.text(pinsLayout)
	if err != nil {
		t.Fatal(err)
	}
	got, err := parsePins(text)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestPinsRefuseWhatIsWrong(t *testing.T) {
	for name, spoil := range map[string]func(*pins){
		"64 hex digits":             func(p *pins) { p.Packages[0].SHA256 = "ab" },
		"is no file name":           func(p *pins) { p.Sources[0].Files[0].Name = "../x" },
		"each name once":            func(p *pins) { p.Sources = append(p.Sources, p.Sources[0]) },
		"both must be named":        func(p *pins) { p.Suites.Main = "" },
		"set flask: package x":      func(p *pins) { p.Sets["flask"] = []string{"x"} },
		"syntax error in pattern":   func(p *pins) { p.Sources[0].Patches = []string{"["} },
		`package "python3-flask" v`: func(p *pins) { p.Packages[0].Version = "" },
	} {
		p := somePins()
		spoil(&p)
		if err := p.Validate(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("error is %v, must say %q", err, name)
		}
	}
	if _, err := parsePins("colour = \"red\"\n"); err == nil || !strings.Contains(err.Error(), "colour") {
		t.Errorf("unknown key: error is %v", err)
	}
}

func TestMembersAreSortedAndOnce(t *testing.T) {
	p, err := loadPins("pins.toml")
	if err != nil {
		t.Fatal(err)
	}
	found, err := p.members([]string{"flask", "jinja2"})
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i < len(found); i++ {
		if found[i-1].Name >= found[i].Name {
			t.Errorf("%s comes before %s", found[i-1].Name, found[i].Name)
		}
	}
	if _, err := p.members([]string{"rails"}); err == nil || !strings.Contains(err.Error(), "flask") {
		t.Errorf("error is %v, must list the sets", err)
	}
}

func TestUpstreamVersionDropsDebiansParts(t *testing.T) {
	for version, want := range map[string]string{"3.13.5-2+deb13u5": "3.13.5", "1:1.3+really1.2-4": "1.3+really1.2", "7": "7"} {
		if got := (sourcePin{Version: version}).upstream(); got != want {
			t.Errorf("%s: got %s, want %s", version, got, want)
		}
	}
}

func TestChoosePatchesKeepsTheSeriesOrder(t *testing.T) {
	got := choosePatches("a.diff\n#CVE-0.patch\nCVE-2.patch -p1\nCVE-1.patch\n\nssl-x.patch\n", []string{"ssl-*", "CVE-*"})
	if want := []string{"CVE-2.patch", "CVE-1.patch", "ssl-x.patch"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestTakeRefusesAnotherFile(t *testing.T) {
	w := workshop{cache: cache(t.TempDir())}
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"a.deb": "not what was pinned"})
	f := pinnedFile{"a.deb", strings.Repeat("ab", 32)}
	err := w.take(filepath.Join(dir, "a.deb"), f)
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range []string{"a.deb", f.SHA256, "pin --write"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error is %q, must say %q", err, part)
		}
	}
	if w.haveAll([]pinnedFile{f}) {
		t.Error("the file is in the cache")
	}
}

func TestTakeKeepsThePinnedFile(t *testing.T) {
	w := workshop{cache: cache(t.TempDir())}
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"a.deb": ""})
	f := pinnedFile{"a.deb", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}
	if err := w.take(filepath.Join(dir, "a.deb"), f); err != nil {
		t.Fatal(err)
	}
	if !w.haveAll([]pinnedFile{f}) {
		t.Error("the file is not in the cache")
	}
}
