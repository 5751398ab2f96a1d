package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// layer is the making of the cache entry that takes minutes: CPython and the
// libraries, compiled for wasm but not linked. All of it happens in the
// entry's work folder:
//
//	source/NAME   the sources, unpacked and patched
//	deps/         headers and libraries that CPython is built against
//	native/       CPython for this machine, which the wasm build runs
//	wasm/         CPython for wasm
//	keep/         what becomes the entry; see cpythonEntry
type layer struct {
	shop  workshop
	work  string
	build string // the name configure has for this machine
	tools toolchain
	cmd   commander
}

// cpythonEntry is the finished cache entry:
//
//	sysroot/               wasi-libc
//	lib/*.a                CPython and the libraries
//	include/python/        CPython's headers, pyconfig.h, internal/
//	include/hacl/          headers of the hash functions in CPython
//	include/sqlite/        sqlite3.h
//	python/bin/python3.13  runs on this machine, with
//	python/lib/python3.13  its standard library, sources only
type cpythonEntry string

func (e cpythonEntry) sysroot() string     { return filepath.Join(string(e), "sysroot") }
func (e cpythonEntry) lib() string         { return filepath.Join(string(e), "lib") }
func (e cpythonEntry) include() string     { return filepath.Join(string(e), "include") }
func (e cpythonEntry) home() string        { return filepath.Join(string(e), "python") }
func (e cpythonEntry) interpreter() string { return filepath.Join(e.home(), "bin", "python3.13") }
func (e cpythonEntry) stdlib() string      { return filepath.Join(e.home(), "lib", "python3.13") }

// openLayer prepares to build in work.
func (w workshop) openLayer(work string) *layer {
	l := &layer{shop: w, work: work}
	l.tools = toolchain{sysroot: l.entry().sysroot()}
	l.cmd = w.builder(work)
	return l
}

func (l *layer) source(name string) string { return filepath.Join(l.work, "source", name) }
func (l *layer) deps() string              { return filepath.Join(l.work, "deps") }
func (l *layer) native() string            { return filepath.Join(l.work, "native") }
func (l *layer) wasm() string              { return filepath.Join(l.work, "wasm") }
func (l *layer) entry() cpythonEntry       { return cpythonEntry(filepath.Join(l.work, "keep")) }

// steps are all steps of the layer, in order.
func (l *layer) steps() []step {
	return []step{
		{"download sources", l.download},
		{"unpack and patch sources", l.unpack},
		{"sysroot: unpack wasi-libc", l.makeSysroot},
		{"zlib: compile", l.buildZlib},
		{"bzip2: compile", l.buildBzip2},
		{"xz: compile", l.buildXz},
		{"sqlite: write sqlite3.c", l.makeSqlite},
		{"sqlite: compile", l.buildSqlite},
		{"cpython: configure (native)", l.configureNative},
		{"cpython: make (native)", l.makeNative},
		{"cpython: configure (wasm)", l.configureWasm},
		{"cpython: make (wasm)", l.makeWasm},
		{"cpython: keep what the link needs", l.keep},
	}
}

// download fetches what the layer is made of.
func (l *layer) download(ctx context.Context) error {
	libc, err := l.shop.pins.debian("wasi-libc")
	if err != nil {
		return err
	}
	all := []wanted{wantPackage(libc)}
	for _, s := range l.shop.pins.Sources {
		all = append(all, wantSource(s))
	}
	return l.shop.download(ctx, all)
}

// unpack makes the source folders, and learns from them what this machine is
// called and when the sources are from: builds say they were made then.
func (l *layer) unpack(ctx context.Context) error {
	if err := l.shop.unpackSources(ctx, filepath.Join(l.work, "source")); err != nil {
		return err
	}
	if err := l.shop.applyOwnPatches(ctx, l.source(pythonSource)); err != nil {
		return err
	}
	guess, err := l.cmd.output(ctx, l.source(pythonSource), "sh", "./config.guess")
	if err != nil {
		return err
	}
	l.build = strings.TrimSpace(guess)
	info, err := os.Stat(filepath.Join(l.source(pythonSource)+".debian", "changelog"))
	if err != nil {
		return fmt.Errorf("date the sources: %w", err)
	}
	l.cmd = l.cmd.with("SOURCE_DATE_EPOCH=" + strconv.FormatInt(info.ModTime().Unix(), 10))
	return l.prepareDeps()
}

// makeSysroot makes the sysroot where the entry will have it.
func (l *layer) makeSysroot(ctx context.Context) error {
	return l.shop.buildSysroot(ctx, l.work, l.entry().sysroot())
}
