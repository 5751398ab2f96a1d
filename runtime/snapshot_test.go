package runtime

import (
	"context"
	"slices"
	"testing"

	"wasgi/abi"
	"wasgi/quotas"
	"wasgi/wasi"
)

// snapshot imports an app that leaves its mark in memory, and returns what others begin
// with.
func snapshot(t *testing.T, img *Image, spec Spec) *Snapshot {
	t.Helper()
	i, err := img.NewInstance(context.Background(), spec)
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	if err := i.Load(context.Background(), (&script{}).do(opGrow, 1).end(abi.OutcomeOK).message()); err != nil {
		t.Fatal(err)
	}
	s, err := i.Snapshot(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// ask has an instance answer with what its memory has where the first step of a request
// stands, and then changes all there is.
func ask(t *testing.T, i *Instance) []abi.Error {
	t.Helper()
	req := &Request{Environ: (&script{}).do(opGrow, 1).start("200 OK").write("x", 1).end(abi.OutcomeOK).message()}
	if err := i.Serve(context.Background(), req, &answer{}); err != nil {
		t.Fatal(err)
	}
	return (&guest{Instance: i, t: t}).answers(3)
}

func TestInstancesBeginWithASnapshot(t *testing.T) {
	img := loadImage(t, scripted(t))
	spec := Spec{ID: "a", Quota: quotaOf(8 * quotas.PageSize), Budget: quotas.NewBudget(quotas.GiB, nil)}
	s := snapshot(t, img, spec)
	for range 3 {
		i, err := img.Restore(context.Background(), spec, s)
		if err != nil {
			t.Fatal(err)
		}
		// It has grown by a page in the import, so there are three.
		if got := ask(t, i); !slices.Equal(got, []abi.Error{3, 0, 0}) {
			t.Errorf("the host answered %d", got)
		}
		i.Close()
	}
	if got := spec.Budget.Stats().Used; got != 0 {
		t.Errorf("%v are still taken from the budget", got)
	}
}

func TestResetTakesAnInstanceBack(t *testing.T) {
	img := loadImage(t, scripted(t))
	tmp := wasi.NewTmp(wasi.Quota{Bytes: 1 << 20, Inodes: 10})
	spec := Spec{ID: "a", Quota: quotaOf(8 * quotas.PageSize), Tmp: tmp, Mounts: []wasi.Mount{{Path: "/tmp", FS: tmp}}}
	s := snapshot(t, img, spec)
	spec.Tmp = wasi.NewTmpFrom(wasi.Quota{Bytes: 1 << 20, Inodes: 10}, s.Tmp())
	spec.Mounts = []wasi.Mount{{Path: "/tmp", FS: spec.Tmp}}
	i, err := img.Restore(context.Background(), spec, s)
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	before := slices.Clone(view(t, i))
	for range 100 {
		if got := ask(t, i); got[0] != 3 {
			t.Fatalf("it begins with %d pages, want 3", got[0])
		}
		if !i.Resettable() {
			t.Fatal("it cannot be reset")
		}
		if _, err := i.Reset(context.Background()); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(view(t, i), before) {
			t.Fatal("its memory is not what it was")
		}
	}
}

// view returns all memory of an instance.
func view(t *testing.T, i *Instance) []byte {
	t.Helper()
	mem := i.mod.Memory()
	b, ok := mem.Read(0, mem.Size())
	if !ok {
		t.Fatal("its memory cannot be read")
	}
	return b
}

func TestAPoolOfFreshInstances(t *testing.T) {
	img := loadImage(t, scripted(t))
	spec := Spec{ID: "a", Quota: quotaOf(8 * quotas.PageSize)}
	s := snapshot(t, img, spec)
	made := 0
	p := NewPool(PoolConfig{Max: 1, Fresh: true, New: func(ctx context.Context) (*Instance, error) {
		made++
		return img.Restore(ctx, spec, s)
	}})
	for range 10 {
		i, err := p.Acquire(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if got := ask(t, i); got[0] != 3 {
			t.Errorf("it begins with %d pages, want 3", got[0])
		}
		p.Release(i)
	}
	p.Close()
	<-p.Closed()
	if made != 1 {
		t.Errorf("%d instances were made, want one", made)
	}
}
