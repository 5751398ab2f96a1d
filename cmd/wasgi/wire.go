package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	goruntime "runtime"
	"runtime/debug"
	"time"

	"golang.org/x/term"

	"wasgi/cmd/wasgi/front"
	"wasgi/pyruntime"
	"wasgi/quotas"
	"wasgi/runtime"
	"wasgi/tenants"
	"wasgi/wasi"
)

// environment is what the flags of every command say.
type environment struct {
	std       streams
	pyruntime string
	state     string
	config    string // the server's configuration, "" for none
	logFormat string
	verbose   bool
}

// host puts together what all tenants share. The bundles in folder keep their state
// in one place. The function returned frees it all.
func (e *environment) host(ctx context.Context, folder string, policy tenants.Policy, log *slog.Logger) (tenants.Host, func(), error) {
	state, err := e.stateFolder(folder)
	if err != nil {
		return tenants.Host{}, nil, err
	}
	artefact, err := pyruntime.Open(e.pyruntime)
	if err != nil {
		return tenants.Host{}, nil, err
	}
	archive, size, err := artefact.Stdlib()
	if err != nil {
		return tenants.Host{}, nil, err
	}
	stdlib, err := wasi.NewArchive(archive, size)
	if err != nil {
		return tenants.Host{}, nil, fmt.Errorf("python's library: %w", err)
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(archive, 0, size)); err != nil {
		return tenants.Host{}, nil, fmt.Errorf("python's library: %w", err)
	}
	image, err := e.image(ctx, artefact, policy.Memory)
	if err != nil {
		return tenants.Host{}, nil, err
	}
	h := tenants.Host{
		Image: image, Stdlib: stdlib, Python: hex.EncodeToString(sum.Sum(nil)),
		Environ: front.OwnEnviron, State: state, Log: log, Policy: policy,
	}
	return h, func() { image.Close(context.WithoutCancel(ctx)) }, nil
}

// image compiles the guest program, which takes seconds the first time: a line tells.
func (e *environment) image(ctx context.Context, artefact pyruntime.Artefact, memory quotas.Bytes) (*runtime.Image, error) {
	wasm, err := artefact.Wasm()
	if err != nil {
		return nil, err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("folder for compiled code: %w", err)
	}
	var p progress
	defer p.done()
	return runtime.LoadImage(ctx, runtime.ImageConfig{
		Wasm:      wasm,
		CacheDir:  filepath.Join(cache, "wasgi", "compiled"),
		Memory:    memory,
		Compiling: func() { p.start(e.std.err, "compiling the Python runtime for this machine, once") },
	})
}

// stateFolder returns where the bundles in folder keep what lasts: --state, or a
// folder of the user's that is named after theirs.
func (e *environment) stateFolder(folder string) (string, error) {
	if e.state != "" {
		return filepath.Abs(e.state)
	}
	folder, err := filepath.Abs(folder)
	if err != nil {
		return "", err
	}
	base := os.Getenv("XDG_STATE_HOME")
	if base == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("folder for state: %w; name one with --state", err)
		}
		base = filepath.Join(home, ".local", "state")
	}
	sum := sha256.Sum256([]byte(folder))
	return filepath.Join(base, "wasgi", filepath.Base(folder)+"-"+hex.EncodeToString(sum[:4])), nil
}

// logger writes to standard error, by way of to: text for a person, JSON for a program.
func (e *environment) logger(to io.Writer) (*slog.Logger, error) {
	opts := &slog.HandlerOptions{}
	if e.verbose {
		opts.Level = slog.LevelDebug
	}
	switch {
	case e.logsJSON():
		return slog.New(slog.NewJSONHandler(to, opts)), nil
	case e.logFormat == "text", e.logFormat == "auto":
		return slog.New(slog.NewTextHandler(to, opts)), nil
	}
	return nil, fmt.Errorf("--log is %q, want text, json or auto", e.logFormat)
}

func (e *environment) logsJSON() bool {
	return e.logFormat == "json" || e.logFormat == "auto" && !isTerminal(e.std.err)
}

// isTerminal tells whether a stream is a person's screen or keyboard.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// progress is a line that tells of something long: on a terminal it counts the
// seconds, elsewhere it stands once.
type progress struct {
	stop chan struct{}
	gone chan struct{}
}

func (p *progress) start(w io.Writer, what string) {
	begun := time.Now()
	if !isTerminal(w) {
		fmt.Fprintf(w, "wasgi: %s\n", what)
		return
	}
	p.stop, p.gone = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(p.gone)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			fmt.Fprintf(w, "\rwasgi: %s … %.1fs", what, time.Since(begun).Seconds())
			select {
			case <-tick.C:
			case <-p.stop:
				fmt.Fprintln(w)
				return
			}
		}
	}()
}

func (p *progress) done() {
	if p.stop != nil {
		close(p.stop)
		<-p.gone
	}
}

// version tells what this binary is and carries.
func (e *environment) version() error {
	artefact, err := pyruntime.Open(e.pyruntime)
	if err != nil {
		return err
	}
	m, err := artefact.Manifest()
	if err != nil {
		return err
	}
	own := "(devel)"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		own = info.Main.Version
	}
	fmt.Fprintf(e.std.out, "wasgi %s\nPython %s (runtime %s)\n%s %s/%s\n", own, m.Python, m.Recipe.Pyruntime, goruntime.Version(), goruntime.GOOS, goruntime.GOARCH)
	return nil
}
