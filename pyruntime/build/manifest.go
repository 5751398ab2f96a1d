package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// manifest is manifest.json: what the artefact is, and what it was made of.
type manifest struct {
	Python    string               `json:"python"` // version of CPython
	Recipe    recipeDigests        `json:"recipe"`
	Artefacts map[string]artefact  `json:"artefacts"`
	Sources   map[string]component `json:"sources"`
	Packages  map[string]component `json:"packages"`
	Toolchain map[string]string    `json:"toolchain"` // versions of Debian packages
}

// recipeDigests name the cache entries the artefact was made from.
type recipeDigests struct {
	CPython   string `json:"cpython"`
	Pyruntime string `json:"pyruntime"`
}

// below and entry are the names of the cache entries.
func (r recipeDigests) below() string { return entryName("cpython", r.CPython) }
func (r recipeDigests) entry() string { return entryName("pyruntime", r.Pyruntime) }

// artefact is one file; of python.wasm, as it is when decompressed.
type artefact struct {
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// component is a Debian package that went in: its version, and the digest of
// each file used.
type component struct {
	Version string            `json:"version"`
	SHA256  map[string]string `json:"sha256"`
}

// writeManifest writes manifest.json into dir, about the artefacts there and
// the python.wasm they hold.
func (w workshop) writeManifest(ctx context.Context, dir, wasm string, recipe recipeDigests) error {
	python, err := w.pins.source(pythonSource)
	if err != nil {
		return err
	}
	tools, err := w.toolVersions(ctx, w.pins.Tools)
	if err != nil {
		return err
	}
	m := manifest{Python: python.upstream(), Recipe: recipe, Toolchain: tools, Artefacts: map[string]artefact{}}
	m.Sources, m.Packages = w.components()
	for name, path := range map[string]string{
		"python.wasm": wasm, "python.wasm.zst": filepath.Join(dir, "python.wasm.zst"), "stdlib.zip": filepath.Join(dir, "stdlib.zip"),
	} {
		if m.Artefacts[name], err = describe(path); err != nil {
			return fmt.Errorf("write the manifest: %w", err)
		}
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("write the manifest: %w", err)
	}
	return os.WriteFile(filepath.Join(dir, "manifest.json"), append(text, '\n'), 0o644)
}

// components lists the pinned packages that went in.
func (w workshop) components() (sources, packages map[string]component) {
	sources, packages = map[string]component{}, map[string]component{}
	for _, s := range w.pins.Sources {
		c := component{Version: s.Version, SHA256: map[string]string{}}
		for _, f := range s.Files {
			c.SHA256[f.Name] = f.SHA256
		}
		sources[s.Name] = c
	}
	for _, name := range runtimePackages() {
		if d, err := w.pins.debian(name); err == nil {
			packages[name] = component{Version: d.Version, SHA256: map[string]string{d.File: d.SHA256}}
		}
	}
	return sources, packages
}

// describe measures a file.
func describe(path string) (artefact, error) {
	info, err := os.Stat(path)
	if err != nil {
		return artefact{}, err
	}
	sum, err := fileDigest(path)
	return artefact{Bytes: info.Size(), SHA256: sum}, err
}
