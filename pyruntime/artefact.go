// Package pyruntime gives access to the guest program and Python's library, as
// pyruntime/build makes them: those that the binary carries, or those of a folder.
package pyruntime

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/klauspost/compress/zstd"
)

// Names of the files of an artefact.
const (
	wasmName     = "python.wasm.zst"
	stdlibName   = "stdlib.zip"
	manifestName = "manifest.json"
)

//go:embed all:dist
var dist embed.FS // what a build put there before this package was compiled

// Artefact is a built Python: the guest program and its library.
type Artefact struct {
	files fs.FS
	from  string
}

// Open returns the artefact in dir, or the one the binary carries if dir is "".
func Open(dir string) (Artefact, error) {
	a := Artefact{files: os.DirFS(dir), from: dir}
	if dir == "" {
		sub, err := fs.Sub(dist, "dist")
		if err != nil {
			return a, err
		}
		a = Artefact{files: sub, from: "this binary"}
	}
	for _, name := range []string{wasmName, stdlibName, manifestName} {
		_, err := fs.Stat(a.files, name)
		if errors.Is(err, fs.ErrNotExist) {
			return a, fmt.Errorf("%s has no Python runtime (no %s): build it with \"make build\", or name its folder with --pyruntime", a.from, name)
		}
		if err != nil {
			return a, err
		}
	}
	return a, nil
}

// Wasm returns the guest program, decompressed; the caller owns it.
func (a Artefact) Wasm() ([]byte, error) {
	packed, err := fs.ReadFile(a.files, wasmName)
	if err != nil {
		return nil, err
	}
	d, err := zstd.NewReader(nil)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	wasm, err := d.DecodeAll(packed, nil)
	if err != nil {
		return nil, fmt.Errorf("%s of %s: %w", wasmName, a.from, err)
	}
	return wasm, nil
}

// Stdlib returns the archive of Python's library and its size. The bytes stay where
// they are: in the binary, or, read once, in memory.
func (a Artefact) Stdlib() (io.ReaderAt, int64, error) {
	f, err := a.files.Open(stdlibName)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	if r, ok := f.(io.ReaderAt); ok && a.from == "this binary" {
		return r, info.Size(), nil
	}
	b, err := io.ReadAll(f)
	return bytes.NewReader(b), int64(len(b)), err
}

// Manifest tells what an artefact was built from.
type Manifest struct {
	Python string `json:"python"` // "3.13.5"
	Recipe struct {
		Pyruntime string `json:"pyruntime"` // digest of all that went in
	} `json:"recipe"`
}

// Manifest reads the artefact's.
func (a Artefact) Manifest() (Manifest, error) {
	var m Manifest
	b, err := fs.ReadFile(a.files, manifestName)
	if err == nil {
		err = json.Unmarshal(b, &m)
	}
	if err != nil {
		err = fmt.Errorf("%s of %s: %w", manifestName, a.from, err)
	}
	return m, err
}
