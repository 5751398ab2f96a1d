package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// link makes a symbolic link and the folder it is in.
func link(t *testing.T, to, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(to, path); err != nil {
		t.Fatal(err)
	}
}

func TestKeepSiteTurnsLinksIntoFiles(t *testing.T) {
	root, kept := t.TempDir(), filepath.Join(t.TempDir(), "kept")
	packages := filepath.Join(root, "usr/lib/python3/dist-packages")
	writeFiles(t, root, map[string]string{
		"usr/share/javascript/jquery/jquery.js":                         "js",
		"usr/share/fonts/one.woff":                                      "font",
		"usr/lib/python3/dist-packages/app/__init__.py":                 "",
		"usr/lib/python3/dist-packages/app/_speed.cpython-313-x.so":     "elf",
		"usr/lib/python3/dist-packages/app/__pycache__/x.pyc":           "",
		"usr/lib/python3/dist-packages/app/tests/test_x.py":             "",
		"usr/lib/python3/dist-packages/app/locale/de/LC_MESSAGES/dj.mo": "mo",
	})
	link(t, "/usr/share/javascript/jquery/jquery.js", filepath.Join(packages, "app/static/jquery.js"))
	link(t, "../../../../../share/fonts", filepath.Join(packages, "app/static/fonts"))
	if err := keepSite(kept, root); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"app/static/jquery.js": "js", "app/static/fonts/one.woff": "font",
		"app/locale/de/LC_MESSAGES/dj.mo": "mo", "app/__init__.py": "",
	} {
		path := filepath.Join(kept, name)
		info, err := os.Lstat(path)
		if err != nil || !info.Mode().IsRegular() {
			t.Errorf("%s is no file: %v", name, err)
			continue
		}
		if have, _ := os.ReadFile(path); string(have) != want {
			t.Errorf("%s has %q, want %q", name, have, want)
		}
	}
	for _, name := range []string{"app/_speed.cpython-313-x.so", "app/__pycache__", "app/tests"} {
		if _, err := os.Lstat(filepath.Join(kept, name)); err == nil {
			t.Errorf("%s was kept", name)
		}
	}
}

func TestFollowInStaysInside(t *testing.T) {
	root := t.TempDir()
	link(t, "../../../../../../../etc/passwd", filepath.Join(root, "a/out"))
	link(t, "round", filepath.Join(root, "round"))
	link(t, "nowhere", filepath.Join(root, "lost"))
	for name, want := range map[string]string{"a/out": "leaves", "round": "circles", "lost": "no such file"} {
		if _, err := followIn(root, filepath.Join(root, name)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error is %v, must say %q", name, err, want)
		}
	}
}
