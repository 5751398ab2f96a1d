package main

import (
	"errors"
	"fmt"
	"runtime"
)

// recipe returns the digests of everything the cache entries are made from:
// what is pinned, what the checkout adds, and the code that puts it together.
func (w workshop) recipe() (recipeDigests, error) {
	lower, err := w.cpythonDigest()
	if err != nil {
		return recipeDigests{}, err
	}
	upper, err := w.pyruntimeDigest(lower)
	return recipeDigests{CPython: lower, Pyruntime: upper}, err
}

// cpythonDigest names the expensive entry: CPython and its libraries. The
// native Python in it runs on this kind of machine only.
func (w workshop) cpythonDigest() (string, error) {
	d := newDigester("cpython")
	d.text("machine", runtime.GOARCH)
	for _, s := range w.pins.Sources {
		d.text("source", fmt.Sprintf("%q", s))
	}
	return d.result(errors.Join(
		w.digestPackages(d, "wasi-libc"),
		d.files(w.checkout.patchDir(), named(".patch")),
		d.code(w.checkout.recipeDir(), "cpython.go", "layer.go", "libraries.go", "sources.go", "sysroot.go", "toolchain.go")))
}

// pyruntimeDigest names the entry with the artefacts, made from a CPython.
func (w workshop) pyruntimeDigest(cpython string) (string, error) {
	d := newDigester("pyruntime")
	d.text("cpython", cpython)
	return d.result(errors.Join(
		w.digestPackages(d, "tzdata"),
		d.files(w.checkout.path("pyruntime", "shim"), named(".c", ".h")),
		d.files(w.checkout.path("pyruntime", "pylib"), func(name string) bool { return !madeByPython(name) }),
		d.files(w.checkout.path("abi"), named("abi.h")),
		d.code(w.checkout.recipeDir(), "link.go", "manifest.go", "runtime.go", "stdlib.go", "timezones.go")))
}

// digestPackages adds pinned binary packages to a digest.
func (w workshop) digestPackages(d digester, names ...string) error {
	for _, name := range names {
		pin, err := w.pins.debian(name)
		if err != nil {
			return err
		}
		d.text("package", fmt.Sprintf("%q", pin))
	}
	return nil
}
