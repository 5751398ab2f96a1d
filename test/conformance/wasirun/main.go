// Command wasirun runs a WebAssembly command module on this project's WASI, so
// that test suites made for WASI runtimes can be run against it.
//
//	wasirun [--dir HOST::GUEST] [--env NAME=VALUE] MODULE.wasm [ARGUMENT ...]
//
// Each --dir makes a directory of the host a preopened directory of its own,
// to read and write, with links and without a quota; GUEST defaults to HOST.
// The module's exit code is the command's. What keeps it from running is code
// 1, a trap 134; both are told on standard error.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/sys"

	"wasgi/wasi"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// options are what the command line says.
type options struct {
	dirs   []string // each HOST::GUEST or HOST
	env    []string // each NAME=VALUE
	module string
	args   []string
}

// parse reads the command line up to the module; what follows is its own.
func parse(args []string) (options, error) {
	var o options
	for len(args) > 0 && strings.HasPrefix(args[0], "--") {
		name, value, joined := strings.Cut(args[0], "=")
		args = args[1:]
		if !joined {
			if len(args) == 0 {
				return o, fmt.Errorf("%s: needs a value", name)
			}
			value, args = args[0], args[1:]
		}
		switch name {
		case "--dir":
			o.dirs = append(o.dirs, value)
		case "--env":
			o.env = append(o.env, value)
		default:
			return o, fmt.Errorf("unknown option %s", name)
		}
	}
	if len(args) == 0 {
		return o, errors.New("no module given")
	}
	o.module, o.args = args[0], args[1:]
	return o, nil
}

// run is the command; it returns its exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	o, err := parse(args)
	if err != nil {
		fmt.Fprintf(stderr, "wasirun: %v\nusage: wasirun [--dir HOST::GUEST] [--env NAME=VALUE] MODULE.wasm [ARGUMENT ...]\n", err)
		return 1
	}
	c := wasi.Config{
		Args: append([]string{filepath.Base(o.module)}, o.args...), Env: o.env,
		Stdin: stdin, Stdout: stdout, Stderr: stderr,
	}
	roots, err := preopen(&c, o.dirs)
	defer func() {
		for _, r := range roots {
			_ = r.Close() // only read the tree through it
		}
	}()
	if err == nil {
		err = start(ctx, o.module, c)
	}
	var exit *sys.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return int(exit.ExitCode())
	}
	fmt.Fprintf(stderr, "wasirun: %v\n", err)
	if strings.Contains(err.Error(), "wasm error:") {
		return 134
	}
	return 1
}

// preopen adds the directories to c and returns what the caller closes.
func preopen(c *wasi.Config, dirs []string) ([]*os.Root, error) {
	var roots []*os.Root
	for _, d := range dirs {
		host, guest, ok := strings.Cut(d, "::")
		if !ok {
			guest = host
		}
		root, err := os.OpenRoot(host)
		if err != nil {
			return roots, err
		}
		roots = append(roots, root)
		fs := wasi.LinkedDir(root, wasi.Quota{})
		c.Preopens = append(c.Preopens, wasi.Mount{Path: guest, FS: fs})
	}
	return roots, nil
}

// start runs the module's _start in the world of c.
func start(ctx context.Context, module string, c wasi.Config) (err error) {
	code, err := os.ReadFile(module)
	if err != nil {
		return err
	}
	r := wazero.NewRuntime(ctx)
	defer func() { err = errors.Join(err, r.Close(ctx)) }()
	if err := wasi.Instantiate(ctx, r); err != nil {
		return err
	}
	s, err := wasi.New(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	_, err = r.InstantiateWithConfig(wasi.WithSandbox(ctx, s), code,
		wazero.NewModuleConfig().WithName("").WithStartFunctions("_start"))
	return err
}
