package main

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"wasgi/runtime"
	"wasgi/tenants"
)

// exec runs Python with the words of args and ends with its exit code.
func (e *environment) exec(ctx context.Context, dir string, args []string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	policy, err := tenants.ReadPolicy(e.config)
	if err != nil {
		return err
	}
	b, err := tenants.OpenBundle(dir, policy)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err = os.Stat(dir); err == nil {
			b = tenants.BareBundle(dir, policy)
		}
	}
	if err != nil {
		return err
	}
	host, free, err := e.host(ctx, filepath.Dir(dir), policy, slog.Default())
	if err != nil {
		return err
	}
	defer free()
	code, err := host.Exec(ctx, b, args, runtime.Stdio{
		In: e.std.in, Out: e.std.out, Err: e.std.err,
		TTY: isTerminal(e.std.in) && isTerminal(e.std.out),
	})
	if err == nil && code != 0 {
		return exitCode(code)
	}
	return err
}
