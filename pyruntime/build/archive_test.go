package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestParseSourcesReadsDeb822(t *testing.T) {
	got, err := parseSources(`# the main archive
Types: deb deb-src
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/some.gpg

Enabled: no
Types: deb
URIs: http://mirror.example/other
Suites: x
Components: main

Types: deb
URIs: http://mirror.example/inline
Suites: y
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc
`)
	if err != nil {
		t.Fatal(err)
	}
	want := []archive{
		{
			Types: []string{"deb", "deb-src"}, URIs: []string{"http://mirror.example/debian"},
			Suites: []string{"bookworm", "bookworm-updates"}, Components: []string{"main", "contrib"},
			SignedBy: "/usr/share/keyrings/some.gpg",
		},
		{
			Types: []string{"deb"}, URIs: []string{"http://mirror.example/inline"},
			Suites: []string{"y"}, Components: []string{"main"},
			SignedBy: "\n-----BEGIN PGP PUBLIC KEY BLOCK-----\n.\nabc",
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestParseSourcesRefusesWhatIsNoField(t *testing.T) {
	for _, text := range []string{"Types deb\n", " continued: nothing\n"} {
		if _, err := parseSources(text); err == nil || !strings.Contains(err.Error(), "line 1") {
			t.Errorf("%q: error is %v, must name line 1", text, err)
		}
	}
}

func TestParseListReadsOneLineEntries(t *testing.T) {
	got, err := parseList(`
# deb http://mirror.example/commented bookworm main
deb http://mirror.example/debian bookworm main contrib # trailing
deb [ arch=amd64 signed-by=/k.gpg trusted=yes ] https://mirror.example/debian trixie main
deb-src http://mirror.example/debian bookworm main
`)
	if err != nil {
		t.Fatal(err)
	}
	want := []archive{
		{Types: []string{"deb"}, URIs: []string{"http://mirror.example/debian"}, Suites: []string{"bookworm"}, Components: []string{"main", "contrib"}},
		{Types: []string{"deb"}, URIs: []string{"https://mirror.example/debian"}, Suites: []string{"trixie"}, Components: []string{"main"}, SignedBy: "/k.gpg", Trusted: "yes"},
		{Types: []string{"deb-src"}, URIs: []string{"http://mirror.example/debian"}, Suites: []string{"bookworm"}, Components: []string{"main"}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestParseListRefusesOtherLines(t *testing.T) {
	for _, text := range []string{"rpm http://mirror.example x main", "deb http://mirror.example/debian"} {
		if _, err := parseList(text); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}

func TestFindDebianArchiveTakesTheMachinesRelease(t *testing.T) {
	for name, file := range map[string]string{
		"sources.list.d/debian.sources": "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm\nComponents: main\nSigned-By: /k.gpg\n",
		"sources.list":                  "deb [signed-by=/k.gpg] http://mirror.example/debian bookworm main\n",
		"sources.list.d/debian.list":    "deb http://mirror.example/security bookworm-security main\ndeb [signed-by=/k.gpg] http://mirror.example/debian bookworm main\n",
	} {
		root := t.TempDir()
		writeFiles(t, root, map[string]string{
			"etc/os-release":                      "ID=debian\nVERSION_CODENAME=bookworm\n",
			"etc/apt/" + name:                     file,
			"etc/apt/sources.list.d/a.disabled":   "nonsense",
			"etc/apt/sources.list.d/vendor.list":  "deb http://vendor.example/apt stable main\n",
			"etc/apt/sources.list.d/cd.list":      "deb cdrom:[disc]/ bookworm main\n",
			"etc/apt/sources.list.d/nonfree.list": "deb http://mirror.example/nonfree bookworm non-free\n",
		})
		got, err := findDebianArchive(root)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got.URIs[0] != "http://mirror.example/debian" || got.SignedBy != "/k.gpg" {
			t.Errorf("%s: found %+v", name, got)
		}
	}
}

func TestFindDebianArchiveSaysWhatIsMissing(t *testing.T) {
	root := t.TempDir()
	writeFiles(t, root, map[string]string{"etc/os-release": "VERSION_CODENAME=bookworm\n"})
	_, err := findDebianArchive(root)
	if err == nil || !strings.Contains(err.Error(), "suite bookworm") {
		t.Errorf("error is %v, must name the suite", err)
	}
}

func TestStanzaReadsBack(t *testing.T) {
	from := archive{URIs: []string{"http://mirror.example/debian"}, SignedBy: "\nKEY\n.\nabc", Trusted: "yes"}
	got, err := parseSources(from.stanza("trixie", "deb", "deb-src"))
	if err != nil {
		t.Fatal(err)
	}
	want := []archive{{
		Types: []string{"deb", "deb-src"}, URIs: from.URIs, Suites: []string{"trixie"}, Components: []string{"main"},
		SignedBy: from.SignedBy, Trusted: "yes",
	}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestParseMadisonKeepsSuiteAndKind(t *testing.T) {
	got := parseMadison("bzip2", ""+
		" bzip2 | 1.0.8-6 | http://mirror.example/debian trixie/main amd64 Packages\n"+
		" bzip2 | 1.0.8-5 | http://mirror.example/debian bookworm/main Sources\n"+
		"libbz2 | 1.0.8-5 | http://mirror.example/debian bookworm/main Sources\n")
	want := []offer{{"1.0.8-6", "trixie", false}, {"1.0.8-5", "bookworm", true}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// writeFiles makes files below dir, with the folders they need.
func writeFiles(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
