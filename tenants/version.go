package tenants

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"wasgi/abi"
	"wasgi/quotas"
	"wasgi/runtime"
	"wasgi/wasi"
)

// graceTimeout is what an import gets after its time to come back.
const graceTimeout = 2 * time.Second

// version is a tenant's app as one state of its bundle makes it.
type version struct {
	tenant *Tenant
	bundle Bundle
	root   *os.Root // the bundle's folder
	pool   *runtime.Pool
	made   atomic.Int64                   // instances made so far
	loaded atomic.Bool                    // an instance was made
	failed atomic.Pointer[NotLoadedError] // why none can be
	ended  sync.Once                      // close
	broken atomic.Pointer[setback]

	taking   sync.Mutex // held while the app is imported for a snapshot
	snapshot *runtime.Snapshot
	kept     quotas.Bytes // that was taken from the budget for it
	apart    bool         // there can be none
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
	root, err := os.OpenRoot(b.Dir)
	if err != nil {
		return nil, err
	}
	if err := t.enter(); err != nil {
		root.Close()
		return nil, err
	}
	v := &version{tenant: t, bundle: b, root: root}
	v.pool = runtime.NewPool(runtime.PoolConfig{
		Max:          b.Manifest.Quota.Instances,
		MaxRequests:  b.Manifest.Quota.MaxRequests,
		Fresh:        b.Manifest.Isolation == perRequest,
		Queue:        b.Manifest.Quota.Queue,
		QueueTimeout: b.Manifest.Quota.QueueTimeout,
		New:          v.newInstance,
	})
	return v, nil
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

// make makes an instance of the version's snapshot, or, where there can be none, one that
// imports the app for itself. The first to be made leaves the snapshot; others wait for it.
func (v *version) make(ctx context.Context) (*runtime.Instance, error) {
	s, i, err := v.base(ctx)
	if s == nil {
		return i, err
	}
	return v.tenant.host.Image.Restore(ctx, v.spec(s.Tmp()), s)
}

// base returns the snapshot, and nil where there is none: then an instance, or an error.
func (v *version) base(ctx context.Context) (*runtime.Snapshot, *runtime.Instance, error) {
	s, err := v.build(ctx)
	if s != nil || err != nil {
		return s, nil, err
	}
	i, err := v.load(ctx, true)
	return nil, i, err
}

// build returns the snapshot, made if it is not there, and nil where there can be none. Who
// asks while it is made waits for it: an app is imported once.
func (v *version) build(ctx context.Context) (*runtime.Snapshot, error) {
	v.taking.Lock()
	defer v.taking.Unlock()
	if v.snapshot != nil || v.apart {
		return v.snapshot, nil
	}
	i, err := v.load(ctx, false)
	if err != nil {
		return nil, err
	}
	defer i.Close()
	if err := v.take(ctx, i); err != nil {
		v.apart = true
		v.tenant.journal.write("", "snapshot", "each instance imports the app for itself: "+err.Error())
	}
	return v.snapshot, nil
}

// take makes the snapshot of an instance, which is not used any more.
func (v *version) take(ctx context.Context, i *runtime.Instance) error {
	s, err := i.Snapshot(ctx)
	if err != nil {
		return err
	}
	size := s.Size()
	if !v.tenant.host.budget.Take(size) {
		s.Close()
		return fmt.Errorf("all guests together leave no %v", size)
	}
	for _, w := range s.Warnings {
		v.tenant.journal.write("", "snapshot", w)
	}
	v.snapshot, v.kept = s, size
	return nil
}

// load makes a guest and imports the app in it; one that is to serve is made ready for that.
func (v *version) load(ctx context.Context, serves bool) (*runtime.Instance, error) {
	base, err := v.tenant.host.base.take(ctx, v.tenant.host)
	if err != nil {
		return nil, err
	}
	i, err := v.tenant.host.Image.Restore(ctx, v.spec(nil), base)
	if err != nil {
		return nil, err
	}
	if err = i.Load(ctx, v.settings()); err == nil && serves {
		err = i.Begin(ctx)
	}
	if err != nil {
		v.tenant.account.Spend(quotas.Usage{Ticks: i.Usage().Ticks})
		i.Close()
		return nil, err
	}
	return i, nil
}

// spec says what an instance of the version is made of; begin is what /tmp begins with,
// nil for nothing.
func (v *version) spec(begin *wasi.TmpImage) runtime.Spec {
	t, q := v.tenant, v.bundle.Manifest.Quota
	room := wasi.Quota{Bytes: int64(q.Tmp), Inodes: tmpInodes}
	tmp := wasi.NewTmp(room)
	if begin != nil {
		tmp = wasi.NewTmpFrom(room, begin)
	}
	tmp.From(
		func(n int64) bool { return t.host.budget.Take(quotas.Bytes(n)) },
		func(n int64) { t.host.budget.Give(quotas.Bytes(n)) })
	return runtime.Spec{
		ID:       t.Name + "-" + strconv.FormatInt(v.made.Add(1), 10),
		Quota:    q,
		Account:  t.account,
		Budget:   t.host.budget,
		HashSeed: t.seed,
		Mounts:   t.files.mounts(t.host.Stdlib, wasi.ReadOnlyDir(v.root), tmp),
		Log:      t.journal.write,
		Closed:   tmp.Free,
		Tmp:      tmp,
		Left: func(l quotas.Limit) int64 {
			switch l {
			case quotas.LimitTmp:
				return tmp.Left()
			case quotas.LimitData:
				return t.files.data.Left()
			case quotas.LimitLogRate:
				return t.journal.left()
			}
			return -1
		},
		Refused: map[quotas.Limit]func() int64{
			quotas.LimitTmp: tmp.Refused, quotas.LimitData: t.files.data.Refused, quotas.LimitLogRate: t.journal.dropped,
		},
	}
}

func (v *version) settings() *abi.Pairs {
	m := v.bundle.Manifest
	s := &abi.Pairs{}
	s.Add(abi.SettingEntry, m.Entry)
	s.Add(abi.SettingCwd, appDir)
	if m.Isolation == perRequest {
		s.Add(abi.SettingOnce, "1")
	}
	for _, dir := range v.bundle.sysPath() {
		s.Add(abi.SettingPath, dir)
	}
	for _, name := range slices.Sorted(maps.Keys(m.Env)) {
		s.Add(abi.SettingEnv, name+"="+m.Env[name])
	}
	return s
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
// before it is asked for.
//
// It waits a little longer than an import may take and no more: one that cannot be ended
// from outside must keep neither other tenants nor a mended bundle from being loaded.
func (v *version) prove(ctx context.Context) error {
	most := v.bundle.Manifest.Quota.StartupTimeout
	ctx, cancel := context.WithTimeout(ctx, most+graceTimeout)
	defer cancel()
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

// drop gives the snapshot up. No instance is made any more.
func (v *version) drop() {
	v.taking.Lock()
	defer v.taking.Unlock()
	if v.snapshot != nil {
		v.tenant.host.budget.Give(v.kept)
		v.snapshot.Close()
		v.snapshot = nil
	}
}

// close ends the version once its last request is done; it does not wait for that.
func (v *version) close() {
	v.ended.Do(func() {
		v.pool.Close()
		go func() {
			<-v.pool.Closed()
			v.drop()
			v.root.Close()
			v.tenant.leave()
		}()
	})
}
