package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
)

// target is the compiler's name for the machine that guests run on. Debian's
// compiler runtime is where clang looks for it under this name only, and not
// under the newer wasm32-wasip1.
const target = "wasm32-wasi"

// toolchain compiles for wasm against one sysroot: a folder with
// include/wasm32-wasi and lib/wasm32-wasi. Without a sysroot of its own,
// clang would also find the host's headers.
type toolchain struct{ sysroot string }

// cc is the compiler's command.
func (t toolchain) cc() []string {
	return []string{"clang-19", "--target=" + target, "--sysroot=" + t.sysroot}
}

// features are the wasm extensions that all code is compiled with; wazero has
// every one of them.
func (t toolchain) features() []string {
	return []string{"-mbulk-memory", "-msign-ext", "-mnontrapping-fptoint", "-mmutable-globals", "-mmultivalue"}
}

// emulated are the macros with which wasi-libc admits to the parts of POSIX
// that it only plays.
func (t toolchain) emulated() []string {
	return []string{"-D_WASI_EMULATED_SIGNAL", "-D_WASI_EMULATED_GETPID", "-D_WASI_EMULATED_PROCESS_CLOCKS"}
}

// env makes configure and make use the toolchain.
func (t toolchain) env() []string {
	cc := strings.Join(t.cc(), " ")
	return []string{
		"CC=" + cc, "CPP=" + cc + " -E", "CXX=" + strings.Replace(cc, "clang", "clang++", 1),
		"AR=llvm-ar-19", "RANLIB=llvm-ranlib-19", "NM=llvm-nm-19", "LD=wasm-ld-19",
	}
}

// compile compiles one C file to an object, with flags after the standard
// ones.
func (t toolchain) compile(ctx context.Context, c commander, object, source string, flags ...string) error {
	line := append(t.cc(), t.features()...)
	line = append(append(line, flags...), "-c", source, "-o", object)
	if err := c.run(ctx, filepath.Dir(object), line...); err != nil {
		return fmt.Errorf("compile %s: %w", filepath.Base(source), err)
	}
	return nil
}

// library compiles C files of tree and makes a static library of them.
func (t toolchain) library(ctx context.Context, c commander, out, tree string, files []string, flags ...string) error {
	line := []string{"llvm-ar-19", "rcsD", out}
	for _, file := range files {
		object := filepath.Join(tree, file+".o")
		if err := t.compile(ctx, c, object, filepath.Join(tree, file+".c"), flags...); err != nil {
			return err
		}
		line = append(line, object)
	}
	return c.run(ctx, tree, line...)
}
