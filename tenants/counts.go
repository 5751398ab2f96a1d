package tenants

import (
	"sync/atomic"

	"wasgi/runtime"
)

// counts are what a tenant's instances and snapshots have come to, since the server began.
type counts struct {
	pool       runtime.PoolCounts
	fromMemory atomic.Int64
	fromFile   atomic.Int64
	imported   atomic.Int64
	builds     atomic.Int64
	evictions  atomic.Int64
	idle       atomic.Int64
}

// Counts are counts at one moment.
type Counts struct {
	WarmHits   int64 // requests that found an instance ready
	FromMemory int64 // instances that were made of a snapshot in memory
	FromFile   int64 // of one that was read from its file first
	Imported   int64 // after the app was imported: for the first snapshot, or for themselves
	Builds     int64 // snapshots taken
	Evictions  int64 // snapshots that gave way to others, and are files now
	Dropped    int64 // instances that nobody needed for as long as idle says
	Resets     int64 // instances taken back to their snapshot
	NotReset   int64 // and that could not be
	DirtyPages int64 // of 4 KiB, put back in Resets
}

func (c *counts) stats() Counts {
	return Counts{
		WarmHits: c.pool.Ready.Load(), FromMemory: c.fromMemory.Load(), FromFile: c.fromFile.Load(),
		Imported: c.imported.Load(), Builds: c.builds.Load(), Evictions: c.evictions.Load(), Dropped: c.idle.Load(),
		Resets: c.pool.Resets.Load(), NotReset: c.pool.NotReset.Load(), DirtyPages: c.pool.Pages.Load(),
	}
}

// add adds another's.
func (s *Counts) add(o Counts) {
	s.WarmHits += o.WarmHits
	s.FromMemory += o.FromMemory
	s.FromFile += o.FromFile
	s.Imported += o.Imported
	s.Builds += o.Builds
	s.Evictions += o.Evictions
	s.Dropped += o.Dropped
	s.Resets += o.Resets
	s.NotReset += o.NotReset
	s.DirtyPages += o.DirtyPages
}
