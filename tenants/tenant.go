package tenants

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"wasgi/quotas"
	"wasgi/runtime"
	"wasgi/wasi"
)

// Tenant is one customer's app. It stays the same while its versions follow each
// other. It is safe for concurrent use.
type Tenant struct {
	Name    string
	host    Host
	journal *journal
	account *quotas.Account
	counts  counts
	current atomic.Pointer[version]
	loading sync.Mutex // held while a version is loaded: one at a time

	mu       sync.Mutex
	files    *files        // nil until they are needed
	versions int           // that may still run
	closed   bool          // no further version
	gone     chan struct{} // closed when none runs any more, after close
}

func newTenant(h Host, b Bundle) (*Tenant, error) {
	t := &Tenant{Name: b.Name, host: h, gone: make(chan struct{})}
	if !validName(b.Name) {
		return nil, fmt.Errorf("%q is no tenant: want the name of a bundle's folder", b.Name)
	}
	t.journal = newJournal(h.Log, b.Name, b.Manifest.Quota.LogRate)
	t.account = quotas.NewAccount(b.Manifest.Quota, h.gate.NewFlow(h.Policy.Tenant(b.Name).Weight))
	t.journal.keep = h.keeper(b)
	v, err := t.newVersion(b)
	if err != nil {
		return nil, err
	}
	t.current.Store(v)
	return t, nil
}

// open returns the tenant's files, opened, and made, when they are first asked for.
func (t *Tenant) open() (*files, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.files == nil {
		f, err := t.host.openFiles(t.current.Load().bundle)
		if err != nil {
			return nil, err
		}
		t.files = f
	}
	return t.files, nil
}

// Manifest returns that of the version in force. It must not be changed.
func (t *Tenant) Manifest() Manifest { return t.current.Load().bundle.Manifest }

// Edge is Manifest's, which is large: it must not be changed.
func (t *Tenant) Edge() *Edge { return &t.current.Load().bundle.Manifest.Edge }

// Quota returns the limits of the version in force.
func (t *Tenant) Quota() quotas.Quota { return t.Manifest().Quota }

// Stats is what a tenant has and has used, at one moment.
type Stats struct {
	Pool    runtime.PoolStats // of the version in force
	Account quotas.AccountStats
	Counts  Counts
}

// Stats returns the figures of this moment.
func (t *Tenant) Stats() Stats {
	return Stats{Pool: t.current.Load().pool.Stats(), Account: t.account.Stats(), Counts: t.counts.stats()}
}

// Warnings returns what the author of the app should know of how it was imported, by the
// version in force in this process: randomness that all instances share, for one.
func (t *Tenant) Warnings() []string {
	v := t.current.Load()
	v.taking.Lock()
	defer v.taking.Unlock()
	return slices.Clone(v.warnings)
}

// Serve lets the app answer req and returns when it is done with it. It waits for an
// instance until ctx is done. While it runs, req.Instance names the instance. The
// error wraps a runtime.Stop, a quotas.Limit, the Response's refusal, or a *NotLoadedError.
// The tenant's log has it where it was a limit.
func (t *Tenant) Serve(ctx context.Context, req *runtime.Request, resp runtime.Response) error {
	start := time.Now()
	v, i, err := t.acquire(ctx)
	req.Usage.Wait += time.Since(start)
	if err != nil {
		return t.notServed(req, err)
	}
	req.Instance = i.ID
	defer v.pool.Release(i)
	err = i.Serve(ctx, req, resp)
	t.account.Served(req.Usage)
	t.journal.write(req.ID, "error", i.Report())
	t.met(req, err)
	return err
}

// met counts and logs the limits that a request met, also where the app answered all the
// same. Those in req.Hits are counted already.
func (t *Tenant) met(req *runtime.Request, err error) {
	var over *quotas.Exceeded
	if errors.As(err, &over) {
		t.journal.write(req.ID, "limit", over.Error())
		if !slices.Contains(req.Hits, over.Limit) {
			t.account.Hit(over.Limit)
		}
	}
	for _, l := range req.Hits {
		if over == nil || l != over.Limit {
			t.journal.write(req.ID, "limit", l.Error())
		}
	}
}

// Refused counts and logs that a request never came to the app because of a limit, if err
// is of one.
func (t *Tenant) Refused(id string, err error) { t.met(&runtime.Request{ID: id}, err) }

// notServed counts and logs why a request had no instance.
func (t *Tenant) notServed(req *runtime.Request, err error) error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, quotas.LimitTimeout) {
		err = &quotas.Exceeded{Limit: quotas.LimitQueueTimeout, RetryAfter: time.Second,
			Detail: "all instances were busy for as long as the request could wait"}
	}
	if !errors.As(err, new(*NotLoadedError)) {
		t.met(req, err)
	}
	return err
}

// acquire takes an instance of the version in force; one that was replaced in the
// same moment is passed over.
func (t *Tenant) acquire(ctx context.Context) (*version, *runtime.Instance, error) {
	for {
		v := t.current.Load()
		i, err := v.acquire(ctx)
		if errors.Is(err, runtime.ErrClosed) && t.current.Load() != v {
			continue
		}
		return v, i, err
	}
}

// replace puts a proven version in force; requests in flight finish on the old one.
func (t *Tenant) replace(v *version) {
	q := v.bundle.Manifest.Quota
	t.mu.Lock()
	if t.files != nil {
		t.files.data.SetQuota(wasi.Quota{Bytes: int64(q.Data), Inodes: dataInodes})
	}
	t.mu.Unlock()
	t.journal.setRate(q.LogRate)
	t.account.Bucket.Set(q.CPUShare, q.CPUBurst)
	t.journal.keep.setMost(q.LogKeep)
	t.current.Swap(v).close()
}

// close ends the tenant; the channel is closed when its last request, on whatever
// version, is done.
func (t *Tenant) close() <-chan struct{} {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.current.Load().close()
	return t.gone
}

// enter counts one more version, unless the tenant is closed.
func (t *Tenant) enter() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return fmt.Errorf("tenant %s was removed", t.Name)
	}
	t.versions++
	return nil
}

// leave counts out a version whose last request is done. The last of a closed tenant
// closes its files.
func (t *Tenant) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.versions--; t.closed && t.versions == 0 {
		t.journal.close()
		if t.files != nil {
			t.files.close()
		}
		close(t.gone)
	}
}
