package tenants

import (
	"context"
	"fmt"
	"sync"

	"wasgi/quotas"
	"wasgi/runtime"
	"wasgi/wasi"
)

// base is the snapshot that all apps begin with: an interpreter that is up. It is made when
// it is first asked for, and kept.
type base struct {
	mu       sync.Mutex
	snapshot *runtime.Snapshot
}

// take returns the snapshot. Who asks while it is made waits for it.
func (b *base) take(ctx context.Context, h Host) (*runtime.Snapshot, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.snapshot != nil {
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
	return s, nil
}

func (b *base) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.snapshot != nil {
		b.snapshot.Close()
		b.snapshot = nil
	}
}
