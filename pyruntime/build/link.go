package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
)

const (
	stackSize     = 16 << 20 // bytes; CPython's own limits on recursion are met before
	initialMemory = 40 << 20 // bytes; the stack and what CPython starts with
)

// linker makes python.wasm of the shim and a finished CPython.
type linker struct {
	from  cpythonEntry
	tools toolchain
	cmd   commander
	root  checkout
}

// openLinker prepares to link against the CPython in from.
func (w workshop) openLinker(from cpythonEntry, scratch string) linker {
	return linker{from: from, tools: toolchain{sysroot: from.sysroot()}, cmd: w.builder(scratch), root: w.checkout}
}

// link compiles every C file of the shim and links the reactor to out, with
// scratch, an existing folder, for the objects.
func (k linker) link(ctx context.Context, scratch, out string) error {
	sources, err := filepath.Glob(k.root.path("pyruntime", "shim", "*.c"))
	if err != nil {
		return err
	}
	if len(sources) == 0 {
		return fmt.Errorf("link: no C file in %s", k.root.path("pyruntime", "shim"))
	}
	var objects []string
	for _, source := range sources {
		object := filepath.Join(scratch, filepath.Base(source)+".o")
		if err := k.tools.compile(ctx, k.cmd, object, source, k.shimFlags()...); err != nil {
			return err
		}
		objects = append(objects, object)
	}
	return k.cmd.run(ctx, scratch, k.linkLine(out, objects)...)
}

// shimFlags compile the shim with every warning an error. CPython's headers
// are system headers to it, so that theirs do not count, and are without their
// assertions, as CPython itself is. HACL's want the BSD names.
func (k linker) shimFlags() []string {
	flags := append(strings.Fields("-std=c11 -O2 -DNDEBUG -Wall -Wextra -Werror -D_BSD_SOURCE -D_DEFAULT_SOURCE"), k.tools.emulated()...)
	flags = append(flags, "-ffile-prefix-map="+string(k.root)+"=/build", "-ffile-prefix-map="+string(k.from)+"=/build",
		"-I", k.root.path("abi"), "-I", k.root.path("pyruntime", "shim"))
	for _, dir := range []string{"python", "python/internal", "hacl", "hacl/include", "sqlite"} {
		flags = append(flags, "-isystem", filepath.Join(k.from.include(), filepath.FromSlash(dir)))
	}
	return flags
}

// linkLine links a reactor: exports, and no main. There is no -O on it, which
// would make clang look for wasm-opt; --no-wasm-opt would make clang 19 link
// nothing and call that a success. The stack comes first in memory, so that
// running over it is a trap and not corruption. Function names stay, for the
// traces of traps: they are a fortieth of the size.
func (k linker) linkLine(out string, objects []string) []string {
	line := append(k.tools.cc(), "-mexec-model=reactor", "-z", fmt.Sprintf("stack-size=%d", stackSize), "-o", out)
	for _, option := range []string{
		"--stack-first", fmt.Sprintf("--initial-memory=%d", initialMemory), "--strip-debug",
		"--wrap=_Py_HashBytes", "--wrap=PyHash_GetFuncDef",
		"--export=__stack_pointer", "--export-if-defined=__heap_base", "--export-if-defined=__data_end", "--export-table",
	} {
		line = append(line, "-Wl,"+option)
	}
	line = append(line, objects...)
	for _, lib := range []string{libpython, "libmpdec.a", "libexpat.a", "libHacl_Hash_SHA2.a"} {
		line = append(line, filepath.Join(k.from.lib(), lib))
	}
	line = append(line, "-L"+k.from.lib())
	return append(line, strings.Fields("-lsqlite3 -lz -lbz2 -llzma "+
		"-lwasi-emulated-signal -lwasi-emulated-getpid -lwasi-emulated-process-clocks -ldl -lm")...)
}
