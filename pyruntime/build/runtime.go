package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"
)

// artefacts are the files that the runtime consists of.
func artefacts() []string { return []string{"python.wasm.zst", "stdlib.zip", "manifest.json"} }

// runtimePackages are the binary packages that go into the runtime.
func runtimePackages() []string { return []string{"wasi-libc", "tzdata"} }

// buildRuntime leaves the artefacts in out. What is in the cache is not built
// again; out's other files stay.
func (w workshop) buildRuntime(ctx context.Context, out string) error {
	recipe, err := w.recipe()
	if err != nil {
		return err
	}
	if entry := recipe.entry(); w.cache.has(entry) {
		return w.deliver(entry, out)
	}
	w, unlock, err := w.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if w, recipe, err = w.settleRuntime(ctx); err != nil {
		return err
	}
	if !w.cache.has(recipe.entry()) { // nobody made it while we waited
		if recipe, err = w.makeRuntime(ctx, recipe); err != nil {
			return err
		}
	}
	return w.deliver(recipe.entry(), out)
}

// settleRuntime settles the pins of what is not built yet, and returns the
// recipe they make. Call it with the lock held.
func (w workshop) settleRuntime(ctx context.Context) (workshop, recipeDigests, error) {
	recipe, err := w.recipe()
	if err != nil {
		return w, recipe, err
	}
	all, err := w.runtimeNeeds(w.cache.has(recipe.below()))
	if err != nil {
		return w, recipe, err
	}
	if w, err = w.settle(ctx, all); err != nil {
		return w, recipe, err
	}
	recipe, err = w.recipe()
	return w, recipe, err
}

// runtimeNeeds lists what the runtime is made of, with or without a finished
// CPython.
func (w workshop) runtimeNeeds(cpython bool) ([]wanted, error) {
	var all []wanted
	names := []string{"tzdata"}
	if !cpython {
		names = runtimePackages()
		for _, s := range w.pins.Sources {
			all = append(all, wantSource(s))
		}
	}
	for _, name := range names {
		d, err := w.pins.debian(name)
		if err != nil {
			return nil, err
		}
		all = append(all, wantPackage(d))
	}
	return all, nil
}

// makeRuntime fills the cache entry of the recipe, and the one of CPython if
// need be. It returns the recipe it really followed: the shim may have been
// edited while CPython was built. Call it with the lock held.
func (w workshop) makeRuntime(ctx context.Context, recipe recipeDigests) (recipeDigests, error) {
	if err := w.installTools(ctx, w.pins.Tools); err != nil {
		return recipe, err
	}
	steps, err := w.cpythonSteps(recipe)
	if err != nil {
		return recipe, err
	}
	work, err := w.cache.work("pyruntime")
	if err != nil {
		return recipe, err
	}
	a := &assembly{shop: w, from: cpythonEntry(w.cache.path(recipe.below())), work: work, recipe: recipe}
	err = w.runSteps(ctx, append(steps, a.steps()...))
	return a.recipe, err
}

// cpythonSteps are the steps that fill the cache entry of CPython: none if it
// is there.
func (w workshop) cpythonSteps(recipe recipeDigests) ([]step, error) {
	below := recipe.below()
	if w.cache.has(below) {
		w.cache.use(below)
		return nil, nil
	}
	work, err := w.cache.work("cpython")
	if err != nil {
		return nil, err
	}
	commit := func(context.Context) error {
		if err := w.unchanged(recipe.CPython, w.cpythonDigest); err != nil {
			return err
		}
		return w.cache.commit(below, work)
	}
	return append(w.openLayer(work).steps(), step{"cpython: commit to the cache", commit}), nil
}

// unchanged checks that the recipe has the digest it had: otherwise what was
// made of it would be kept under the wrong name.
func (w workshop) unchanged(was string, digest func() (string, error)) error {
	switch is, err := digest(); {
	case err != nil:
		return err
	case is != was:
		return errors.New("files of the recipe were changed while it was followed: run the build again")
	}
	return nil
}

// deliver copies the artefacts to out, and says so.
func (w workshop) deliver(entry, out string) error {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return fmt.Errorf("deliver the runtime: %w", err)
	}
	for _, name := range artefacts() {
		if err := replaceFile(filepath.Join(out, name), w.cache.path(entry, name)); err != nil {
			return fmt.Errorf("deliver the runtime: %w", err)
		}
	}
	w.cache.use(entry)
	fmt.Fprintf(w.say, "%s is up to date with %s\n", out, entry)
	return nil
}

// assembly is the making of the cache entry with the artefacts, of a finished
// CPython, the shim and wasgi's Python modules. It takes seconds. In its work
// folder, stdlib/ is the standard library as guests see it, and keep/ is what
// becomes the entry.
type assembly struct {
	shop   workshop
	from   cpythonEntry
	work   string
	recipe recipeDigests
}

func (a *assembly) kept(name ...string) string {
	return filepath.Join(append([]string{a.work, "keep"}, name...)...)
}
func (a *assembly) wasm() string   { return filepath.Join(a.work, "python.wasm") }
func (a *assembly) stdlib() string { return filepath.Join(a.work, "stdlib") }

// steps are all steps of the assembly, in order.
func (a *assembly) steps() []step {
	return []step{
		{"python.wasm: compile the shim, link", a.link},
		{"python.wasm: compress", a.compress},
		{"stdlib: stage", a.stage},
		{"stdlib: compile", func(ctx context.Context) error { return a.shop.compileStdlib(ctx, a.from, a.stdlib()) }},
		{"stdlib: zip", func(context.Context) error { return zipTree(a.kept("stdlib.zip"), a.stdlib()) }},
		{"manifest, commit to the cache", a.commit},
	}
}

// link begins the assembly: from here on the recipe must not change.
func (a *assembly) link(ctx context.Context) error {
	if err := a.shop.unchanged(a.recipe.CPython, a.shop.cpythonDigest); err != nil {
		return err
	}
	var err error
	if a.recipe, err = a.shop.recipe(); err != nil {
		return err
	}
	if err := os.MkdirAll(a.kept(), 0o755); err != nil {
		return err
	}
	return a.shop.openLinker(a.from, a.work).link(ctx, a.work, a.wasm())
}

// commit ends the assembly.
func (a *assembly) commit(ctx context.Context) error {
	if err := a.shop.writeManifest(ctx, a.kept(), a.wasm(), a.recipe); err != nil {
		return err
	}
	digest := func() (string, error) { return a.shop.pyruntimeDigest(a.recipe.CPython) }
	if err := a.shop.unchanged(a.recipe.Pyruntime, digest); err != nil {
		return err
	}
	return a.shop.cache.commit(a.recipe.entry(), a.work)
}

func (a *assembly) compress(context.Context) error {
	return compressFile(a.kept("python.wasm.zst"), a.wasm())
}

func (a *assembly) stage(ctx context.Context) error {
	zones, err := a.shop.pins.debian("tzdata")
	if err != nil {
		return err
	}
	if err := a.shop.download(ctx, []wanted{wantPackage(zones)}); err != nil {
		return err
	}
	return a.shop.stageStdlib(ctx, a.from, a.work, a.stdlib())
}

// compressFile writes from to out as one zstd frame, as small as can be.
func compressFile(out, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	z, err := zstd.NewWriter(f, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return errors.Join(err, f.Close())
	}
	_, err = io.Copy(z, in)
	if err := errors.Join(err, z.Close(), f.Close()); err != nil {
		return fmt.Errorf("compress %s: %w", from, err)
	}
	return nil
}
