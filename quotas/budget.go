package quotas

import "sync"

// Budget is the memory that all guests of a server may use together. It is safe for
// concurrent use. A nil Budget has no end.
type Budget struct {
	mu     sync.Mutex
	limit  Bytes
	used   Bytes
	most   Bytes
	reduce func() bool
}

// NewBudget returns a budget. Reduce is called where memory runs short, without a lock
// held: it gives up something that is not in use, an idle instance, and tells whether
// there was one. It may be nil.
func NewBudget(limit Bytes, reduce func() bool) *Budget {
	return &Budget{limit: limit, reduce: reduce}
}

// Take takes n bytes, and tells whether they could be had.
func (b *Budget) Take(n Bytes) bool {
	if b == nil {
		return true
	}
	for !b.take(n) {
		if n > b.limit || b.reduce == nil || !b.reduce() {
			return false
		}
	}
	return true
}

func (b *Budget) take(n Bytes) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.used+n > b.limit {
		return false
	}
	b.used += n
	b.most = max(b.most, b.used)
	return true
}

// Give gives back n bytes that were taken.
func (b *Budget) Give(n Bytes) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= n
}

// BudgetStats is what a budget has come to.
type BudgetStats struct {
	Limit, Used Bytes
	Most        Bytes // that was ever used at once
}

// Stats returns the figures of this moment.
func (b *Budget) Stats() BudgetStats {
	b.mu.Lock()
	defer b.mu.Unlock()
	return BudgetStats{Limit: b.limit, Used: b.used, Most: b.most}
}
