package quotas

import (
	"slices"
	"sync"
	"time"
)

// Account is what one tenant has used and may use: it is shared by its instances and
// outlives them. It is safe for concurrent use.
type Account struct {
	Bucket *Bucket
	Flow   *Flow
	// Startup is where imports have their turn, so that requests do not wait for what an
	// import beside them has used.
	Startup *Flow

	mu       sync.Mutex
	requests int64
	usage    Usage
	hits     []int64 // as Limits
}

// NewAccount returns the account of a tenant with the quota q whose flow is f.
func NewAccount(q Quota, f *Flow) *Account {
	return &Account{Bucket: NewBucket(q.CPUShare, q.CPUBurst), Flow: f, Startup: f.gate.NewFlow(f.weight), hits: make([]int64, len(Limits()))}
}

// Hit counts that the tenant went over a limit.
func (a *Account) Hit(l Limit) {
	n := slices.Index(Limits(), l)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.hits[n]++
}

// Spend adds what was used of a request, or of an import, which may still be running.
func (a *Account) Spend(u Usage) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.usage.Add(u)
}

// Served counts a request and adds what it has used, but for the CPU time and the fuel,
// which Spend has added while it ran.
func (a *Account) Served(u Usage) {
	u.CPU, u.Fuel = 0, 0
	a.mu.Lock()
	defer a.mu.Unlock()
	a.requests++
	a.usage.Add(u)
}

// AccountStats is an account at one moment.
type AccountStats struct {
	Requests int64 // that were served, or failed in the app
	Usage    Usage
	Hits     map[Limit]int64 // of limits that were gone over
	Held     time.Duration   // what the bucket holds
}

// Stats returns the figures of this moment.
func (a *Account) Stats() AccountStats {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := AccountStats{Requests: a.requests, Usage: a.usage, Hits: map[Limit]int64{}, Held: a.Bucket.Held()}
	for n, l := range Limits() {
		if a.hits[n] > 0 {
			s.Hits[l] = a.hits[n]
		}
	}
	return s
}
