package tenants

import (
	"context"
	"fmt"
	"sync"

	"wasgi/quotas"
	"wasgi/runtime"
	"wasgi/wasi"
)

// base is the snapshot that all apps begin with: an interpreter that is up. It is read, or
// made, when it is first asked for, and kept.
type base struct {
	mu       sync.Mutex
	snapshot *runtime.Snapshot
	storing  sync.WaitGroup
}

// take returns the snapshot. Who asks while it is made waits for it.
func (b *base) take(ctx context.Context, h Host) (*runtime.Snapshot, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.snapshot != nil {
		return b.snapshot, nil
	}
	if b.snapshot = h.store.read(h.Image, "", h.store.baseFile(), h.baseOrigin(), nil); b.snapshot != nil {
		return b.snapshot, nil
	}
	s, err := h.Image.Base(ctx, runtime.Spec{
		ID:       "base",
		Quota:    quotas.Default(),
		Account:  quotas.NewAccount(quotas.Most(), h.gate.NewFlow(1)),
		HashSeed: 1,
		Mounts:   []wasi.Mount{{Path: "/usr/lib/python3.13", FS: h.Stdlib}},
	})
	if err != nil {
		return nil, fmt.Errorf("start Python: %w", err)
	}
	b.snapshot = s
	if h.store != nil {
		b.storing.Go(func() { h.keepBase(s) })
	}
	return s, nil
}

func (h Host) keepBase(s *runtime.Snapshot) {
	if err := h.store.write(h.store.baseFile(), s, h.baseOrigin()); err != nil {
		h.Log.Warn("snapshot not stored", "file", h.store.baseFile(), "error", err)
	}
}

func (b *base) close() {
	b.storing.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.snapshot != nil {
		b.snapshot.Close()
		b.snapshot = nil
	}
}
