package tenants

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dgraph-io/ristretto/v2"

	"wasgi/quotas"
)

// Cache keeps values by name, up to a number of bytes: where it is full, what is asked
// for most stays. It may drop any value at any time. It is safe for concurrent use; a nil
// Cache keeps nothing.
type Cache[V any] struct {
	budget *quotas.Budget

	mu   sync.RWMutex                        // held while kept is used, and, for writing, while it is closed
	kept *ristretto.Cache[string, cached[V]] // nil once closed
}

// cached is a value with what tells it from another of the same hash, and what was taken
// from the budget for it.
type cached[V any] struct {
	name  string
	value V
	size  quotas.Bytes
}

// What is kept besides a value: its place in the cache, and that of its name. A value is
// reckoned to take usualSize where the cache counts how often values are asked for.
const (
	overhead  = 256
	usualSize = 4 * quotas.KiB
)

// NewCache returns a cache for most bytes, which must be above zero, all of which it takes
// from the budget it shares with others. It runs a goroutine until it is closed.
func NewCache[V any](most quotas.Bytes, budget *quotas.Budget) (*Cache[V], error) {
	c := &Cache[V]{budget: budget}
	kept, err := ristretto.NewCache(&ristretto.Config[string, cached[V]]{
		NumCounters: max(1000, 10*int64(most/usualSize)),
		MaxCost:     int64(most),
		BufferItems: 64,
		OnExit:      func(gone cached[V]) { budget.Give(gone.size) },
	})
	if err != nil {
		return nil, fmt.Errorf("cache of %v: %w", most, err)
	}
	c.kept = kept
	return c, nil
}

// Get returns the value of that name, if it is there.
func (c *Cache[V]) Get(name string) (value V, ok bool) {
	if c == nil {
		return value, false
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	found, ok := c.kept.Get(name)
	if !ok || found.name != name {
		return value, false
	}
	return found.value, true
}

// Put keeps a value of size bytes for as long as lasts, 0 for good, in the place of the
// one that had its name. It is there a moment later, if there is room.
func (c *Cache[V]) Put(name string, value V, size quotas.Bytes, lasts time.Duration) {
	if c == nil {
		return
	}
	size += quotas.Bytes(len(name)) + overhead
	c.mu.RLock()
	defer c.mu.RUnlock()
	if size > quotas.Bytes(c.kept.MaxCost()) || !c.budget.Take(size) {
		return
	}
	if !c.kept.SetWithTTL(name, cached[V]{name, value, size}, int64(size), lasts) {
		c.budget.Give(size)
	}
}

// Drop removes the value of that name.
func (c *Cache[V]) Drop(name string) {
	if c == nil {
		return
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	c.kept.Del(name)
}

// Close empties the cache; it keeps nothing any more.
func (c *Cache[V]) Close() {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept.Close()
	c.kept = nil
}

// responses are those of a version that are kept, in a cache that is made when it is first
// asked for.
type responses struct {
	cache atomic.Pointer[Cache[any]]

	mu    sync.Mutex // held while the cache is made, and while it is closed
	ended bool
}

// Cache returns where responses of the version in force are kept: it begins empty with
// each version. It is nil where the tenant has none.
func (t *Tenant) Cache() *Cache[any] {
	v := t.current.Load()
	most := v.bundle.Manifest.Quota.Cache
	if most == 0 {
		return nil
	}
	if c := v.responses.cache.Load(); c != nil {
		return c
	}
	return v.responses.open(most, t.host.cached)
}

func (r *responses) open(most quotas.Bytes, budget *quotas.Budget) *Cache[any] {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.cache.Load(); c != nil || r.ended {
		return c
	}
	c, err := NewCache[any](most, budget)
	if err != nil {
		return nil // which the limits of a quota rule out
	}
	r.cache.Store(c)
	return c
}

func (r *responses) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
	r.cache.Load().Close()
}
