package tenants

import (
	"fmt"
	"sync/atomic"

	"github.com/dgraph-io/ristretto/v2"

	"wasgi/quotas"
	"wasgi/runtime"
)

// shelf keeps snapshots in memory that are stored as files too: those that are asked for
// most, up to a bound. What it keeps is taken from the budget. It is safe for concurrent use.
type shelf struct {
	cache  *ristretto.Cache[uint64, *shelved]
	budget *quotas.Budget
	keys   atomic.Uint64
}

// shelved is a snapshot with a Close that is due.
type shelved struct {
	key      uint64
	snapshot *runtime.Snapshot
	size     quotas.Bytes
	unused   func() bool // no instance is on it
	counts   *counts
}

// snapshotsExpected is how many are kept at most, about.
const snapshotsExpected = 4096

func newShelf(most quotas.Bytes, budget *quotas.Budget) *shelf {
	if most == 0 {
		most = defaultSnapshots
	}
	s := &shelf{budget: budget}
	var err error
	s.cache, err = ristretto.NewCache(&ristretto.Config[uint64, *shelved]{
		NumCounters: 10 * snapshotsExpected, MaxCost: int64(most), BufferItems: 64, IgnoreInternalCost: true,
		OnEvict: func(i *ristretto.Item[*shelved]) {
			if i.Value != nil { // else it was dropped in the same moment
				i.Value.counts.evictions.Add(1)
			}
		},
		OnExit: s.gone,
	})
	if err != nil {
		panic(fmt.Sprintf("a cache of %v: %v", most, err)) // cannot be: all sizes are above 0
	}
	return s
}

// newKey returns a name for a snapshot.
func (s *shelf) newKey() uint64 { return s.keys.Add(1) }

// keep keeps a snapshot if it is worth it; the caller's Close is still due.
func (s *shelf) keep(e shelved) {
	if _, ok := s.cache.Get(e.key); ok {
		return
	}
	if !e.snapshot.Revive() {
		return
	}
	e.size = e.snapshot.Size()
	if !s.budget.Take(e.size) {
		e.snapshot.Close()
		return
	}
	if !s.cache.Set(e.key, &e, int64(e.size)) {
		s.gone(&e)
	}
	s.cache.Wait()
}

// gone gives back what was kept.
func (s *shelf) gone(e *shelved) {
	if e != nil { // where what is deleted is not there
		s.budget.Give(e.size)
		e.snapshot.Close()
	}
}

// drop gives a snapshot up.
func (s *shelf) drop(key uint64) { s.cache.Del(key) }

// reduce gives up a snapshot that no instance is on, and tells whether there was one.
func (s *shelf) reduce() bool {
	var found *shelved
	s.cache.IterValues(func(e *shelved) bool {
		if e.unused() {
			found = e
		}
		return found != nil
	})
	if found == nil {
		return false
	}
	found.counts.evictions.Add(1)
	s.drop(found.key)
	return true
}

func (s *shelf) close() { s.cache.Close() }
