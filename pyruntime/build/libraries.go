package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// buildZlib compiles zlib. Z_HAVE_UNISTD_H is what its configure would find.
func (l *layer) buildZlib(ctx context.Context) error {
	tree := l.source("zlib")
	files := strings.Fields("adler32 compress crc32 deflate infback inffast inflate inftrees trees uncompr zutil")
	if err := l.tools.library(ctx, l.cmd, l.lib("libz.a"), tree, files, "-O3", "-DZ_HAVE_UNISTD_H"); err != nil {
		return err
	}
	return l.takeHeaders(tree, "zlib.h", "zconf.h")
}

// buildBzip2 compiles libbz2. BZ_NO_STDIO would leave an undefined
// bz_internal_error behind, so stdio stays.
func (l *layer) buildBzip2(ctx context.Context) error {
	tree := l.source("bzip2")
	files := strings.Fields("blocksort huffman crctable randtable compress decompress bzlib")
	if err := l.tools.library(ctx, l.cmd, l.lib("libbz2.a"), tree, files, "-O3", "-w"); err != nil {
		return err
	}
	return l.takeHeaders(tree, "bzlib.h")
}

// buildXz compiles liblzma, and none of xz's programs.
func (l *layer) buildXz(ctx context.Context) error {
	tree := l.source("xz-utils")
	options := strings.Fields("--disable-shared --enable-static --disable-threads --disable-xz --disable-xzdec " +
		"--disable-lzmadec --disable-lzmainfo --disable-lzma-links --disable-scripts --disable-doc --disable-nls --disable-assembler")
	line := append([]string{"./configure", "--host=" + target, "--build=" + l.build, "--prefix=" + l.deps()}, options...)
	line = append(line, "CFLAGS=-O3 "+strings.Join(l.tools.features(), " "))
	cmd := l.cmd.with(l.tools.env()...)
	if err := cmd.run(ctx, tree, line...); err != nil {
		return err
	}
	return cmd.run(ctx, tree, "make", jobs(), "-C", "src/liblzma", "install")
}

// makeSqlite writes SQLite's single-file form, sqlite3.c, from its sources.
func (l *layer) makeSqlite(ctx context.Context) error {
	tree := l.source("sqlite3")
	if err := l.cmd.run(ctx, tree, "./configure", "--disable-tcl", "--disable-readline"); err != nil {
		return err
	}
	return l.cmd.run(ctx, tree, "make", "sqlite3.c")
}

// buildSqlite compiles SQLite. Its own support for WASI picks the unix-dotfile
// VFS, for preview 1 has no locks: one writer or one reader at a time, and a guest
// that is killed leaves its lock behind. Ours has locks (the shim's sqlite.c), so
// the default is the VFS it has on every other Unix. Level 3 of PRAGMA synchronous,
// EXTRA, also writes through that a journal is gone: without, a commit can be undone
// by a loss of power.
func (l *layer) buildSqlite(ctx context.Context) error {
	flags := strings.Fields("-O2 -w -D_WASI_EMULATED_GETPID -D_WASI_EMULATED_SIGNAL -D_WASI_EMULATED_MMAN " +
		"-DSQLITE_WASI=1 -DSQLITE_THREADSAFE=0 -DSQLITE_OMIT_LOAD_EXTENSION -DSQLITE_OMIT_SHARED_CACHE -DSQLITE_OMIT_WAL=1 " +
		"-DSQLITE_MAX_MMAP_SIZE=0 -DSQLITE_DEFAULT_MMAP_SIZE=0 -DSQLITE_TEMP_STORE=2 -DSQLITE_DEFAULT_MEMSTATUS=1 " +
		"-DSQLITE_ENABLE_FTS4 -DSQLITE_ENABLE_FTS5 -DSQLITE_ENABLE_JSON1 -DSQLITE_ENABLE_RTREE -DSQLITE_ENABLE_MATH_FUNCTIONS " +
		"-DSQLITE_ENABLE_COLUMN_METADATA -DSQLITE_ENABLE_UPDATE_DELETE_LIMIT -DSQLITE_LIKE_DOESNT_MATCH_BLOBS " +
		`-DSQLITE_USE_URI=1 -DSQLITE_DEFAULT_UNIX_VFS="unix" -DSQLITE_DEFAULT_SYNCHRONOUS=3 -DUSE_PREAD=1`)
	tree := l.source("sqlite3")
	if err := l.tools.library(ctx, l.cmd, l.lib("libsqlite3.a"), tree, []string{"sqlite3"}, flags...); err != nil {
		return err
	}
	return l.takeHeaders(tree, "sqlite3.h", "sqlite3ext.h")
}

// takeHeaders copies headers of a library to where CPython will look.
func (l *layer) takeHeaders(tree string, names ...string) error {
	for _, name := range names {
		if err := copyFile(filepath.Join(l.deps(), "include", name), filepath.Join(tree, name), 0o644); err != nil {
			return fmt.Errorf("take the header: %w", err)
		}
	}
	return nil
}

// lib is the place of a library that CPython will use.
func (l *layer) lib(name string) string { return filepath.Join(l.deps(), "lib", name) }

// prepareDeps makes the folders the libraries go to.
func (l *layer) prepareDeps() error {
	for _, dir := range []string{"include", "lib"} {
		if err := os.MkdirAll(filepath.Join(l.deps(), dir), 0o755); err != nil {
			return err
		}
	}
	return nil
}
