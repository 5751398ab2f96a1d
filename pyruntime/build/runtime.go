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
	entry := entryName("pyruntime", recipe.Pyruntime)
	if w.cache.has(entry) {
		return w.deliver(entry, out)
	}
	unlock, err := w.cache.lock(ctx, w.say)
	if err != nil {
		return err
	}
	defer unlock()
	if !w.cache.has(entry) { // nobody made it while we waited
		if err := w.makeRuntime(ctx, recipe, entry); err != nil {
			return err
		}
	}
	return w.deliver(entry, out)
}

// makeRuntime fills the cache entry, and the one of CPython if need be. Call
// it with the lock held.
func (w workshop) makeRuntime(ctx context.Context, recipe recipeDigests, entry string) error {
	if err := w.installTools(ctx, w.pins.Tools); err != nil {
		return err
	}
	var steps []step
	below := entryName("cpython", recipe.CPython)
	if !w.cache.has(below) {
		work, err := w.cache.work(below)
		if err != nil {
			return err
		}
		l := w.openLayer(work)
		steps = append(l.steps(), step{"cpython: commit to the cache", func(context.Context) error {
			return w.cache.commit(below, string(l.entry()))
		}})
	}
	work, err := w.cache.work(entry)
	if err != nil {
		return err
	}
	a := assembly{shop: w, from: cpythonEntry(w.cache.path(below)), work: work, recipe: recipe}
	steps = append(steps, a.steps()...)
	if err := w.runSteps(ctx, steps); err != nil {
		return err
	}
	return w.cache.commit(entry, a.kept())
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
	fmt.Fprintf(w.say, "%s is up to date with %s\n", out, entry)
	return nil
}

// assembly is the making of the cache entry with the artefacts, of a finished
// CPython, the shim and wasgi's Python modules. It takes seconds. In the
// entry's work folder, stdlib/ is the standard library as guests see it, and
// keep/ is what becomes the entry.
type assembly struct {
	shop   workshop
	from   cpythonEntry
	work   string
	recipe recipeDigests
}

func (a assembly) kept(name ...string) string {
	return filepath.Join(append([]string{a.work, "keep"}, name...)...)
}
func (a assembly) wasm() string   { return filepath.Join(a.work, "python.wasm") }
func (a assembly) stdlib() string { return filepath.Join(a.work, "stdlib") }

// steps are all steps of the assembly, in order.
func (a assembly) steps() []step {
	return []step{
		{"python.wasm: compile the shim, link", a.link},
		{"python.wasm: compress", a.compress},
		{"stdlib: stage", a.stage},
		{"stdlib: compile", func(ctx context.Context) error { return a.shop.compileStdlib(ctx, a.from, a.stdlib()) }},
		{"stdlib: zip", func(context.Context) error { return zipTree(a.kept("stdlib.zip"), a.stdlib()) }},
		{"manifest", func(ctx context.Context) error { return a.shop.writeManifest(ctx, a.kept(), a.wasm(), a.recipe) }},
	}
}

func (a assembly) link(ctx context.Context) error {
	if err := os.MkdirAll(a.kept(), 0o755); err != nil {
		return err
	}
	return a.shop.openLinker(a.from, a.work).link(ctx, a.work, a.wasm())
}

func (a assembly) compress(context.Context) error {
	return compressFile(a.kept("python.wasm.zst"), a.wasm())
}

func (a assembly) stage(ctx context.Context) error {
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
