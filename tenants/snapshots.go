package tenants

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"wasgi/quotas"
	"wasgi/runtime"
	"wasgi/wasi"
)

// snapshots is where a version's snapshot is: with the version until it is stored, if it can
// be; from then on it is a file, and on the server's shelf for as long as it is worth it.
// The version's taking is held to use it.
type snapshots struct {
	key     uint64            // on the shelf
	last    *runtime.Snapshot // that was used: it can be revived for as long as somebody has it
	own     *runtime.Snapshot // that the version keeps itself
	taken   quotas.Bytes      // from the budget, for own
	apart   atomic.Bool       // there can be none
	storing sync.WaitGroup

	warnings []string // for the app's author, that came of making the snapshot
}

// make makes an instance of the version's snapshot, or, where there can be none, one that
// imports the app for itself. A snapshot whose files cannot be opened any more is made anew.
func (v *version) make(ctx context.Context) (*runtime.Instance, error) {
	for again := false; ; again = true {
		s, base, err := v.snapshot(ctx)
		if err != nil {
			return nil, err
		}
		if s == nil {
			return v.load(ctx, base, true)
		}
		i, err := v.tenant.host.Image.Restore(ctx, v.spec(s.Tmp()), s)
		s.Close()
		if again || !errors.As(err, new(*wasi.DescriptorError)) {
			return i, err
		}
		v.spoil(s, err)
	}
}

// snapshot returns the snapshot, which the caller closes: the one in memory, or in a file, or
// a new one. Where there can be none it is nil, and instances begin with base. Who asks while
// it is made waits for it: an app is imported once.
func (v *version) snapshot(ctx context.Context) (s, base *runtime.Snapshot, err error) {
	v.taking.Lock()
	defer v.taking.Unlock()
	if v.last != nil && v.last.Revive() {
		v.tenant.counts.fromMemory.Add(1)
		v.shelve(v.last)
		return v.last, nil, nil
	}
	if err := v.open(); err != nil {
		return nil, nil, err
	}
	h := v.tenant.host
	if base, err = h.base.take(ctx, h); err != nil || v.apart.Load() {
		return nil, base, err
	}
	if s, err = v.read(base); s != nil || err != nil {
		return s, base, err
	}
	s, err = v.build(ctx, base)
	return s, base, err
}

// read returns the stored snapshot, nil where there is none of the version.
func (v *version) read(base *runtime.Snapshot) (*runtime.Snapshot, error) {
	o, err := v.origin(base)
	if err != nil {
		return nil, err
	}
	h, name := v.tenant.host, v.tenant.Name
	s := h.store.read(h.Image, name, h.store.appFile(name), o, base)
	if s == nil {
		return nil, nil
	}
	v.tenant.counts.fromFile.Add(1)
	v.last = s
	v.shelve(s)
	return s, nil
}

// isStored tells whether a snapshot of the version is in memory, or in a file.
func (v *version) isStored(ctx context.Context) bool {
	h := v.tenant.host
	if h.store == nil {
		return false
	}
	v.taking.Lock()
	defer v.taking.Unlock()
	if v.look() != nil || v.apart.Load() {
		return false
	}
	base, err := h.base.take(ctx, h)
	if err != nil {
		return false
	}
	o, err := v.origin(base)
	return err == nil && h.store.has(h.Image, h.store.appFile(v.tenant.Name), o, base)
}

// build imports the app and returns the snapshot of that, nil where there can be none.
func (v *version) build(ctx context.Context, base *runtime.Snapshot) (*runtime.Snapshot, error) {
	i, err := v.loadClean(ctx, base)
	if err == nil && !v.warm(ctx, i) {
		i.Close()
		i, err = v.load(ctx, base, false)
	}
	if err != nil {
		return nil, err
	}
	defer i.Close()
	s, err := v.take(ctx, i)
	if err != nil {
		v.apart.Store(true)
		v.warned("each instance imports the app for itself: " + err.Error())
		return nil, nil
	}
	if v.tenant.host.store != nil {
		v.storing.Go(func() { v.keep(s, base) })
	}
	return s, nil
}

// manyCompiled is from how many files and folders of new bytecode on an app is imported again.
const manyCompiled = 20

// loadClean imports the app, and where it had to be compiled, again in another instance, from
// its bytecode: what compiling leaves in memory makes a framework's snapshot a fifth larger,
// and each first request slower by that. Where that fails the first instance is as good.
func (v *version) loadClean(ctx context.Context, base *runtime.Snapshot) (*runtime.Instance, error) {
	before := v.tenant.files.cache.Usage().Inodes
	i, err := v.load(ctx, base, false)
	if err != nil || v.tenant.files.cache.Usage().Inodes < before+manyCompiled {
		return i, err
	}
	again, err := v.load(ctx, base, false)
	if err != nil {
		return i, nil
	}
	i.Close()
	return again, nil
}

// take makes the snapshot of an instance, which is not used any more.
func (v *version) take(ctx context.Context, i *runtime.Instance) (*runtime.Snapshot, error) {
	s, err := i.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	size := s.Size()
	if !v.tenant.host.budget.Take(size) {
		s.Close()
		return nil, fmt.Errorf("all guests together leave no %v", size)
	}
	for _, w := range s.Warnings {
		v.warned(w)
	}
	v.tenant.counts.builds.Add(1)
	v.last, v.own, v.taken = s, s, size
	s.Revive()
	return s, nil
}

// warned writes what the app's author should know into the tenant's log, and keeps it. The
// caller holds taking.
func (v *version) warned(line string) {
	v.warnings = append(v.warnings, line)
	v.tenant.journal.write("", "snapshot", line)
}

// keep stores a snapshot that was made. Once it is, the version does not keep it itself.
func (v *version) keep(s, base *runtime.Snapshot) {
	if !v.store(s, base) {
		return
	}
	v.taking.Lock()
	defer v.taking.Unlock()
	if v.own == s {
		s.Revive()
		v.drop()
		v.shelve(s)
		s.Close()
	}
}

// store stores a snapshot, and tells whether it could.
func (v *version) store(s, base *runtime.Snapshot) bool {
	h, file := v.tenant.host, v.tenant.host.store.appFile(v.tenant.Name)
	if open := s.OpenIn("/data", "/var/cache/python"); open != "" {
		v.tenant.journal.write("", "snapshot", "the next start imports the app again: "+open+" is open, and may be another file then")
		return false
	}
	if v.changed() {
		return false // nobody knows which files were imported
	}
	o, err := v.origin(base)
	if err == nil {
		err = h.store.write(file, s, o)
	}
	if err != nil {
		h.Log.Warn("snapshot not stored", "tenant", v.tenant.Name, "file", file, "error", err)
	}
	return err == nil
}

// shelve keeps a snapshot in memory that is also a file. The caller holds taking.
func (v *version) shelve(s *runtime.Snapshot) {
	if v.own != nil {
		return
	}
	unused := func() bool { return v.pool.Stats().Open == 0 }
	v.tenant.host.shelf.keep(shelved{key: v.key, snapshot: s, unused: unused, counts: &v.tenant.counts})
}

// spoil gives up a snapshot that cannot be used, wherever it is.
func (v *version) spoil(s *runtime.Snapshot, why error) {
	v.taking.Lock()
	defer v.taking.Unlock()
	if v.last != s {
		return // there is another already
	}
	h := v.tenant.host
	LogError(h.Log, "snapshot not used: it is made anew", v.tenant.Name, why)
	h.store.remove(h.store.appFile(v.tenant.Name))
	v.last = nil
	v.drop()
	h.shelf.drop(v.key)
}

// drop gives up the snapshot that the version keeps itself. The caller holds taking.
func (v *version) drop() {
	if v.own != nil {
		v.tenant.host.budget.Give(v.taken)
		v.own.Close()
		v.own = nil
	}
}

// end gives up all that instances would be made of: there are none any more.
func (v *version) end() {
	v.storing.Wait()
	v.taking.Lock()
	defer v.taking.Unlock()
	v.drop()
	v.tenant.host.shelf.drop(v.key)
	if v.root != nil {
		v.root.Close()
	}
}
