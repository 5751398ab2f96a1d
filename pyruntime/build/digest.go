package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"go/parser"
	"go/printer"
	"go/token"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// digester makes one digest of many named parts. The same parts in the same
// order give the same digest, wherever the files are; a part that moved, was
// renamed or changed gives another.
type digester struct{ sum hash.Hash }

// newDigester returns a digester for a kind of thing: different kinds never
// share a digest.
func newDigester(kind string) digester {
	d := digester{sha256.New()}
	d.text("kind", kind)
	return d
}

// text adds one named part. Lengths go in first, so that parts cannot run
// into each other.
func (d digester) text(name, content string) {
	fmt.Fprintf(d.sum, "%d %d %s %s\n", len(name), len(content), name, content)
}

// code adds Go files of dir by what they do: a comment may change without a
// new digest.
func (d digester) code(dir string, names ...string) error {
	for _, name := range names {
		text, err := codeWithoutComments(filepath.Join(dir, name))
		if err != nil {
			return fmt.Errorf("digest the recipe: %w", err)
		}
		d.text(name, text)
	}
	return nil
}

// files adds the regular files below dir whose names pass keep, in order of
// their paths, under their paths relative to dir. A missing dir adds nothing.
func (d digester) files(dir string, keep func(name string) bool) error {
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !keep(e.Name()) {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		d.text(filepath.ToSlash(rel), string(content))
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("digest %s: %w", dir, err)
	}
	return nil
}

// hex returns the digest of what was added so far.
func (d digester) hex() string { return hex.EncodeToString(d.sum.Sum(nil)) }

// result is hex, unless adding a part failed.
func (d digester) result(err error) (string, error) {
	if err != nil {
		return "", err
	}
	return d.hex(), nil
}

// codeWithoutComments returns the Go file as gofmt would print it if it had
// no comment.
func codeWithoutComments(path string) (string, error) {
	files := token.NewFileSet()
	tree, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	if err := printer.Fprint(&out, token.NewFileSet(), tree); err != nil {
		return "", err
	}
	return out.String(), nil
}

// fileDigest returns the SHA-256 of a file, in hex.
func fileDigest(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// named keeps the files whose names end in one of suffixes.
func named(suffixes ...string) func(string) bool {
	return func(name string) bool {
		for _, suffix := range suffixes {
			if strings.HasSuffix(name, suffix) {
				return true
			}
		}
		return false
	}
}
