package quotas

import (
	"context"
	"fmt"
	"time"

	"github.com/tetratelabs/wazero/experimental"
)

// PageSize is WebAssembly's, the unit in which a guest's memory grows.
const PageSize = 64 * KiB

// Memory is the linear memory of one guest. All its addresses are reserved at once and
// committed as it grows, so it never moves; none of it is on Go's heap. It begins with
// zeros, or with what a MemoryImage has. It is used by the goroutine that runs the guest.
type Memory struct {
	used     uint64
	limit    uint64 // of used, at most what is reserved
	reserved []byte
	budget   *Budget
	refused  int
	image    *MemoryImage // that it is on, with a reference; nil for none
	pages    pagemap      // finds what the guest wrote
	own      ownPages     // what it found
	guest    guestMemory
}

// NewMemory reserves memory for a guest that begins with initial bytes and may grow to
// limit, rounded down to whole pages. Where that cannot be had, it says so here: later
// the guest only sees memory.grow fail, and Python raises MemoryError. What is committed
// is taken from budget, until Free.
func NewMemory(initial, limit Bytes, budget *Budget) (*Memory, error) {
	limit -= limit % PageSize
	if initial > limit || limit <= 0 {
		return nil, fmt.Errorf("the guest begins with %s of memory, its limit is %s", initial, limit)
	}
	b, err := reserve(limit)
	if err != nil {
		return nil, fmt.Errorf("reserve %s of addresses: %w", limit, err)
	}
	m := &Memory{reserved: b, limit: uint64(limit), budget: budget}
	if m.Reallocate(uint64(initial)) == nil {
		m.Free()
		return nil, noneLeft(initial)
	}
	return m, nil
}

func noneLeft(size Bytes) error {
	return &Exceeded{Limit: LimitMemory, Detail: fmt.Sprintf("all guests together leave no %s", size), RetryAfter: time.Second}
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
	if m.guest.shown {
		return m.reserved[:m.used:m.used]
	}
	if size > m.limit || size > m.used && !m.commit(size) {
		m.refused++
		return nil
	}
	return m.reserved[:size:size]
}

func (m *Memory) commit(size uint64) bool {
	more := Bytes(size - m.used)
	if !m.budget.Take(more) {
		return false
	}
	if err := commit(m.reserved[m.used:size]); err != nil {
		m.budget.Give(more)
		return false
	}
	m.used = size
	return true
}

// Committed returns how much memory the guest has.
func (m *Memory) Committed() Bytes { return Bytes(m.used) }

// Limit returns the most it may have.
func (m *Memory) Limit() Bytes { return Bytes(m.limit) }

// Refused returns how often the guest was refused more.
func (m *Memory) Refused() int { return m.refused }

// Free gives the addresses and the image back; the guest must not run any more. It may be called
// again.
func (m *Memory) Free() {
	if m.reserved == nil {
		return
	}
	m.unreserve()
	m.budget.Give(Bytes(m.used))
	if m.image != nil {
		m.image.Release()
	}
	*m = Memory{refused: m.refused}
}

// unreserve gives the addresses back, and what is in them.
func (m *Memory) unreserve() {
	if err := release(m.reserved); err != nil {
		panic(fmt.Sprintf("unmap a guest's memory of %d bytes: %v", len(m.reserved), err)) // cannot be: mapped above
	}
}
