package runtime

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"wasgi/abi"
	"wasgi/quotas"
)

// stateOf returns all that a guest has in its slot: memory and globals.
func stateOf(t *testing.T, i *Instance) (memory []byte, globals []uint64) {
	t.Helper()
	for _, g := range i.globals {
		globals = append(globals, g.Get())
	}
	return slices.Clone(view(t, i)), globals
}

// tenantsOf makes n tenants' snapshots, each with memory of its own size.
func tenantsOf(t *testing.T, img *Image, n int) (specs []Spec, all []*Snapshot) {
	t.Helper()
	for k := range n {
		spec := Spec{ID: string(rune('a' + k)), Quota: quotaOf(quotas.Bytes(8+4*k) * quotas.PageSize), Budget: quotas.NewBudget(quotas.GiB, nil)}
		i, err := img.NewInstance(context.Background(), spec)
		if err != nil {
			t.Fatal(err)
		}
		if err := i.Load(context.Background(), (&script{}).do(opGrow, uint32(1+2*k)).end(abi.OutcomeOK).message()); err != nil {
			t.Fatal(err)
		}
		s, err := i.Snapshot(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		i.Close()
		specs, all = append(specs, spec), append(all, s)
	}
	return specs, all
}

func TestSlotsMoveBetweenTenants(t *testing.T) {
	img := loadImage(t, scripted(t))
	specs, all := tenantsOf(t, img, 3)
	img.slots.ready = 0 // all that are free have had a guest
	memories, globals := make([][]byte, len(all)), make([][]uint64, len(all))
	for k, s := range all { // what each is in a slot that had no guest
		fresh := loadImage(t, scripted(t))
		i, err := fresh.Restore(context.Background(), specs[k], s)
		if err != nil {
			t.Fatal(err)
		}
		memories[k], globals[k] = stateOf(t, i)
		i.Close()
	}
	used := map[*slot]int{}
	for n := range 300 {
		k := n * 7 % len(all)
		i, err := img.Restore(context.Background(), specs[k], all[k])
		if err != nil {
			t.Fatal(err)
		}
		used[i.slot]++
		if m, g := stateOf(t, i); !slices.Equal(m, memories[k]) || !slices.Equal(g, globals[k]) {
			t.Fatalf("after %d moves tenant %s begins with another state", n, specs[k].ID)
		}
		if left := i.memory.Limit(); left != specs[k].Quota.Memory {
			t.Errorf("tenant %s may have %v of memory, want %v", specs[k].ID, left, specs[k].Quota.Memory)
		}
		ask(t, i)
		i.Close()
		i.Close() // which does nothing
		if got := specs[k].Budget.Stats().Used; got != 0 {
			t.Fatalf("%v are still taken from the budget", got)
		}
	}
	if len(used) > 3 {
		t.Errorf("%d slots were made", len(used))
	}
}

func TestSlotsOfCondemnedInstancesAreClosed(t *testing.T) {
	img := loadImage(t, scripted(t))
	specs, all := tenantsOf(t, img, 1)
	img.slots.ready = 0
	seen := map[*slot]bool{}
	for _, op := range []uint32{opTrap, opExit} {
		for range 3 {
			i, err := img.Restore(context.Background(), specs[0], all[0])
			if err != nil {
				t.Fatal(err)
			}
			if seen[i.slot] {
				t.Error("a slot in which a guest broke has another")
			}
			seen[i.slot] = true
			req := &Request{Environ: (&script{}).do(op).end(abi.OutcomeOK).message()}
			if err := i.Serve(context.Background(), req, &answer{}); err == nil || !i.Condemned() {
				t.Errorf("step %d: %v", op, err)
			}
			s := i.slot
			i.Close()
			if !s.mod.IsClosed() {
				t.Error("its slot is not closed")
			}
		}
	}
}

func TestFreeSlotsAreFew(t *testing.T) {
	img := loadImage(t, scripted(t))
	specs, all := tenantsOf(t, img, 1)
	free := func() int {
		img.slots.mu.Lock()
		defer img.slots.mu.Unlock()
		for _, s := range img.slots.free {
			if n := s.memory.Committed(); n != 0 {
				t.Errorf("a free slot holds %v", n)
			}
		}
		return len(img.slots.free)
	}
	var open []*Instance
	for range img.slots.most + 5 {
		i, err := img.Restore(context.Background(), specs[0], all[0])
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, i)
	}
	for end := time.Now().Add(patience); free() < img.slots.ready; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d slots are free, want %d", free(), img.slots.ready)
		}
	}
	for _, i := range open {
		i.Close()
	}
	if got := free(); got != img.slots.most {
		t.Errorf("%d slots are free in the end, want %d", got, img.slots.most)
	}
}

// A snapshot that does not fit takes nothing, and breaks nothing.
func TestSlotsOfGuestsThatHaveNoRoom(t *testing.T) {
	img := loadImage(t, scripted(t))
	specs, all := tenantsOf(t, img, 2)
	img.slots.ready = 0
	small, poor := specs[0], specs[1]
	small.Quota.Memory = all[1].memory.Size() - quotas.PageSize
	poor.Budget = quotas.NewBudget(quotas.PageSize, nil)
	for _, spec := range []Spec{small, poor} {
		before := len(img.slots.free)
		i, err := img.Restore(context.Background(), spec, all[1])
		if over := new(quotas.Exceeded); !errors.As(err, &over) || over.Limit != quotas.LimitMemory {
			t.Fatalf("%v, %v", i, err)
		}
		if got := len(img.slots.free); got != before {
			t.Errorf("%d slots are free, want %d", got, before)
		}
	}
	i, err := img.Restore(context.Background(), specs[1], all[1])
	if err != nil {
		t.Fatal(err)
	}
	i.Close()
}

func TestImageClosesItsSlots(t *testing.T) {
	img, err := LoadImage(context.Background(), ImageConfig{Wasm: scripted(t)})
	if err != nil {
		t.Fatal(err)
	}
	specs, all := tenantsOf(t, img, 1)
	i, err := img.Restore(context.Background(), specs[0], all[0])
	if err != nil {
		t.Fatal(err)
	}
	img.slots.close()
	s := i.slot
	i.Close()
	if !s.mod.IsClosed() {
		t.Error("a slot that comes back late is kept")
	}
	img.slots.fill()
	if len(img.slots.free) != 0 {
		t.Error("there are slots after close")
	}
	if err := img.Close(context.Background()); err != nil {
		t.Error(err)
	}
}
