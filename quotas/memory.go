package quotas

import (
	"context"
	"fmt"

	"github.com/tetratelabs/wazero/experimental"
	"golang.org/x/sys/unix"
)

// PageSize is WebAssembly's, the unit in which a guest's memory grows.
const PageSize = 64 * KiB

// Memory is the linear memory of one guest. All its addresses are reserved at once and
// committed as it grows, so it never moves; none of it is on Go's heap. It is used by
// the goroutine that runs the guest.
type Memory struct {
	used     uint64
	reserved []byte
}

// NewMemory reserves memory for a guest that begins with initial bytes and may grow to
// limit, rounded down to whole pages. Where that cannot be had, it says so here: later
// the guest only sees memory.grow fail, and Python raises MemoryError.
func NewMemory(initial, limit Bytes) (*Memory, error) {
	limit -= limit % PageSize
	if initial > limit || limit <= 0 {
		return nil, fmt.Errorf("the guest begins with %s of memory, its limit is %s", initial, limit)
	}
	b, err := unix.Mmap(-1, 0, int(limit), unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("reserve %s of addresses: %w", limit, err)
	}
	m := &Memory{reserved: b}
	if m.Reallocate(uint64(initial)) == nil {
		m.Free()
		return nil, fmt.Errorf("the machine has no %s of memory", initial)
	}
	return m, nil
}

// Context returns a context for instantiating the one guest that m is for, which then
// owns m and frees it when it is closed.
func (m *Memory) Context(ctx context.Context) context.Context {
	return experimental.WithMemoryAllocator(ctx, experimental.MemoryAllocatorFunc(
		func(_, _ uint64) experimental.LinearMemory { return m }))
}

// Reallocate implements experimental.LinearMemory: it commits memory up to size, or
// returns nil past the limit.
func (m *Memory) Reallocate(size uint64) []byte {
	if size > uint64(len(m.reserved)) {
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

// Free gives the addresses back; the guest must not run any more. It may be called
// again.
func (m *Memory) Free() {
	if m.reserved == nil {
		return
	}
	if err := unix.Munmap(m.reserved); err != nil {
		panic(fmt.Sprintf("unmap a guest's memory of %d bytes: %v", len(m.reserved), err)) // cannot be: mapped above
	}
	m.reserved, m.used = nil, 0
}
