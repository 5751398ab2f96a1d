package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"

	"wasgi/tenants"
)

// check imports the app of each bundle and tells what is wrong, bundle by bundle.
func (e *environment) check(ctx context.Context, dir string) error {
	dirs, err := tenants.FindBundles(dir)
	if err != nil {
		return err
	}
	if len(dirs) == 0 {
		return fmt.Errorf("%s is no bundle and holds none: want a folder with a %s", dir, tenants.ManifestName)
	}
	policy, err := tenants.ReadPolicy(e.config)
	if err != nil {
		return err
	}
	host, free, err := e.host(ctx, filepath.Dir(dirs[0]), policy, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		return err
	}
	registry := tenants.NewRegistry(host)
	bad := 0
	for _, dir := range dirs {
		warnings, err := checkBundle(ctx, registry, dir, policy)
		if err != nil {
			bad++
			fmt.Fprintf(e.std.out, "FAIL  %s\n%v\n", filepath.Base(dir), err)
		} else {
			fmt.Fprintf(e.std.out, "ok    %s\n", filepath.Base(dir))
		}
		for _, w := range warnings {
			fmt.Fprintf(e.std.out, "warn  %s: %s\n", filepath.Base(dir), w)
		}
	}
	if registry.Close(ctx) == nil {
		free()
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d bundles would not serve", bad, len(dirs))
	}
	return nil
}

// checkBundle returns what the author of a bundle should know, and what is wrong with it.
func checkBundle(ctx context.Context, registry *tenants.Registry, dir string, policy tenants.Policy) ([]string, error) {
	b, err := tenants.OpenBundle(dir, policy)
	if err != nil {
		return nil, err
	}
	err = registry.Load(ctx, b)
	for _, t := range registry.Tenants() {
		if t.Name == b.Name {
			return t.Warnings(), err
		}
	}
	return nil, err
}
