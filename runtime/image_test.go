package runtime

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"wasgi/abi"
	"wasgi/quotas"
)

// load loads and closes an image, and tells whether it was said to be compiled.
func load(t *testing.T, wasm []byte, dir string) (compiling int, err error) {
	t.Helper()
	img, err := LoadImage(context.Background(), ImageConfig{Wasm: wasm, CacheDir: dir, Compiling: func() { compiling++ }})
	if err != nil {
		return compiling, err
	}
	i, err := img.NewInstance(context.Background(), Spec{Quota: quotaOf(4 * quotas.PageSize)})
	if err != nil {
		t.Fatal(err)
	}
	if err := i.Serve(context.Background(), &Request{Environ: (&script{}).end(abi.OutcomeOK).message()}, &answer{}); err != nil {
		t.Error(err)
	}
	i.Close()
	return compiling, img.Close(context.Background())
}

func TestAnImageIsCompiledOnce(t *testing.T) {
	one := scripted(t)
	other := scripted(t, "unreachable)\n\n", "unreachable)\n(func)\n")
	dir := filepath.Join(t.TempDir(), "not", "there", "yet")
	for i, step := range []struct {
		wasm []byte
		want int
	}{{one, 1}, {one, 0}, {other, 1}, {one, 0}, {other, 0}} {
		if got, err := load(t, step.wasm, dir); got != step.want || err != nil {
			t.Errorf("step %d: Compiling was called %d times, want %d (%v)", i, got, step.want, err)
		}
	}
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the cache has mode %v (%v)", info.Mode(), err)
	}
}

func TestWithoutACacheItIsCompiledEachTime(t *testing.T) {
	wasm := scripted(t)
	for range 2 {
		if got, err := load(t, wasm, ""); got != 1 || err != nil {
			t.Errorf("Compiling was called %d times (%v)", got, err)
		}
	}
}

// What others can write there would run as the server's own code.
func TestACacheThatOthersCanWriteIsRefused(t *testing.T) {
	wasm := scripted(t)
	for _, mode := range []os.FileMode{0o777, 0o770, 0o702, 0o1777} {
		dir := t.TempDir()
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		n, err := load(t, wasm, dir)
		if err == nil || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "others can write") {
			t.Errorf("mode %v: %v", mode, err)
		}
		if n != 0 {
			t.Errorf("mode %v: the guest was compiled", mode)
		}
	}
	for _, mode := range []os.FileMode{0o700, 0o750, 0o755} {
		dir := t.TempDir()
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := load(t, wasm, dir); err != nil {
			t.Errorf("mode %v: %v", mode, err)
		}
	}
}

// The module's own part of the cache is looked at too: it holds the code.
func TestAPartOfTheCacheThatOthersCanWriteIsRefused(t *testing.T) {
	wasm, dir := scripted(t), t.TempDir()
	if _, err := load(t, wasm, dir); err != nil {
		t.Fatal(err)
	}
	parts, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(parts) != 1 {
		t.Fatal(parts, err)
	}
	if err := os.Chmod(parts[0], 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := load(t, wasm, dir); err == nil || !strings.Contains(err.Error(), "others can write") {
		t.Errorf("got %v", err)
	}
}

func TestAFolderOfAnotherUserIsRefused(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can give a folder away")
	}
	dir := t.TempDir()
	if err := os.Chown(dir, 12345, -1); err != nil {
		t.Fatal(err)
	}
	if err := checkPrivate(dir); err == nil || !strings.Contains(err.Error(), "belongs to user 12345") {
		t.Errorf("got %v", err)
	}
}

func TestACacheThatIsNoFolderIsAnError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := load(t, scripted(t), file); err == nil || !strings.Contains(err.Error(), "compile cache: ") {
		t.Errorf("got %v", err)
	}
}

func TestWhatIsNoGuestIsAnError(t *testing.T) {
	for name, wasm := range map[string][]byte{
		"nothing":        nil,
		"no wasm":        []byte("#!/bin/sh\n"),
		"half of it":     scripted(t)[:100],
		"another import": scripted(t, `"response_write"`, `"response_writes"`),
	} {
		t.Run(name, func(t *testing.T) {
			img, err := LoadImage(context.Background(), ImageConfig{Wasm: wasm})
			if err == nil {
				_, err = img.NewInstance(context.Background(), Spec{Quota: quotaOf(4 * quotas.PageSize)})
				defer img.Close(context.Background())
			}
			if err == nil {
				t.Error("no error")
			}
		})
	}
}

// Damaged code in the cache is compiled anew or refused, and never run.
func TestADamagedCacheDoesNotCrash(t *testing.T) {
	wasm, dir := scripted(t), t.TempDir()
	if _, err := load(t, wasm, dir); err != nil {
		t.Fatal(err)
	}
	damaged := 0
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil || info.Size() == 0 {
			return err
		}
		damaged++
		return os.WriteFile(name, slices.Repeat([]byte{0xff}, 100), 0o600)
	})
	if err != nil || damaged == 0 {
		t.Fatal("nothing to damage", err)
	}
	if _, err := load(t, wasm, dir); err != nil && errors.Is(err, ErrFault) {
		t.Errorf("damaged code was run: %v", err)
	}
}
