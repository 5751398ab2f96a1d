package tenants

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"wasgi/quotas"
	"wasgi/runtime"
)

// Registry is the tenants of a server and the routes to them. It is safe for
// concurrent use; finding a route takes no lock.
type Registry struct {
	host   Host
	routes atomic.Pointer[routes]

	mu      sync.Mutex // held while tenants change, not while an app is imported
	tenants map[string]*Tenant
	closed  bool
}

// NewRegistry returns a registry without tenants.
func NewRegistry(h Host) *Registry {
	r := &Registry{tenants: map[string]*Tenant{}}
	h.gate = quotas.NewGate(h.Policy.cpus())
	if h.Policy.Memory > 0 {
		h.budget = quotas.NewBudget(h.Policy.Memory, r.reduce)
	}
	h.base = &base{}
	r.host = h
	r.routes.Store(&routes{})
	return r
}

// Route returns the tenant for a request to host, lower-case and without port, and
// the decoded path, and the SCRIPT_NAME that belongs to it; nil where there is none.
func (r *Registry) Route(host, path string) (*Tenant, string) {
	return r.routes.Load().find(host, path)
}

// Memory returns what all guests together use of the server's memory; zero where that
// has no bound.
func (r *Registry) Memory() quotas.BudgetStats {
	if r.host.budget == nil {
		return quotas.BudgetStats{}
	}
	return r.host.budget.Stats()
}

// reduce closes the instance that has been idle longest and tells whether there was one.
func (r *Registry) reduce() bool {
	var pool *runtime.Pool
	var oldest time.Time
	for _, t := range r.Tenants() {
		p := t.current.Load().pool
		if since, ok := p.IdleSince(); ok && (pool == nil || since.Before(oldest)) {
			pool, oldest = p, since
		}
	}
	return pool != nil && pool.DropIdle()
}

// Tenants returns all tenants by name.
func (r *Registry) Tenants() []*Tenant {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := slices.Collect(maps.Values(r.tenants))
	slices.SortFunc(all, func(a, b *Tenant) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// Add routes to the bundle's tenant if it is new: its requests wait for the import. A
// known tenant stays as it is.
func (r *Registry) Add(b Bundle) error {
	_, err := r.admit(b)
	return err
}

// Load puts the bundle in force. A new tenant is routed to at once, its requests wait
// for the import; a known one changes over when the new version has been imported,
// and stays as it was if that fails. Load returns when the app is imported, or why it
// cannot be; a new tenant's requests then get that error.
func (r *Registry) Load(ctx context.Context, b Bundle) error {
	t, err := r.admit(b)
	if err != nil {
		return err
	}
	t.loading.Lock()
	defer t.loading.Unlock()
	if t.current.Load().bundle.Opened.After(b.Opened) {
		return nil // a later state of the bundle came in between
	}
	if v := t.current.Load(); v.bundle.Print == b.Print && v.failed.Load() == nil {
		return v.prove(ctx)
	}
	v, err := t.newVersion(b)
	if err != nil {
		return err
	}
	if err := v.prove(ctx); err != nil {
		v.close()
		return err
	}
	return r.change(t, v)
}

// admit returns the tenant of the bundle's name, made and routed to if it is new.
func (r *Registry) admit(b Bundle) (*Tenant, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, errors.New("the server is shutting down")
	}
	if err := r.conflict(b); err != nil {
		return nil, err
	}
	if t := r.tenants[b.Name]; t != nil {
		return t, nil
	}
	t, err := newTenant(r.host, b)
	if err != nil {
		return nil, err
	}
	r.tenants[b.Name] = t
	r.reroute()
	return t, nil
}

// conflict says which other tenant has a route that b asks for. The caller holds mu.
func (r *Registry) conflict(b Bundle) error {
	for name, t := range r.tenants {
		m := t.Manifest()
		if name == b.Name || m.Prefix != b.Manifest.Prefix {
			continue
		}
		for _, host := range b.Manifest.Hosts {
			if slices.Contains(m.Hosts, host) {
				return fmt.Errorf("%s/%s: app.hosts has %q, which tenant %s serves already", b.Dir, ManifestName, host, name)
			}
		}
	}
	return nil
}

func (r *Registry) change(t *Tenant, v *version) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.tenants[t.Name] != t {
		v.close()
		return fmt.Errorf("tenant %s was removed while its new version was loaded", t.Name)
	}
	if err := r.conflict(v.bundle); err != nil {
		v.close()
		return err
	}
	t.replace(v)
	r.reroute()
	return nil
}

// Remove ends the tenant of that name and tells whether there was one; its requests in
// flight finish.
func (r *Registry) Remove(name string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.tenants[name]
	if t == nil {
		return false
	}
	delete(r.tenants, name)
	r.reroute()
	t.close()
	return true
}

// reroute builds the routes anew. The caller holds mu.
func (r *Registry) reroute() {
	next := &routes{byHost: map[string][]route{}}
	for _, t := range r.tenants {
		m := t.Manifest()
		for _, host := range m.Hosts {
			next.add(host, route{tenant: t, prefix: m.scriptName()})
		}
	}
	r.routes.Store(next)
}

// Close ends all tenants and waits for the requests in flight, until ctx is done.
func (r *Registry) Close(ctx context.Context) error {
	r.mu.Lock()
	r.closed = true
	var waits []<-chan struct{}
	for _, t := range r.tenants {
		waits = append(waits, t.close())
	}
	r.mu.Unlock()
	for _, wait := range waits {
		select {
		case <-wait:
		case <-ctx.Done():
			return fmt.Errorf("requests still in flight: %w", ctx.Err())
		}
	}
	r.host.base.close()
	return nil
}
