// Package tenants knows whose app answers a request and keeps it ready: bundles and
// their manifests, versions of a tenant's app, routes, reloading.
//
// A request meets the files in this order: registry.go (Route), tenant.go (Serve),
// version.go (the pool of the version in force).
package tenants

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"wasgi/abi"
	"wasgi/quotas"
	"wasgi/runtime"
	"wasgi/wasi"
)

// Host is what all tenants of a server share.
type Host struct {
	Image  *runtime.Image
	Stdlib wasi.FS      // Python's library, at /usr/lib/python3.13
	State  string       // folder on the host for what lasts: each tenant has one in it
	Log    *slog.Logger // of the server; a tenant's lines carry its name
	Policy Policy       // what the tenants may have
	// Python names the library in Stdlib: two that differ have two names.
	Python string
	// Environ returns the environ of a request that the server itself makes, of a tenant's
	// app, with that id. Without it no app is warmed up.
	Environ func(host, script, target, tenant, id string) (*abi.Pairs, error)
	// KeepSnapshots has snapshots of apps kept in State, for the next start.
	KeepSnapshots bool
	// KeepLogs has each tenant's log kept in State too, as much of it as its quota says.
	KeepLogs bool

	gate   *quotas.Gate // set by NewRegistry
	budget *quotas.Budget
	cached *quotas.Budget // what responses that are kept may take
	base   *base
	store  *store // nil: none are kept
	shelf  *shelf
}

// What a tenant's files may hold besides what its quota says: bytecode, and files and
// folders at all.
const (
	tmpInodes   = 4096
	dataInodes  = 16384
	cacheBytes  = 256 * quotas.MiB
	cacheInodes = 65536
)

// open opens what is kept of snapshots, if it is to be.
func (h *Host) open() {
	if !h.KeepSnapshots {
		return
	}
	var err error
	if h.store, err = openStore(h.State, h.Log); err != nil {
		h.store = nil
		h.Log.Warn("snapshots are not kept", "folder", h.State, "error", err)
	}
}

// files are a tenant's own: they outlive its versions and are shared by its instances.
type files struct {
	data, cache *wasi.Data
	roots       []*os.Root
}

// openFiles opens, and where needed makes, the folders of the bundle's tenant.
func (h Host) openFiles(b Bundle) (*files, error) {
	f, tenant := &files{}, b.Name
	if !validName(tenant) {
		return nil, fmt.Errorf("%q is no tenant: want the name of a bundle's folder", tenant)
	}
	var err error
	if f.data, err = f.open(filepath.Join(h.State, tenant, "data"), b.Manifest.Quota.Data, dataInodes); err == nil {
		f.cache, err = f.open(filepath.Join(h.State, tenant, "cache"), cacheBytes, cacheInodes)
	}
	if err != nil {
		f.close()
		return nil, fmt.Errorf("state of tenant %s: %w", tenant, err)
	}
	return f, nil
}

// keeper returns what keeps the log of the bundle's tenant, nil where nothing does.
func (h Host) keeper(b Bundle) *keeper {
	if !h.KeepLogs {
		return nil
	}
	return newKeeper(h.State, b.Name, b.Manifest.Quota.LogKeep, h.Log)
}

func (f *files) open(dir string, bytes quotas.Bytes, inodes int64) (*wasi.Data, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	f.roots = append(f.roots, root)
	return wasi.DataDir(root, wasi.Quota{Bytes: int64(bytes), Inodes: inodes}), nil
}

func (f *files) close() {
	for _, root := range f.roots {
		root.Close()
	}
}

// mounts returns what one instance sees: a /tmp of its own, the rest shared.
func (f *files) mounts(stdlib, app wasi.FS, tmp *wasi.Tmp) []wasi.Mount {
	return []wasi.Mount{
		{Path: "/usr/lib/python3.13", FS: stdlib},
		{Path: appDir, FS: app},
		{Path: "/data", FS: f.data},
		{Path: "/var/cache/python", FS: f.cache},
		{Path: "/tmp", FS: tmp},
	}
}
