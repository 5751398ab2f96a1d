package quotas

import (
	"context"
	"fmt"

	"github.com/tetratelabs/wazero/experimental"
	"golang.org/x/sys/unix"
)

// PageSize is WebAssembly's, the unit in which a guest's memory grows.
const PageSize = 64 * KiB

// WithMemory returns a context for instantiating one guest whose linear memory grows
// to at most limit, rounded down to whole pages; past it memory.grow fails in the
// guest, and Python raises MemoryError. The memory is reserved as addresses at once
// and committed as it grows, so it never moves, and it is no part of Go's heap.
func WithMemory(ctx context.Context, limit Bytes) context.Context {
	limit -= limit % PageSize
	return experimental.WithMemoryAllocator(ctx, experimental.MemoryAllocatorFunc(
		func(_, _ uint64) experimental.LinearMemory { return &linearMemory{limit: uint64(limit)} }))
}

// linearMemory is one guest's: limit bytes of addresses, of which used can be touched.
type linearMemory struct {
	limit    uint64
	used     uint64
	reserved []byte
}

// Reallocate commits memory up to size and returns it, or nil past the limit. wazero
// calls it from the one goroutine that runs the guest.
func (m *linearMemory) Reallocate(size uint64) []byte {
	if size > m.limit || m.reserve() != nil {
		return nil
	}
	if size > m.used {
		if err := unix.Mprotect(m.reserved[m.used:size], unix.PROT_READ|unix.PROT_WRITE); err != nil {
			return nil
		}
		m.used = size
	}
	return m.reserved[:size:size]
}

func (m *linearMemory) reserve() error {
	if m.reserved != nil {
		return nil
	}
	b, err := unix.Mmap(-1, 0, int(m.limit), unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return fmt.Errorf("reserve %s of addresses: %w", Bytes(m.limit), err)
	}
	m.reserved = b
	return nil
}

// Free gives the addresses back; the guest must not run any more.
func (m *linearMemory) Free() {
	if m.reserved == nil {
		return
	}
	if err := unix.Munmap(m.reserved); err != nil {
		panic(fmt.Sprintf("unmap a guest's memory of %d bytes: %v", m.limit, err)) // cannot be: mapped above
	}
	m.reserved = nil
}
