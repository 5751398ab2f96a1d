package main

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// testWorkshop returns a workshop of this checkout with an empty cache.
func testWorkshop(t *testing.T) workshop {
	t.Helper()
	root, err := findCheckout(".")
	if err != nil {
		t.Fatal(err)
	}
	p, err := loadPins(root.pinsFile())
	if err != nil {
		t.Fatal(err)
	}
	return workshop{checkout: root, cache: cache(t.TempDir()), pins: p}
}

func TestRecipeFollowsItsParts(t *testing.T) {
	w := testWorkshop(t)
	base, err := w.recipe()
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := w.recipe(); again != base {
		t.Error("the same recipe has two digests")
	}
	for name, want := range map[string]struct{ lower, upper bool }{
		"wasi-libc": {true, true}, "tzdata": {false, true}, "python3-flask": {false, false},
	} {
		moved := w
		moved.pins.Packages = append([]packagePin{}, w.pins.Packages...)
		for i := range moved.pins.Packages {
			if moved.pins.Packages[i].Name == name {
				moved.pins.Packages[i].Version += "1"
			}
		}
		got, err := moved.recipe()
		if err != nil {
			t.Fatal(err)
		}
		if (got.CPython != base.CPython) != want.lower || (got.Pyruntime != base.Pyruntime) != want.upper {
			t.Errorf("%s: CPython is built again: %v, the artefacts: %v", name, got.CPython != base.CPython, got.Pyruntime != base.Pyruntime)
		}
	}
}

// The mirror is the machine's: no file of the recipe may name one.
func TestRecipeNamesNoHost(t *testing.T) {
	host := regexp.MustCompile(`(?i)https?://|\bdebian\.(org|net)\b`)
	files, err := filepath.Glob("*")
	if err != nil {
		t.Fatal(err)
	}
	patches, err := filepath.Glob("patches/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(files, patches...) {
		if info, err := os.Stat(name); err != nil || info.IsDir() || regexp.MustCompile(`_test\.go$`).MatchString(name) {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if found := host.Find(text); found != nil {
			t.Errorf("%s has %q", name, found)
		}
	}
}

func TestFindCheckout(t *testing.T) {
	root := t.TempDir()
	writeFiles(t, root, map[string]string{
		"go.mod": "// the module\nmodule wasgi\n", "a/go.mod": "module other\n", "a/b/x": "",
	})
	got, err := findCheckout(filepath.Join(root, "a", "b"))
	if err != nil || string(got) != root {
		t.Errorf("found %q, %v, want %q", got, err, root)
	}
	if _, err := findCheckout(t.TempDir()); err == nil {
		t.Error("found a checkout where there is none")
	}
}
