package tenants

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"

	"wasgi/quotas"
	"wasgi/runtime"
)

// Tenant is one customer's app. It stays the same while its versions follow each
// other. It is safe for concurrent use.
type Tenant struct {
	Name    string
	host    Host
	files   *files
	current atomic.Pointer[version]
}

func newTenant(h Host, b Bundle) (*Tenant, error) {
	t := &Tenant{Name: b.Name, host: h}
	var err error
	if t.files, err = h.openFiles(b.Name); err != nil {
		return nil, err
	}
	v, err := t.newVersion(b)
	if err != nil {
		t.files.close()
		return nil, err
	}
	t.current.Store(v)
	return t, nil
}

// Manifest returns that of the version in force. It must not be changed.
func (t *Tenant) Manifest() Manifest { return t.current.Load().bundle.Manifest }

// Quota returns the limits of the version in force.
func (t *Tenant) Quota() quotas.Quota { return t.Manifest().Quota }

// Stats counts the instances of the version in force.
func (t *Tenant) Stats() runtime.PoolStats { return t.current.Load().pool.Stats() }

// Serve lets the app answer req and returns when it is done with it. It waits for an
// instance until ctx is done. While it runs, req.Instance names the instance. The
// error wraps a runtime.Stop, the Response's refusal, a *NotLoadedError, or ctx's.
func (t *Tenant) Serve(ctx context.Context, req *runtime.Request, resp runtime.Response) error {
	v, i, err := t.acquire(ctx)
	if err != nil && ctx.Err() != nil {
		return runtime.ErrBusy
	}
	if err != nil {
		return err
	}
	req.Instance = i.ID
	err = i.Serve(ctx, req, resp)
	t.log(req.ID, "error", i.Report())
	v.pool.Release(i)
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

// log writes what a guest printed or reported, line by line, to the tenant's log.
func (t *Tenant) log(request, stream, text string) {
	if text == "" {
		return
	}
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		t.host.Log.Info(line, "tenant", t.Name, "request", request, "stream", stream)
	}
}

// replace puts a proven version in force; requests in flight finish on the old one.
func (t *Tenant) replace(v *version) {
	t.current.Swap(v).close()
}

// close ends the tenant; the channel is closed when its last request is done.
func (t *Tenant) close() <-chan struct{} {
	v := t.current.Load()
	v.close()
	return v.pool.Closed()
}
