package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"

	"github.com/spf13/cobra"
)

func testsCommand(out io.Writer) *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:   "tests",
		Short: "Stage CPython's own tests, the package test, in a folder",
		Args:  cobra.NoArgs,
	}
	c.Flags().StringVar(&dir, "out", "", "folder for the package")
	cobra.CheckErr(c.MarkFlagRequired("out"))
	c.RunE = inWorkshop("tests", out, func(ctx context.Context, w workshop, _ []string) error {
		return w.stageTests(ctx, dir)
	})
	return c
}

// stageTests fills dir with the tests that come with the CPython that guests
// run. Guests do not have them: they are for who works on wasgi. Files that
// dir has already under the same names are replaced, others stay.
func (w workshop) stageTests(ctx context.Context, dir string) error {
	entry, _, err := w.testsEntry()
	if err != nil {
		return err
	}
	if !w.cache.has(entry) {
		if entry, err = w.makeTests(ctx); err != nil {
			return err
		}
	}
	if err := copyTree(dir, w.cache.path(entry), everything, nil); err != nil {
		return fmt.Errorf("stage CPython's tests: %w", err)
	}
	w.cache.use(entry)
	fmt.Fprintf(w.say, "%s has CPython's tests, from %s\n", dir, entry)
	return nil
}

// testsEntry names the cache entry of the tests of exactly the CPython that
// is built, and returns that.
func (w workshop) testsEntry() (string, cpythonEntry, error) {
	lower, err := w.cpythonDigest()
	if err != nil {
		return "", "", err
	}
	below := entryName("cpython", lower)
	if !w.cache.has(below) {
		return "", "", errors.New("stage CPython's tests: there is no CPython to compile them with: build the runtime first")
	}
	d := newDigester("tests")
	d.text("cpython", lower)
	err = d.code(w.checkout.recipeDir(), "tests.go", "tree.go")
	return entryName("tests", d.hex()), cpythonEntry(w.cache.path(below)), err
}

// makeTests settles the pin of CPython, fills the cache entry of its tests,
// and returns its name.
func (w workshop) makeTests(ctx context.Context) (string, error) {
	w, unlock, err := w.lock(ctx)
	if err != nil {
		return "", err
	}
	defer unlock()
	pin, err := w.pins.source(pythonSource)
	if err != nil {
		return "", err
	}
	if w, err = w.settle(ctx, []wanted{wantSource(pin)}); err != nil {
		return "", err
	}
	entry, from, err := w.testsEntry()
	if err != nil || w.cache.has(entry) { // somebody made it while we waited
		return entry, err
	}
	return entry, w.fillTests(ctx, entry, from)
}

// fillTests fills the cache entry.
func (w workshop) fillTests(ctx context.Context, entry string, from cpythonEntry) error {
	work, err := w.cache.work("tests")
	if err != nil {
		return err
	}
	pin, err := w.pins.source(pythonSource)
	if err != nil {
		return err
	}
	tree, kept := filepath.Join(work, pythonSource), filepath.Join(work, "keep")
	err = w.runSteps(ctx, []step{
		{"tests: download sources", func(ctx context.Context) error { return w.download(ctx, []wanted{wantSource(pin)}) }},
		{"tests: unpack and patch sources", func(ctx context.Context) error { return w.unpackPython(ctx, tree, pin) }},
		{"tests: keep the package", func(context.Context) error { return keepTests(kept, tree) }},
		{"tests: compile", func(ctx context.Context) error { return w.compileTests(ctx, from, kept) }},
	})
	if err != nil {
		return err
	}
	return w.cache.commit(entry, work)
}

// unpackPython makes the source folder of CPython, with the patches it has
// when it is built.
func (w workshop) unpackPython(ctx context.Context, tree string, pin sourcePin) error {
	upstream, err := pin.tarball(".orig.tar")
	if err != nil {
		return err
	}
	if err := w.untar(ctx, tree, upstream); err != nil {
		return err
	}
	if err := w.patchSource(ctx, tree, pin); err != nil {
		return err
	}
	return w.applyOwnPatches(ctx, tree)
}

// keepTests copies the package test, but for what cannot run in a guest and is
// large.
func keepTests(kept, tree string) error {
	skip := func(rel string) bool {
		switch path.Base(rel) {
		case "__pycache__", "test_tkinter", "test_ttk", "test_idle", "test_capi", "wheeldata":
			return true
		}
		return false
	}
	return copyTree(filepath.Join(kept, "test"), filepath.Join(tree, "Lib", "test"), skip, nil)
}

// compileTests adds the .pyc files, as compileStdlib does. Some files do not
// compile: they are wrong on purpose, or need what the native Python is built
// without. Guests try again.
func (w workshop) compileTests(ctx context.Context, from cpythonEntry, dir string) error {
	const script = `import compileall, py_compile
compileall.compile_dir(".", ddir="/app", quiet=2, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)`
	cmd := w.builder(dir).with("PYTHONHOME=" + from.home())
	if err := cmd.run(ctx, dir, from.interpreter(), "-S", "-W", "ignore", "-c", script); err != nil {
		return fmt.Errorf("compile CPython's tests: %w", err)
	}
	return nil
}
