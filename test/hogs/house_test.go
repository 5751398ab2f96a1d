package hogs

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"
	goruntime "runtime"
	"runtime/debug"
	"testing"

	"wasgi/cmd/wasgi/front"
	"wasgi/quotas"
	"wasgi/tenants"
)

// house is a server within this process, so that it can be asked what no client sees.
type house struct {
	registry *tenants.Registry
	address  string
}

// policy is that of an operator who says nothing, on all of this machine.
func policy() tenants.Policy {
	p := tenants.DefaultPolicy()
	p.CPUs, p.Memory = goruntime.NumCPU(), 8*quotas.GiB
	return p
}

// newHouse serves the bundles in dir, with what "wasgi serve" asks of Go.
func newHouse(b *testing.B, dir string, policy tenants.Policy) *house {
	b.Helper()
	processors := goruntime.GOMAXPROCS(policy.CPUs)
	b.Cleanup(func() { goruntime.GOMAXPROCS(processors) })
	quotas.ShortTurns()
	percent := debug.SetGCPercent(400)
	b.Cleanup(func() { debug.SetGCPercent(percent) })
	img := newImage(b, false)
	log := slog.New(slog.DiscardHandler)
	registry := tenants.NewRegistry(tenants.Host{Image: img.Image, Stdlib: img.stdlib, State: b.TempDir(), Log: log, Policy: policy})
	bundles, err := filepath.Glob(filepath.Join(dir, "*", tenants.ManifestName))
	fatal(b, err)
	for _, manifest := range bundles {
		bundle, err := tenants.OpenBundle(filepath.Dir(manifest), policy)
		fatal(b, err)
		fatal(b, registry.Load(context.Background(), bundle))
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	fatal(b, err)
	server := front.New(front.Config{Registry: registry, Log: log})
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	b.Cleanup(func() {
		if err := server.Shutdown(context.Background()); err != nil {
			b.Error(err)
		}
		if err := registry.Close(context.Background()); err != nil {
			b.Error(err)
		}
		<-served
	})
	return &house{registry, listener.Addr().String()}
}
