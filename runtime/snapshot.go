package runtime

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"

	"wasgi/abi"
	"wasgi/quotas"
	"wasgi/wasi"
)

// Snapshot is a guest at rest: memory, globals and files of an instance whose
// app was imported. Any number of instances begin with it. It is immutable and safe for
// concurrent use.
type Snapshot struct {
	id        string // of no other snapshot, also of other servers
	memory    *quotas.MemoryImage
	files     *wasi.State
	tmp       *wasi.TmpImage
	globals   []uint64 // in the order of the image's
	ptr, size uint32   // of the guest's buffer
	// Warnings are lines for the app's author: randomness that all copies share, for one.
	Warnings []string
}

// Snapshot ends the instance and returns what others begin with. The app must have been
// imported, and not yet asked. Where something cannot be carried over, an open file that
// was removed for one, the error says so.
func (i *Instance) Snapshot(ctx context.Context) (*Snapshot, error) {
	i.meter.begin(ctx, i.startup(), i.meter.usage, i.meter.hits)
	err := i.call(ctx, func() (abi.Outcome, error) { return i.guest.Freeze(i.ctx) })
	if err != nil {
		i.condemned = true
		return nil, fmt.Errorf("snapshot of %s: %w", i.ID, err)
	}
	return i.snap()
}

// Base returns a snapshot of an interpreter that is up and has imported what most apps do,
// for the apps of all tenants to begin with.
func (img *Image) Base(ctx context.Context, spec Spec) (*Snapshot, error) {
	i, err := img.NewInstance(ctx, spec)
	if err != nil {
		return nil, err
	}
	defer i.Close()
	i.meter.begin(ctx, i.startup(), i.meter.usage, i.meter.hits)
	err = i.call(ctx, func() (abi.Outcome, error) { return i.guest.Start(i.ctx, i.hashSeed) })
	if err == nil {
		err = i.call(ctx, func() (abi.Outcome, error) { return i.guest.Prepare(i.ctx) })
	}
	if err != nil {
		return nil, &LoadError{Report: string(i.exchange.report), Err: err}
	}
	return i.snap()
}

// snap ends the instance and returns what it has.
func (i *Instance) snap() (_ *Snapshot, err error) {
	i.ended = true
	s := &Snapshot{id: rand.Text(), Warnings: i.exchange.warnings}
	for _, g := range i.globals {
		s.globals = append(s.globals, g.Get())
	}
	s.ptr, s.size = i.guest.Buffer()
	if s.files, err = i.sandbox.Save(); err != nil {
		return nil, fmt.Errorf("snapshot of %s: %w", i.ID, err)
	}
	if i.tmp != nil {
		s.tmp = i.tmp.Save()
	}
	if s.memory, err = i.memory.Image(i.slots.images); err != nil {
		return nil, fmt.Errorf("snapshot of %s: %w", i.ID, err)
	}
	return s, nil
}

// Tmp returns what the files in memory begin with, nil for none.
func (s *Snapshot) Tmp() *wasi.TmpImage { return s.tmp }

// ID names the snapshot: no other has it, and it is the same where it was stored.
func (s *Snapshot) ID() string { return s.id }

// OpenIn returns a file below one of these mounts that the guest has open, "" where there is
// none.
func (s *Snapshot) OpenIn(mounts ...string) string {
	for _, o := range s.files.Open {
		if o.Source == wasi.FromPath && slices.Contains(mounts, o.Mount) {
			return o.Path
		}
	}
	return ""
}

// Size returns the memory of the host that the snapshot keeps, beside its base's.
func (s *Snapshot) Size() quotas.Bytes {
	size := s.memory.Resident()
	if s.tmp != nil {
		size += quotas.Bytes(s.tmp.Usage().Bytes)
	}
	return size
}

// Revive makes one more Close due, and tells whether it can: not where all have been called
// and no instance is on the snapshot any more.
func (s *Snapshot) Revive() bool { return s.memory.Revive() }

// Close gives the snapshot up; instances that began with it go on.
func (s *Snapshot) Close() { s.memory.Release() }

// Restore makes a guest that goes on from the snapshot, with the mounts that it was made
// with, but for a Tmp made of the snapshot's.
func (img *Image) Restore(ctx context.Context, spec Spec, s *Snapshot) (*Instance, error) {
	i, err := img.move(ctx, spec, s)
	if err != nil {
		return nil, err
	}
	if err := i.restored(ctx, i.meter.usage); err != nil {
		i.Close()
		return nil, err
	}
	return i, nil
}

// move makes an instance of a slot, which then has what the snapshot has.
func (img *Image) move(ctx context.Context, spec Spec, s *Snapshot) (*Instance, error) {
	i, err := img.prepare(spec, s.files)
	if err != nil {
		return nil, err
	}
	if i.slot, err = img.slots.take(img, spec.Quota.Memory, spec.Budget); err == nil {
		i.settleIn(ctx, spec)
		err = i.begin(s)
	}
	if err != nil {
		i.Close()
		return nil, fmt.Errorf("instance %s: %w", spec.ID, err)
	}
	return i, nil
}

// begin makes the guest what the snapshot has.
func (i *Instance) begin(s *Snapshot) error {
	if err := i.memory.Map(s.memory); err != nil {
		i.condemned = !errors.As(err, new(*quotas.Exceeded))
		return err
	}
	i.setGlobals(s)
	i.snapshot = s
	i.meter.faults.take()
	return nil
}

// restored lets the guest become one of its own.
func (i *Instance) restored(ctx context.Context, used quotas.Usage) error {
	i.meter.begin(ctx, i.startup(), used, new([]quotas.Limit))
	err := i.call(ctx, func() (abi.Outcome, error) {
		if err := i.guest.Greet(i.ctx); err != nil {
			return 0, err
		}
		return i.guest.Restored(i.ctx, i.hashSeed)
	})
	if err != nil {
		return &LoadError{Report: string(i.exchange.report), Err: err}
	}
	return nil
}

// setGlobals sets what a guest has outside its memory, and what is known of it.
func (i *Instance) setGlobals(s *Snapshot) {
	for n, g := range i.globals {
		g.Set(s.globals[n])
	}
	i.guest.SetBuffer(s.ptr, s.size)
}

// Resettable tells whether Reset can be called.
func (i *Instance) Resettable() bool { return i.snapshot != nil && !i.Condemned() }

// Reset takes the instance back to its snapshot: what the app has done since is gone. Pages
// is how much of its memory was put back, in quotas.ImagePage. No call of it may be
// running. After an error it is condemned.
func (i *Instance) Reset(ctx context.Context) (pages int, err error) {
	condemned := true
	defer func() { i.condemned = condemned }()
	if pages, err = i.takeBack(); err != nil {
		return 0, err
	}
	i.condemned = false
	err = i.restored(ctx, quotas.Usage{})
	condemned = i.condemned || err != nil
	return pages, err
}

// takeBack makes all that the guest has what its snapshot says.
func (i *Instance) takeBack() (pages int, err error) {
	s := i.snapshot
	if pages, err = i.memory.Reset(i.meter.faults.take()); err != nil {
		return 0, err
	}
	if i.tmp != nil {
		i.tmp.Reset()
	}
	if err := i.sandbox.Reset(s.files); err != nil {
		return pages, err
	}
	i.setGlobals(s)
	return pages, nil
}

// Warm lets an instance whose app was imported answer a request, before it becomes a
// snapshot: what the app does at its first requests is then done in all that begin with it.
// What that uses counts with the import. The error is as Serve's; after one the instance may
// be condemned.
func (i *Instance) Warm(ctx context.Context, req *Request, resp Response) error {
	req.Wait = i.meter.exchange
	i.exchange.begin(ctx, req, resp)
	i.meter.begin(ctx, i.startup(), i.meter.usage, i.meter.hits)
	err := i.call(ctx, func() (abi.Outcome, error) { return i.guest.Serve(i.ctx, req.Environ) })
	if i.exchange.err != nil && !errors.As(err, new(*quotas.Exceeded)) {
		err = i.exchange.err
	}
	i.exchange.end()
	return err
}
