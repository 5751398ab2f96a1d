package tenants

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"wasgi/quotas"
	"wasgi/runtime"
)

// graceTimeout is what an import gets after its time to come back.
const graceTimeout = 2 * time.Second

// version is a tenant's app as one state of its bundle makes it.
type version struct {
	tenant    *Tenant
	bundle    Bundle
	pool      *runtime.Pool
	seed      uint32                         // of the hashes, so that its instances run alike
	print     atomic.Pointer[string]         // of the bundle's files, before any of them was used
	made      atomic.Int64                   // instances made so far
	loaded    atomic.Bool                    // an instance was made
	failed    atomic.Pointer[NotLoadedError] // why none can be
	ended     sync.Once                      // close
	responses responses
	broken    atomic.Pointer[setback]

	taking sync.Mutex // held while a snapshot is read, or the app imported for one
	root   *os.Root   // the bundle's folder; nil until it is needed
	snapshots
}

// setback is an instance that could not be made though others were: no other is tried
// for a while.
type setback struct {
	err   error
	until time.Time
}

// retryAfter is how long a setback holds.
const retryAfter = time.Second

func (t *Tenant) newVersion(b Bundle) (*version, error) {
	if err := t.enter(); err != nil {
		return nil, err
	}
	v := &version{tenant: t, bundle: b, seed: 1 + rand.Uint32N(math.MaxUint32)}
	v.key = t.host.shelf.newKey()
	v.pool = runtime.NewPool(runtime.PoolConfig{
		Max:          b.Manifest.Quota.Instances,
		MaxRequests:  b.Manifest.Quota.MaxRequests,
		Fresh:        b.Manifest.Isolation == perRequest,
		Queue:        b.Manifest.Quota.Queue,
		QueueTimeout: b.Manifest.Quota.QueueTimeout,
		New:          v.newInstance,
		Counts:       &t.counts.pool,
		NotReset: func(i *runtime.Instance, err error) {
			LogError(t.host.Log, "instance not reset", t.Name, fmt.Errorf("instance %s: %w", i.ID, err))
		},
	})
	return v, nil
}

// is tells whether the version is what the bundle is now.
func (v *version) is(b Bundle) bool {
	return v.bundle.Dir == b.Dir && reflect.DeepEqual(v.bundle.Manifest, b.Manifest) && !v.changed()
}

// changed tells whether the bundle's files have changed since the version first used any.
func (v *version) changed() bool {
	was := v.print.Load()
	if was == nil {
		return false
	}
	now, err := fingerprint(v.bundle.Dir)
	return err != nil || now != *was
}

// look takes the fingerprint of the bundle's files, before any is used. The caller holds
// taking.
func (v *version) look() error {
	if v.print.Load() != nil {
		return nil
	}
	print, err := fingerprint(v.bundle.Dir)
	if err == nil {
		v.print.Store(&print)
	}
	return err
}

// open opens what instances need. The caller holds taking.
func (v *version) open() (err error) {
	if _, err = v.tenant.open(); err == nil && v.root == nil {
		v.root, err = os.OpenRoot(v.bundle.Dir)
	}
	if err != nil {
		return err
	}
	return v.look()
}

// newInstance makes a guest and imports the app in it.
func (v *version) newInstance(ctx context.Context) (*runtime.Instance, error) {
	ctx, cancel := context.WithTimeout(ctx, v.bundle.Manifest.Quota.StartupTimeout)
	defer cancel()
	start := time.Now()
	if why := v.failed.Load(); why != nil {
		return nil, why
	}
	if b := v.broken.Load(); b != nil && start.Before(b.until) {
		return nil, b.err
	}
	i, err := v.make(ctx)
	if err != nil {
		return nil, v.loadFailed(err)
	}
	v.loaded.Store(true)
	v.tenant.host.Log.Info("instance ready", "tenant", v.tenant.Name, "instance", i.ID, "ms", time.Since(start).Milliseconds())
	return i, nil
}

// loadFailed remembers an app that could not be imported even once: it is not tried
// again for each request. What may be better in a moment holds for a moment.
func (v *version) loadFailed(err error) error {
	failure := v.notLoaded(err.Error(), err)
	var over *quotas.Exceeded
	if errors.As(err, &over) {
		v.tenant.journal.write("", "limit", over.Error())
	}
	passing := errors.Is(err, runtime.ErrShutdown) || over != nil && (over.RetryAfter > 0 || over.Limit == quotas.LimitStartupTimeout)
	if errors.As(err, new(*runtime.LoadError)) && !v.loaded.Load() && !passing {
		v.failed.Store(failure)
		return failure
	}
	v.broken.Store(&setback{failure, time.Now().Add(retryAfter)})
	if !errors.Is(err, runtime.ErrShutdown) {
		LogError(v.tenant.host.Log, "instance not made", v.tenant.Name, failure)
	}
	return failure
}

func (v *version) notLoaded(why string, err error) *NotLoadedError {
	return &NotLoadedError{Tenant: v.tenant.Name, File: v.bundle.Dir + "/" + ManifestName, Entry: v.bundle.Manifest.Entry, Why: why, Err: err}
}

// NotLoadedError says why a tenant's app cannot answer.
type NotLoadedError struct {
	Tenant, File, Entry string
	Why                 string // often with Python's traceback, over several lines
	Err                 error  // what it came of, a *quotas.Exceeded for one
}

func (e *NotLoadedError) Error() string {
	return fmt.Sprintf("%s: app.entry = %q: %s", e.File, e.Entry, e.Why)
}

func (e *NotLoadedError) Unwrap() error { return e.Err }

// acquire is the pool's, but fails at once where the app is known not to load.
func (v *version) acquire(ctx context.Context) (*runtime.Instance, error) {
	if why := v.failed.Load(); why != nil {
		return nil, why
	}
	return v.pool.Acquire(ctx)
}

// prove makes a first instance, so that an app that cannot be imported is known
// before it is asked for. Where a snapshot of it is stored, it could be.
//
// It waits a little longer than an import may take and no more: one that cannot be ended
// from outside must keep neither other tenants nor a mended bundle from being loaded.
func (v *version) prove(ctx context.Context) error {
	most := v.bundle.Manifest.Quota.StartupTimeout
	ctx, cancel := context.WithTimeout(ctx, most+graceTimeout)
	defer cancel()
	if v.isStored(ctx) {
		return nil
	}
	i, err := v.acquire(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return v.notLoaded(fmt.Sprintf("the import takes longer than %v", most), quotas.LimitStartupTimeout)
	}
	if err != nil {
		return err
	}
	v.pool.Release(i)
	return nil
}

// close ends the version once its last request is done; it does not wait for that.
func (v *version) close() {
	v.ended.Do(func() {
		v.pool.Close()
		go func() {
			<-v.pool.Closed()
			v.end()
			v.responses.close()
			v.tenant.leave()
		}()
	})
}
