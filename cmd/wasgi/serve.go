package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	goruntime "runtime"
	"runtime/debug"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"wasgi/cmd/wasgi/front"
	"wasgi/quotas"
	"wasgi/tenants"
)

// drainTimeout is how long requests in flight may take when the server ends.
const drainTimeout = 30 * time.Second

// endTimeout is how long apps that were ended may take to end.
const endTimeout = 5 * time.Second

// serveOptions are the flags of the commands that serve.
type serveOptions struct {
	listen       string
	accessLog    bool
	accessFormat string // "": the configuration's
	accessFile   string // "": the configuration's
	reload       bool   // changed files are reloaded
	index        bool   // loopback names show a list of the tenants
}

func (o *serveOptions) flags(c *cobra.Command) {
	c.Flags().StringVar(&o.listen, "listen", "127.0.0.1:8080", "address to listen on, HOST:PORT or unix:PATH")
	c.Flags().BoolVar(&o.index, "index", false, "answer clients of this machine that ask for 127.0.0.1 or localhost with a list of the tenants")
	c.Flags().BoolVar(&o.accessLog, "access-log", true, "log a line per request")
	c.Flags().StringVar(&o.accessFormat, "access-format", "", "of those lines: log, lines of the server's own log, or combined or json (default log)")
	c.Flags().StringVar(&o.accessFile, "access-file", "", "append combined or json lines to this file, opened anew on SIGHUP (default: standard output)")
}

// runApp serves the app of the current folder.
func (e *environment) runApp(ctx context.Context, entry string, opts serveOptions) error {
	folder, err := os.Getwd()
	if err != nil {
		return err
	}
	policy, err := tenants.ReadPolicy(e.config)
	if err != nil {
		return err
	}
	open := func() (tenants.Bundle, error) { return tenants.OpenApp(folder, entry, policy) }
	if _, err := open(); err != nil {
		return err
	}
	single := tenants.Single{Dir: folder, Open: open}
	return e.serve(ctx, filepath.Dir(folder), policy, opts, func(r *tenants.Registry, log *slog.Logger) source {
		single.Registry, single.Log = r, log
		return single
	})
}

// serveFolder serves the bundles in dir.
func (e *environment) serveFolder(ctx context.Context, dir string, opts serveOptions) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if info, err := os.Stat(dir); err != nil {
		return err
	} else if !info.IsDir() {
		return fmt.Errorf("%s is no folder: want one that holds bundles", dir)
	}
	if _, err := os.Stat(filepath.Join(dir, tenants.ManifestName)); err == nil {
		return fmt.Errorf("%s is a bundle itself: want the folder that holds it, %s", dir, filepath.Dir(dir))
	}
	policy, err := tenants.ReadPolicy(e.config)
	if err != nil {
		return err
	}
	return e.serve(ctx, dir, policy, opts, func(r *tenants.Registry, log *slog.Logger) source {
		return tenants.Folder{Dir: dir, Registry: r, Log: log}
	})
}

// source is where bundles come from.
type source interface {
	// Find opens the bundles and routes to them, which takes moments.
	Find() ([]tenants.Bundle, error)
	// Load imports their apps, which takes seconds.
	Load(context.Context, []tenants.Bundle)
	// Watch reloads what changes until the context is done.
	Watch(context.Context)
}

// serve routes to all bundles, then takes connections, then imports the apps: a
// request waits for its own app only.
func (e *environment) serve(ctx context.Context, folder string, policy tenants.Policy, opts serveOptions, from func(*tenants.Registry, *slog.Logger) source) error {
	lines := front.NewLines(e.std.err)
	log, err := e.logger(lines.AtOnce())
	if err != nil {
		return err
	}
	tune(policy)
	host, free, err := e.host(ctx, folder, policy, log)
	if err != nil {
		return err
	}
	host.KeepLogs, host.KeepSnapshots = true, true
	cfg := front.Config{Log: log, Index: opts.index, HTTPSPort: policy.HTTPSPort, HTTP: policy.HTTP}
	access, err := opts.access(&cfg, policy, e, lines)
	if err != nil {
		free()
		return err
	}
	defer access.Flush()
	listener, err := front.Listen(opts.listen)
	if err != nil {
		free()
		return err
	}
	registry := tenants.NewRegistry(host)
	cfg.Registry = registry
	secure, err := listenTLS(&cfg, policy, host.State, listener)
	if err != nil {
		free()
		return err
	}
	src := from(registry, log)
	found, err := src.Find()
	if err != nil {
		free()
		return err
	}
	tellUnserved(policy, found, log)
	watching, stop := context.WithCancel(ctx)
	defer stop()
	server := front.New(cfg)
	served := make(chan error, 2)
	go func() { served <- server.Serve(listener) }()
	log.Info("listening", "address", listener.Addr().String(), "bundles", len(found), "state", host.State)
	serveTLS(watching, server, &cfg, secure, served)
	err = follow(ctx, src, found, opts.reload, served, func() { reread(access, cfg.Certificates, log) }, log)
	cfg.Certificates.Close()
	if drain(server, registry, log) {
		free()
	}
	return err
}

// tellUnserved warns of tenants that the configuration names and no bundle is called: it
// may be a slip, and its ceilings then hold nobody.
func tellUnserved(policy tenants.Policy, found []tenants.Bundle, log *slog.Logger) {
	for _, name := range slices.Sorted(maps.Keys(policy.Tenants)) {
		if !slices.ContainsFunc(found, func(b tenants.Bundle) bool { return b.Name == name }) {
			log.Warn("a tenant of the configuration is not served", "tenant", name, "file", policy.File)
		}
	}
}

// tune has Go use as many processors as guests may, and collect seldom.
func tune(policy tenants.Policy) {
	collectLess()
	quotas.ShortTurns()
	goruntime.GOMAXPROCS(max(policy.CPUs, 1))
}

// collectLess makes Go collect its garbage at four times the heap that lives, not twice,
// unless GOGC says otherwise. The guests' memory is not on that heap, which is small,
// and a collection waits for each guest that runs.
func collectLess() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
}

// follow loads and reloads until a signal, or a listener, ends the server. On SIGHUP it
// calls onHup too.
func follow(ctx context.Context, src source, found []tenants.Bundle, reload bool, served <-chan error, onHup func(), log *slog.Logger) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	go src.Load(ctx, found)
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	if reload {
		go src.Watch(ctx)
	}
	for {
		select {
		case <-ctx.Done():
			log.Info("shutting down")
			return nil
		case err := <-served:
			return err
		case <-hup:
			onHup()
			found, err := src.Find()
			if err != nil {
				log.Error("bundles cannot be listed", "error", err)
			}
			go src.Load(ctx, found)
		}
	}
}

// reread opens and reads anew the files that are no bundle's.
func reread(access *accessLog, certificates *front.Certificates, log *slog.Logger) {
	if err := access.reopen(); err != nil {
		log.Error("the file stays as it was", "error", err)
	}
	certificates.Reload(true)
}

// drain lets requests in flight finish, ends those that take too long, and tells whether
// all are done: guests that still run need the code that they run.
func drain(server *front.Server, registry *tenants.Registry, log *slog.Logger) bool {
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		log.Warn("connections cut off", "error", err)
	}
	server.End()
	ctx, cancel = context.WithTimeout(context.Background(), endTimeout)
	defer cancel()
	if err := registry.Close(ctx); err != nil {
		log.Warn("requests cut off", "error", err)
		return false
	}
	server.Wait()
	return true
}
