package main

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"
)

func TestZipOfTheSameFilesIsTheSame(t *testing.T) {
	files := map[string]string{"b.py": "b", "a/x.py": "x", "a.py": "a", "a/__pycache__/x.pyc": "\x00"}
	var made [][]byte
	for n := range 2 {
		dir, out := t.TempDir(), filepath.Join(t.TempDir(), "x.zip")
		writeFiles(t, dir, files)
		age(t, filepath.Join(dir, "b.py"), time.Duration(n)*time.Hour)
		if err := zipTree(out, dir); err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		made = append(made, content)
	}
	if !bytes.Equal(made[0], made[1]) {
		t.Error("two zips of the same files differ")
	}
	z, err := zip.NewReader(bytes.NewReader(made[0]), int64(len(made[0])))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range z.File {
		names = append(names, f.Name)
	}
	if want := []string{"a/__pycache__/x.pyc", "a/x.py", "a.py", "b.py"}; !reflect.DeepEqual(names, want) {
		t.Errorf("entries are %v, want %v", names, want)
	}
}

// age sets a file's times back, and takes its write permission.
func age(t *testing.T, path string, by time.Duration) {
	t.Helper()
	then := time.Now().Add(-by)
	if err := os.Chtimes(path, then, then); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o444); err != nil {
		t.Fatal(err)
	}
}

func TestLeaveOut(t *testing.T) {
	for rel, want := range map[string]bool{
		"test": true, "json/tests": true, "turtle.py": true, "json/__pycache__": true, "lib-dynload": true,
		"unittest": false, "json/decoder.py": false, "testing.py": false, "importlib/resources/abc.py": false,
	} {
		if got := leaveOut(rel); got != want {
			t.Errorf("%s: %v, want %v", rel, got, want)
		}
	}
}

func TestMakePackagesListsZones(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"UTC": "TZif", "Europe/Berlin": "TZif"})
	names, err := makePackages(dir)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"Europe/Berlin", "UTC"}; !reflect.DeepEqual(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
	if _, err := os.Stat(filepath.Join(dir, "Europe", "__init__.py")); err != nil {
		t.Error(err)
	}
}
