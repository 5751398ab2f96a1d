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
	gone    Counts // of tenants that were removed
	closed  bool
	ending  chan struct{} // closed when closed is set
}

// NewRegistry returns a registry without tenants.
func NewRegistry(h Host) *Registry {
	r := &Registry{tenants: map[string]*Tenant{}, ending: make(chan struct{})}
	h.gate = quotas.NewGate(h.Policy.cpus())
	if h.Policy.Memory > 0 {
		h.budget = quotas.NewBudget(h.Policy.Memory, r.reduce)
	}
	if h.Policy.Cache > 0 {
		h.cached = quotas.NewBudget(h.Policy.Cache, nil)
	}
	h.base, h.shelf = &base{}, newShelf(h.Policy.Snapshots, h.budget)
	h.open()
	r.host = h
	r.routes.Store(&routes{byHost: map[string][]route{}})
	go r.sweep(r.ending)
	return r
}

// Route returns the tenant for a request to host, lower-case and without port, and
// the decoded path, and the SCRIPT_NAME that belongs to it; nil where there is none.
func (r *Registry) Route(host, path string) (*Tenant, string) {
	return r.routes.Load().find(host, path)
}

// Names tells whether a tenant has the host by its name, not by a wildcard.
func (r *Registry) Names(host string) bool {
	_, ok := r.routes.Load().byHost[host]
	return ok && !strings.HasPrefix(host, "*")
}

// Memory returns what all guests together use of the server's memory; zero where that
// has no bound.
func (r *Registry) Memory() quotas.BudgetStats {
	if r.host.budget == nil {
		return quotas.BudgetStats{}
	}
	return r.host.budget.Stats()
}

// RegistryStats is what all tenants have come to, at one moment.
type RegistryStats struct {
	Tenants int
	Pool    runtime.PoolStats // of the versions in force
	Counts  Counts            // also of tenants that were removed
}

// Stats returns the figures of this moment.
func (r *Registry) Stats() RegistryStats {
	r.mu.Lock()
	s := RegistryStats{Counts: r.gone}
	r.mu.Unlock()
	for _, t := range r.Tenants() {
		of := t.Stats()
		s.Tenants++
		s.Pool.Open += of.Pool.Open
		s.Pool.Idle += of.Pool.Idle
		s.Pool.Waiting += of.Pool.Waiting
		s.Counts.add(of.Counts)
	}
	return s
}

// reduce closes the instance that has been idle longest, or else gives a snapshot up that no
// instance is on, and tells whether there was one.
func (r *Registry) reduce() bool {
	var pool *runtime.Pool
	var oldest time.Time
	for _, t := range r.Tenants() {
		p := t.current.Load().pool
		if since, ok := p.IdleSince(); ok && (pool == nil || since.Before(oldest)) {
			pool, oldest = p, since
		}
	}
	return pool != nil && pool.DropIdle() || r.host.shelf.reduce()
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
func (r *Registry) Add(b Bundle) error { return r.AddAll([]Bundle{b})[0] }

// AddAll is Add of many; the errors are in their order, nil where there is none.
func (r *Registry) AddAll(bundles []Bundle) []error {
	r.mu.Lock()
	defer r.mu.Unlock()
	next, errs := r.routes.Load().clone(), make([]error, len(bundles))
	for n, b := range bundles {
		_, errs[n] = r.admit(b, next)
	}
	r.routes.Store(next)
	return errs
}

// Load puts the bundle in force. A new tenant is routed to at once, its requests wait
// for the import; a known one changes over when the new version has been imported,
// and stays as it was if that fails. Load returns when the app is imported, or why it
// cannot be; a new tenant's requests then get that error.
func (r *Registry) Load(ctx context.Context, b Bundle) error {
	t, err := r.tenant(b)
	if err != nil {
		return err
	}
	t.loading.Lock()
	defer t.loading.Unlock()
	if t.current.Load().bundle.Opened.After(b.Opened) {
		return nil // a later state of the bundle came in between
	}
	if v := t.current.Load(); v.is(b) && v.failed.Load() == nil {
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

// tenant returns the tenant of the bundle's name, made and routed to if it is new.
func (r *Registry) tenant(b Bundle) (*Tenant, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t := r.tenants[b.Name]; t != nil && !r.closed {
		return t, r.routes.Load().conflict(b)
	}
	next := r.routes.Load().clone()
	t, err := r.admit(b, next)
	r.routes.Store(next)
	return t, err
}

// admit returns the tenant of the bundle's name, made and added to the routes if it is new.
// The caller holds mu.
func (r *Registry) admit(b Bundle, to *routes) (*Tenant, error) {
	if r.closed {
		return nil, errors.New("the server is shutting down")
	}
	if err := to.conflict(b); err != nil {
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
	to.addTenant(t)
	return t, nil
}

func (r *Registry) change(t *Tenant, v *version) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.tenants[t.Name] != t {
		v.close()
		return fmt.Errorf("tenant %s was removed while its new version was loaded", t.Name)
	}
	if err := r.routes.Load().conflict(v.bundle); err != nil {
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
	r.gone.add(t.counts.stats())
	r.reroute()
	t.close()
	r.host.store.remove(r.host.store.appFile(name))
	return true
}

// reroute builds the routes anew. The caller holds mu.
func (r *Registry) reroute() {
	next := &routes{byHost: map[string][]route{}}
	for _, t := range r.tenants {
		next.addTenant(t)
	}
	r.routes.Store(next)
}

// Close ends all tenants and waits for the requests in flight, until ctx is done.
func (r *Registry) Close(ctx context.Context) error {
	r.mu.Lock()
	if !r.closed {
		r.closed = true
		close(r.ending)
	}
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
	r.host.shelf.close()
	r.host.base.close()
	return nil
}
