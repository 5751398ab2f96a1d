package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// pythonSource is the source package of the Python that guests run.
const pythonSource = "python3.13"

// libpython is the static library that holds CPython.
const libpython = "libpython3.13.a"

// sysconfigData is the module of the guest's sysconfig, made by the build.
const sysconfigData = "_sysconfigdata__wasi_wasm32-wasi.py"

// nativeModules are the C modules the native Python needs to build the other
// one and to compile .py files, linked in: a Setup.local.
const nativeModules = `*static*
_struct _struct.c
math mathmodule.c
binascii binascii.c
array arraymodule.c
_bisect _bisectmodule.c
_heapq _heapqmodule.c
_random _randommodule.c
_json _json.c
_opcode _opcode.c
_pickle _pickle.c
select selectmodule.c
_posixsubprocess _posixsubprocess.c
fcntl fcntlmodule.c
_contextvars _contextvarsmodule.c
`

// configureNative configures CPython for this machine: a cross build needs a
// Python of the same minor version, and Debian 12 has none. A zlib that the
// machine may have is left alone, so that the result needs libc only.
func (l *layer) configureNative(ctx context.Context) error {
	if err := writeSetup(l.native(), nativeModules); err != nil {
		return err
	}
	return l.cmd.with("PKG_CONFIG=false").run(ctx, l.native(), l.configureScript(),
		"--disable-test-modules", "--without-ensurepip", "--without-static-libpython",
		"OPT=-DNDEBUG -O1 -w", "ac_cv_header_zlib_h=no")
}

// makeNative builds the interpreter alone: no shared modules, no install.
func (l *layer) makeNative(ctx context.Context) error {
	return l.cmd.run(ctx, l.native(), "make", jobs(), "python")
}

// configureWasm configures CPython for the guest. Its own answers for WASI
// are in its tree; pymalloc is asked for because configure would leave it out
// for WASI, and it is worth a tenth of the time.
func (l *layer) configureWasm(ctx context.Context) error {
	if err := writeSetup(l.wasm(), ""); err != nil {
		return err
	}
	features := strings.Join(l.tools.features(), " ")
	cmd := l.cmd.with(l.tools.env()...).with(
		"CONFIG_SITE="+filepath.Join(l.source(pythonSource), "Tools", "wasm", "config.site-wasm32-wasi"),
		"PKG_CONFIG=false", "HOSTRUNNER=false").with(l.libraryEnv()...)
	return cmd.run(ctx, l.wasm(), l.configureScript(),
		"--host="+target, "--build="+l.build, "--prefix=/usr",
		"--with-build-python="+filepath.Join(l.native(), "python"),
		"--with-pymalloc", "--disable-test-modules", "--without-ensurepip", "--disable-ipv6",
		"OPT=-DNDEBUG -O3 -fwrapv -w",
		"CFLAGS="+features+" -ffile-prefix-map="+l.work+"=/build")
}

// makeWasm compiles CPython for the guest, without linking a program.
func (l *layer) makeWasm(ctx context.Context) error {
	return l.cmd.run(ctx, l.wasm(), "make", jobs(), libpython,
		"Modules/_decimal/libmpdec/libmpdec.a", "Modules/expat/libexpat.a", "Modules/_hacl/libHacl_Hash_SHA2.a",
		"pybuilddir.txt")
}

// libraryEnv tells configure where the libraries are, in place of pkg-config.
func (l *layer) libraryEnv() []string {
	var env []string
	for name, lib := range map[string]string{"ZLIB": "z", "BZIP2": "bz2", "LIBLZMA": "lzma", "LIBSQLITE3": "sqlite3"} {
		env = append(env,
			name+"_CFLAGS=-I"+filepath.Join(l.deps(), "include"),
			name+"_LIBS=-L"+filepath.Join(l.deps(), "lib")+" -l"+lib)
	}
	return env
}

// configureScript is CPython's configure, from either build folder.
func (l *layer) configureScript() string {
	return filepath.Join("..", "source", pythonSource, "configure")
}

// keep moves what the link and the standard library need into keep/.
func (l *layer) keep(context.Context) error {
	return errors.Join(l.keepLibraries(), l.keepHeaders(), l.keepPython())
}

// keepLibraries takes every static library.
func (l *layer) keepLibraries() error {
	var found []string
	for _, pattern := range []string{
		filepath.Join(l.deps(), "lib", "*.a"),
		filepath.Join(l.wasm(), libpython),
		filepath.Join(l.wasm(), "Modules", "*", "lib*.a"),
		filepath.Join(l.wasm(), "Modules", "_decimal", "libmpdec", "*.a"),
	} {
		match, err := filepath.Glob(pattern)
		if err != nil || len(match) == 0 {
			return fmt.Errorf("keep libraries: nothing matches %s: %v", pattern, err)
		}
		found = append(found, match...)
	}
	for _, file := range found {
		if err := copyFile(filepath.Join(l.entry().lib(), filepath.Base(file)), file, 0o644); err != nil {
			return fmt.Errorf("keep libraries: %w", err)
		}
	}
	return nil
}

// keepHeaders takes the headers that C code in the guest may include.
func (l *layer) keepHeaders() error {
	tree, include := l.source(pythonSource), l.entry().include()
	headers := func(rel string) bool { return filepath.Ext(rel) != "" && filepath.Ext(rel) != ".h" }
	return errors.Join(
		copyTree(filepath.Join(include, "python"), filepath.Join(tree, "Include"), headers, nil),
		copyFile(filepath.Join(include, "python", "pyconfig.h"), filepath.Join(l.wasm(), "pyconfig.h"), 0o644),
		copyFile(filepath.Join(include, "sqlite", "sqlite3.h"), filepath.Join(l.deps(), "include", "sqlite3.h"), 0o644),
		copyTree(filepath.Join(include, "hacl"), filepath.Join(tree, "Modules", "_hacl"), headers, nil))
}

// keepPython lays the native interpreter and the standard library out as if
// installed, so that PYTHONHOME makes it run wherever it is.
func (l *layer) keepPython() error {
	e := l.entry()
	if err := copyFile(e.interpreter(), filepath.Join(l.native(), "python"), 0o755); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(e.stdlib(), "lib-dynload"), 0o755); err != nil {
		return err
	}
	if err := copyTree(e.stdlib(), filepath.Join(l.source(pythonSource), "Lib"), leaveOut, nil); err != nil {
		return err
	}
	return l.keepSysconfig()
}

// keepSysconfig takes the guest's sysconfig data, without this machine's
// paths.
func (l *layer) keepSysconfig() error {
	found, err := filepath.Glob(filepath.Join(l.wasm(), "build", "lib.*", sysconfigData))
	if err != nil || len(found) != 1 {
		return fmt.Errorf("keep %s: %d of them were made: %v", sysconfigData, len(found), err)
	}
	text, err := os.ReadFile(found[0])
	if err != nil {
		return err
	}
	clean := strings.ReplaceAll(string(text), l.work, "/build")
	return os.WriteFile(filepath.Join(l.entry().stdlib(), sysconfigData), []byte(clean), 0o644)
}

// writeSetup makes a build folder with a Modules/Setup.local.
func writeSetup(dir, content string) error {
	if err := os.MkdirAll(filepath.Join(dir, "Modules"), 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "Modules", "Setup.local"), []byte(content), 0o644)
}

// leaveOut reports whether a file of the standard library is of no use to a
// guest: tests, windows, editors, installers, what needs a missing C module.
func leaveOut(rel string) bool {
	top, _, _ := strings.Cut(rel, "/")
	switch top {
	case "test", "idlelib", "tkinter", "turtledemo", "turtle.py", "ensurepip", "lib2to3", "pydoc_data",
		"__phello__", "__hello__.py", "venv", "ctypes", "curses", "site-packages", "lib-dynload":
		return true
	}
	base := path.Base(rel)
	return base == "__pycache__" || base == "tests" || named(".so", ".ini", ".rst", ".txt")(base)
}
