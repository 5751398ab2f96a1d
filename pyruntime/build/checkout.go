package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// checkout is the root folder of the wasgi source tree: absolute, and the
// folder that holds go.mod.
type checkout string

// path names a file or folder of the checkout.
func (c checkout) path(elem ...string) string {
	return filepath.Join(append([]string{string(c)}, elem...)...)
}

// recipeDir is the folder of this program: its code is part of the recipe.
func (c checkout) recipeDir() string { return c.path("pyruntime", "build") }

// pinsFile says which packages everything is made of.
func (c checkout) pinsFile() string { return filepath.Join(c.recipeDir(), "pins.toml") }

// patchDir holds our patches to CPython.
func (c checkout) patchDir() string { return filepath.Join(c.recipeDir(), "patches") }

// findCheckout returns the checkout that dir is in, going upwards until a
// go.mod of module wasgi is met.
func findCheckout(dir string) (checkout, error) {
	start, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find the checkout: %w", err)
	}
	for at := start; ; at = filepath.Dir(at) {
		name, err := moduleName(filepath.Join(at, "go.mod"))
		switch {
		case err == nil && name == "wasgi":
			return checkout(at), nil
		case err != nil && !errors.Is(err, os.ErrNotExist):
			return "", fmt.Errorf("find the checkout: %w", err)
		case at == filepath.Dir(at):
			return "", fmt.Errorf("find the checkout: no go.mod of module wasgi in %s or above: run this from inside the checkout", start)
		}
	}
}

// moduleName returns the module a go.mod file names, or "" if it names none.
func moduleName(gomod string) (string, error) {
	f, err := os.Open(gomod)
	if err != nil {
		return "", err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if name, ok := strings.CutPrefix(lines.Text(), "module "); ok {
			return strings.TrimSpace(name), nil
		}
	}
	return "", lines.Err()
}
