package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// sumOf is a digest, 64 hex digits, of a file's name in these tests.
func sumOf(name string) string { return fmt.Sprintf("%064x", name)[:64] }

// fakeDebian is an apt whose answers are files: what apt-cache prints when it
// is asked QUERY about NAME is in QUERY-NAME.
func fakeDebian(t *testing.T, answers map[string]string) *apt {
	t.Helper()
	dir, bin := t.TempDir(), t.TempDir()
	writeFiles(t, dir, answers)
	program := "#!/bin/sh\nfor last; do :; done\nif test -e \"$1-${last%%=*}\"; then cat \"$1-${last%%=*}\"; fi\n"
	if err := os.WriteFile(filepath.Join(bin, "apt-cache"), []byte(program), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	return &apt{dir: dir, cmd: commander{log: io.Discard}}
}

// offeredFlask is what apt-cache prints of flask at a version, in a suite.
func offeredFlask(suite, version string) map[string]string {
	return map[string]string{
		"madison-python3-flask": "python3-flask | " + version + " | http://mirror " + suite + "/main amd64 Packages\n" +
			"python3-flask | 9 | http://mirror elsewhere/main amd64 Packages\n",
		"show-python3-flask": "Package: python3-flask\nVersion: " + version + "\n" +
			"Filename: pool/f/flask_" + version + ".deb\nSHA256: " + sumOf(version) + "\n",
	}
}

// offeredZlib is what apt-cache prints of the source of zlib at version 2.
func offeredZlib() map[string]string {
	return map[string]string{
		"madison-zlib": "zlib | 2 | http://mirror trixie/main amd64 Packages\nzlib | 2 | http://mirror trixie/main Sources\n",
		"showsrc-zlib": "Package: zlib\nVersion: 2\nChecksums-Sha256:\n " + sumOf("dsc") + " 1 zlib_2.dsc\n " +
			sumOf("orig") + " 2 zlib_2.orig.tar.gz\n " + sumOf("debian") + " 3 zlib_2-1.debian.tar.xz\n",
	}
}

// pinnedWorkshop returns a workshop with somePins, an empty cache and the apt,
// and what it says.
func pinnedWorkshop(t *testing.T, a *apt) (workshop, *strings.Builder) {
	said := &strings.Builder{}
	return workshop{cache: cache(t.TempDir()), pinned: somePins(), pins: somePins(), apt: a, say: said}, said
}

// all is everything that is pinned.
func (p pins) all() []wanted {
	return []wanted{wantSource(p.Sources[0]), wantPackage(p.Packages[0])}
}

// keepFiles puts what is wanted into the cache.
func keepFiles(t *testing.T, w workshop, all ...wanted) {
	t.Helper()
	for _, want := range all {
		for _, f := range want.files {
			writeFiles(t, filepath.Dir(w.downloaded(f)), map[string]string{filepath.Base(w.downloaded(f)): ""})
		}
	}
}

func TestPinnedVersionStaysWhileItIsOffered(t *testing.T) {
	w, said := pinnedWorkshop(t, fakeDebian(t, offeredFlask("backports", "3")))
	got, err := w.settle(t.Context(), w.pins.all()[1:])
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got.pins, w.pinned) || said.String() != "" {
		t.Errorf("pins are %+v, said %q", got.pins, said)
	}
}

func TestPinnedFileInTheCacheIsPreferred(t *testing.T) {
	w, said := pinnedWorkshop(t, fakeDebian(t, offeredFlask("backports", "4")))
	keepFiles(t, w, w.pins.all()...)
	got, err := w.settle(t.Context(), w.pins.all())
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got.pins, w.pinned) || said.String() != "" {
		t.Errorf("pins are %+v, said %q", got.pins, said)
	}
}

func TestWhatIsGoneIsReplaced(t *testing.T) {
	answers := offeredZlib()
	for name, text := range offeredFlask("backports", "4") {
		answers[name] = text
	}
	w, said := pinnedWorkshop(t, fakeDebian(t, answers))
	got, err := w.settle(t.Context(), w.pins.all())
	if err != nil {
		t.Fatal(err)
	}
	want := somePins()
	want.Sources[0].Version = "2"
	want.Sources[0].Files = []pinnedFile{{"zlib_2.orig.tar.gz", sumOf("orig")}, {"zlib_2-1.debian.tar.xz", sumOf("debian")}}
	want.Packages[0].Version, want.Packages[0].File, want.Packages[0].SHA256 = "4", "flask_4.deb", sumOf("4")
	if !reflect.DeepEqual(got.pins, want) {
		t.Errorf("pins are %+v, want %+v", got.pins, want)
	}
	if !reflect.DeepEqual(w.pinned, somePins()) || !reflect.DeepEqual(w.pins, somePins()) {
		t.Error("the pins that were given are changed")
	}
	const lines = `zlib 1:1.3+really1.2-4 is gone from Debian: taking 2, which Debian signs; "go run ./pyruntime/build pin --write" keeps it
python3-flask 3 is gone from Debian: taking 4, which Debian signs; "go run ./pyruntime/build pin --write" keeps it
`
	if said.String() != lines {
		t.Errorf("said %q", said)
	}
	if sources, _ := got.components(); sources["zlib"].Version != "2" || sources["zlib"].SHA256["zlib_2.orig.tar.gz"] != sumOf("orig") {
		t.Errorf("the manifest has %+v", sources)
	}
}

func TestWhatIsNotOfferedAtAllIsAnError(t *testing.T) {
	for what, answers := range map[string]map[string]string{
		"nothing": nil, "another suite": offeredFlask("unstable", "4"),
	} {
		w, _ := pinnedWorkshop(t, fakeDebian(t, answers))
		_, err := w.settle(t.Context(), w.pins.all()[1:])
		if err == nil || err.Error() != "python3-flask 3 is gone from Debian: pin python3-flask: backports does not offer it" {
			t.Errorf("%s: error is %v", what, err)
		}
		if !reflect.DeepEqual(w.recall(), w.pinned) {
			t.Errorf("%s: something is remembered", what)
		}
	}
}

// tookFlask returns a workshop that has taken version 4 of flask.
func tookFlask(t *testing.T) workshop {
	t.Helper()
	w, _ := pinnedWorkshop(t, fakeDebian(t, offeredFlask("backports", "4")))
	took, err := w.settle(t.Context(), w.pins.all()[1:])
	if err != nil {
		t.Fatal(err)
	}
	return took
}

func TestWhatWasTakenIsRemembered(t *testing.T) {
	took := tookFlask(t)
	later, said := pinnedWorkshop(t, fakeDebian(t, nil)) // which offers nothing any more
	later.cache = took.cache
	if later.pins = later.recall(); !reflect.DeepEqual(later.pins, took.pins) {
		t.Fatalf("pins are %+v, want %+v", later.pins, took.pins)
	}
	keepFiles(t, later, wantPackage(later.pins.Packages[0]))
	got, err := later.settle(t.Context(), later.pins.all()[1:])
	if err != nil || !reflect.DeepEqual(got.pins, took.pins) || said.String() != "" {
		t.Errorf("pins are %+v, said %q, error %v", got.pins, said, err)
	}
	later.pinned.Packages[0].Version = "5"
	if !reflect.DeepEqual(later.recall(), later.pinned) {
		t.Error("other pins have the same memory")
	}
}

func TestWhatWasTakenIsCheckedAgainWhenItIsNotInTheCache(t *testing.T) {
	for offered, want := range map[string]string{"4": "4", "5": "5", "3": "3"} {
		w := tookFlask(t)
		w.apt = fakeDebian(t, offeredFlask("backports", offered))
		got, err := w.settle(t.Context(), w.pins.all()[1:])
		if err != nil {
			t.Fatal(err)
		}
		if version := got.pins.Packages[0].Version; version != want || w.recall().Packages[0].Version != want {
			t.Errorf("%s is offered: took %s, remembers %s", offered, version, w.recall().Packages[0].Version)
		}
	}
}

func TestPinnedFileIsPreferredToWhatWasTaken(t *testing.T) {
	took := tookFlask(t)
	keepFiles(t, took, wantPackage(took.pinned.Packages[0]))
	if !reflect.DeepEqual(took.recall(), took.pinned) {
		t.Errorf("pins are %+v", took.recall())
	}
}

func TestMemoryOfNoUseIsNone(t *testing.T) {
	w := tookFlask(t)
	for _, text := range []string{"", "[[package", "[[package]]\nname = \"python3-flask\"\nversion = \"4\"\nfile = \"../x\"\n"} {
		writeFiles(t, string(w.cache), map[string]string{w.takenEntry(): text})
		if !reflect.DeepEqual(w.recall(), w.pinned) {
			t.Errorf("%q: pins are %+v", text, w.recall())
		}
	}
}

// What is taken may be an upstream version that the recipe's patches do not
// fit.
func TestPatchThatDoesNotFitNamesWhatWasTaken(t *testing.T) {
	w := tookFlask(t)
	log, err := openLog(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	w.log, w.checkout = log, checkout(t.TempDir())
	tree := t.TempDir()
	writeFiles(t, tree, map[string]string{"a.py": "new\n"})
	writeFiles(t, w.checkout.patchDir(), map[string]string{"ours.patch": "--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-old\n+ours\n"})
	patch := func(ctx context.Context) error { return w.applyOwnPatches(ctx, tree) }
	err = w.runSteps(t.Context(), []step{{"unpack and patch", patch}})
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range []string{"apply ours.patch", "python3-flask: 3 is now 4", "gone from Debian"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error is %q, must say %q", err, part)
		}
	}
	w.pins = w.pinned
	if err := w.runSteps(t.Context(), []step{{"unpack and patch", patch}}); strings.Contains(err.Error(), "gone") {
		t.Errorf("error is %q, but all is as pinned", err)
	}
}
