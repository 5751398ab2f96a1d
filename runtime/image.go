// Package runtime runs guests: an [Image] is compiled once, an [Instance] of it holds
// one tenant's app and answers one request at a time, a [Pool] keeps instances ready.
//
// A request meets the files in this order: pool.go (Acquire), instance.go (Serve),
// exchange.go (what the guest asks of the host meanwhile), pool.go (Release).
package runtime

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	goruntime "runtime"
	"sync"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"

	"wasgi/abi"
	"wasgi/quotas"
	"wasgi/quotas/fuel"
	"wasgi/wasi"
)

// Image is the guest program, compiled once and shared by all tenants. It is safe
// for concurrent use.
type Image struct {
	runtime  wazero.Runtime
	cache    wazero.CompilationCache
	compiled wazero.CompiledModule
	metered  bool
	digest   string
	chunks   sync.Pool // of *chunkBuffers
	globals  []string  // that guests change, by their exports' names
	slots    slots
}

// ImageConfig says what to compile and where to keep the result.
type ImageConfig struct {
	Wasm []byte // the module; not changed, not kept
	// CacheDir is a folder of this user's alone for compiled code, made if it is not
	// there. Its content runs as the server's own code, so a folder that others can
	// write is refused. Empty: compile anew each time.
	CacheDir string
	// Unmetered leaves out the meter, so that it can be measured what it costs: a guest
	// of such an image cannot be stopped.
	Unmetered bool
	// Memory is what all guests may have together: a part of it is kept at hand for
	// snapshots that are read. 0: none is.
	Memory quotas.Bytes
	// Compiling is called before compiling where the cache does not have the image,
	// which takes seconds. May be nil.
	Compiling func()
}

// LoadImage compiles the module, or takes it from the cache.
func LoadImage(ctx context.Context, cfg ImageConfig) (*Image, error) {
	img := &Image{metered: !cfg.Unmetered}
	if err := img.open(ctx, cfg); err != nil {
		img.Close(ctx)
		return nil, err
	}
	return img, nil
}

func (img *Image) open(ctx context.Context, cfg ImageConfig) (err error) {
	img.digest = cfg.digest()
	folder := cfg.folder(img.digest)
	rc := wazero.NewRuntimeConfigCompiler()
	if cfg.CacheDir != "" {
		if img.cache, err = openCache(cfg, folder); err != nil {
			return fmt.Errorf("compile cache: %w", err)
		}
		rc = rc.WithCompilationCache(img.cache)
	} else if cfg.Compiling != nil {
		cfg.Compiling()
	}
	img.runtime = wazero.NewRuntimeWithConfig(ctx, rc)
	if err = wasi.Instantiate(ctx, img.runtime); err != nil {
		return fmt.Errorf("host module of wasi: %w", err)
	}
	if err = abi.Instantiate(ctx, img.runtime); err != nil {
		return fmt.Errorf("host module of the abi: %w", err)
	}
	wasm, err := cfg.meter(folder)
	if err != nil {
		return err
	}
	if img.globals, err = fuel.Globals(wasm); err != nil {
		return err
	}
	ctx = experimental.WithCompilationWorkers(ctx, goruntime.GOMAXPROCS(0))
	if img.compiled, err = img.runtime.CompileModule(ctx, wasm); err != nil {
		return fmt.Errorf("compile the guest: %w", err)
	}
	shed(img.compiled)
	img.keepSlots(cfg.Memory)
	if cfg.CacheDir != "" {
		return os.WriteFile(compiledMark(folder), nil, 0o600)
	}
	return nil
}

// keepSlots has slots that are free kept, and some of memory for what they are put on. An image that is not metered keeps none: it is
// not known that memory and globals are all that its guests change.
func (img *Image) keepSlots(memory quotas.Bytes) {
	img.slots.make = func() (*slot, error) { return img.newSlot(quotas.Default().Memory, nil) }
	img.slots.images = quotas.NewImageMemory(imagesReady, memory)
	if img.metered {
		img.slots.ready, img.slots.most = slotsReady*goruntime.GOMAXPROCS(0), slotsKept*goruntime.GOMAXPROCS(0)
	}
}

// meter returns the module with its meter built in: made once, checked, and kept.
func (cfg ImageConfig) meter(folder string) ([]byte, error) {
	if cfg.Unmetered {
		return cfg.Wasm, nil
	}
	file := filepath.Join(folder, "metered.wasm")
	if cfg.CacheDir != "" {
		if _, err := os.Stat(compiledMark(folder)); err == nil {
			if wasm, err := os.ReadFile(file); err == nil {
				return wasm, nil
			}
		}
	}
	wasm, err := fuel.Instrument(cfg.Wasm, meterOptions())
	if err == nil {
		err = fuel.Check(wasm, meterOptions())
	}
	if err == nil {
		err = fuel.CheckWhole(wasm)
	}
	if err != nil {
		return nil, fmt.Errorf("meter the guest: %w", err)
	}
	if cfg.CacheDir != "" {
		err = replace(file, wasm)
	}
	return wasm, err
}

// replace writes a file that others see whole or not at all: several servers may start at
// once. It is this user's alone.
func replace(file string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(file), "new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

func meterOptions() fuel.Options {
	return fuel.Options{Tick: abi.MeterTick}
}

// openCache opens the part of the cache that belongs to this module.
func openCache(cfg ImageConfig, dir string) (wazero.CompilationCache, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	for _, folder := range []string{cfg.CacheDir, dir} {
		if err := checkPrivate(folder); err != nil {
			return nil, err
		}
	}
	if _, err := os.Stat(compiledMark(dir)); err != nil && cfg.Compiling != nil {
		cfg.Compiling()
	}
	return wazero.NewCompilationCacheWithDir(dir)
}

// compiledMark is a file that is there once the module's code is in the cache.
func compiledMark(folder string) string { return filepath.Join(folder, "compiled") }

// folder returns the part of the cache that belongs to the module of that digest.
func (cfg ImageConfig) folder(digest string) string { return filepath.Join(cfg.CacheDir, digest[:16]) }

// digest names the module with its meter built in.
func (cfg ImageConfig) digest() string {
	sum := sha256.New()
	fmt.Fprintf(sum, "metered %v, version %d\n", !cfg.Unmetered, fuel.Version)
	sum.Write(cfg.Wasm)
	return hex.EncodeToString(sum.Sum(nil))
}

// Digest names the guest program and how it is metered.
func (img *Image) Digest() string { return img.digest }

// initialMemory returns what a guest's memory begins with.
func (img *Image) initialMemory() quotas.Bytes {
	m := img.compiled.ExportedMemories()["memory"]
	if m == nil {
		return 0
	}
	return quotas.Bytes(m.Min()) * quotas.PageSize
}

// Close frees the compiled code. No instance may be in use.
func (img *Image) Close(ctx context.Context) error {
	img.slots.close()
	var err error
	if img.runtime != nil {
		err = img.runtime.Close(ctx)
	}
	if img.cache != nil {
		if e := img.cache.Close(ctx); err == nil {
			err = e
		}
	}
	return err
}
