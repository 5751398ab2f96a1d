package main

import (
	"strings"
	"testing"
)

// treeDigest returns the digest of files, in a folder of their own.
func treeDigest(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	writeFiles(t, dir, files)
	d := newDigester("test")
	if err := d.files(dir, named(".c", ".h")); err != nil {
		t.Fatal(err)
	}
	return d.hex()
}

func TestDigestOfFilesIsStable(t *testing.T) {
	base := treeDigest(t, map[string]string{"a.c": "1", "sub/b.h": "2"})
	if again := treeDigest(t, map[string]string{"a.c": "1", "sub/b.h": "2", "notes.txt": "3"}); again != base {
		t.Error("the same files, elsewhere and beside others, have another digest")
	}
	for what, files := range map[string]map[string]string{
		"content": {"a.c": "1", "sub/b.h": "3"},
		"name":    {"a.c": "1", "sub/c.h": "2"},
		"folder":  {"a.c": "1", "b.h": "2"},
		"number":  {"a.c": "1"},
		"border":  {"a.c": "12", "sub/b.h": ""},
	} {
		if treeDigest(t, files) == base {
			t.Errorf("another %s has the same digest", what)
		}
	}
}

// codeDigest returns the digest of one Go file.
func codeDigest(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"x.go": text})
	d := newDigester("test")
	if err := d.code(dir, "x.go"); err != nil {
		t.Fatal(err)
	}
	return d.hex()
}

func TestDigestOfCodeIgnoresComments(t *testing.T) {
	base := codeDigest(t, "package x\n\nconst a = \"1\"\n")
	if codeDigest(t, "// Package x.\npackage x\n\n// a is one.\nconst a   =  \"1\" // yes\n") != base {
		t.Error("a comment changes the digest")
	}
	if codeDigest(t, "package x\n\nconst a = \"2\"\n") == base {
		t.Error("another constant has the same digest")
	}
}

func TestMissingFolderAddsNothing(t *testing.T) {
	d, empty := newDigester("test"), newDigester("test").hex()
	if err := d.files(t.TempDir()+"/none", named(".c")); err != nil {
		t.Fatal(err)
	}
	if d.hex() != empty {
		t.Error("a missing folder changes the digest")
	}
	if newDigester("other").hex() == empty || !strings.HasPrefix(entryName("x", empty), "x-") {
		t.Error("kinds share names")
	}
}
