package quotas

import (
	"testing"
)

func TestBudgetOnBothSides(t *testing.T) {
	b := NewBudget(10*MiB, nil)
	if !b.Take(10*MiB) || b.Take(1) {
		t.Error("want all of it, and not a byte more")
	}
	b.Give(MiB)
	if !b.Take(MiB) || b.Take(1) {
		t.Error("want what was given back, and not a byte more")
	}
	if got, want := b.Stats(), (BudgetStats{10 * MiB, 10 * MiB, 10 * MiB}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestBudgetReducesBeforeItRefuses(t *testing.T) {
	var b *Budget
	idle := 3
	b = NewBudget(10*MiB, func() bool {
		if idle == 0 {
			return false
		}
		idle--
		b.Give(2 * MiB)
		return true
	})
	b.Take(10 * MiB)
	if !b.Take(3*MiB) || idle != 1 {
		t.Errorf("%d idle ones are left, want 1", idle)
	}
	if b.Take(11*MiB) || idle != 1 {
		t.Errorf("for more than there can be, idle ones were given up: %d left", idle)
	}
	if b.Take(10*MiB) || idle != 0 {
		t.Errorf("%d idle ones are left, want 0", idle)
	}
}

func TestNoBudgetHasNoEnd(t *testing.T) {
	var b *Budget
	if !b.Take(1 << 60) {
		t.Error("refused")
	}
	b.Give(1 << 60)
}

func TestMemoryIsTakenFromTheBudget(t *testing.T) {
	b := NewBudget(MiB, nil)
	m, err := NewMemory(PageSize, 2*MiB, b)
	if err != nil {
		t.Fatal(err)
	}
	if m.Reallocate(uint64(MiB)) == nil || m.Reallocate(uint64(MiB+PageSize)) != nil {
		t.Error("want memory up to the budget and not beyond")
	}
	if m.Refused() != 1 || m.Committed() != MiB || b.Stats().Used != MiB {
		t.Errorf("refused %d, committed %v, used %v", m.Refused(), m.Committed(), b.Stats().Used)
	}
	if _, err := NewMemory(PageSize, MiB, b); err == nil {
		t.Error("memory beyond the budget is given")
	}
	m.Free()
	m.Free()
	if got := b.Stats().Used; got != 0 {
		t.Errorf("%v is still taken after Free", got)
	}
}
