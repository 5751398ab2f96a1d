package tenants

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"wasgi/quotas"
)

// kept makes a server keep snapshots as files, with a policy of its own.
func (s *server) kept(p Policy) {
	s.t.Helper()
	s.host.KeepSnapshots, s.host.Policy = true, p
	if err := s.Registry.Close(context.Background()); err != nil {
		s.t.Fatal(err)
	}
	s.Registry = NewRegistry(s.host)
}

// several loads tenants and waits until they are stored.
func (s *server) several(n int) (all []*Tenant) {
	s.t.Helper()
	for i := range n {
		all = append(all, s.load(fmt.Sprintf("t%d", i), fmt.Sprintf("app%d:app", i), fmt.Sprintf("hosts = [\"h%d\"]", i), ""))
	}
	for _, t := range all {
		eventually(s.t, "the snapshot is stored", func() bool {
			_, err := os.Stat(s.Registry.host.store.appFile(t.Name))
			v := t.current.Load()
			v.taking.Lock()
			defer v.taking.Unlock()
			return err == nil && v.own == nil
		})
	}
	return all
}

// asleep closes all instances of the tenants.
func asleep(all []*Tenant) {
	for _, t := range all {
		t.current.Load().pool.DropIdleSince(time.Now())
	}
}

// TestShelfHasABound has tenants whose snapshots do not all have room in memory.
func TestShelfHasABound(t *testing.T) {
	s := newServer(t)
	s.kept(Policy{Memory: quotas.GiB, Snapshots: 3 * quotas.ImagePage})
	all := s.several(8)
	for range 3 {
		asleep(all)
		for i, tenant := range all {
			if got, err := ask(context.Background(), tenant, "+"); got != fmt.Sprintf("app%d:app+", i) || err != nil {
				t.Errorf("tenant %d answers %q, %v", i, got, err)
			}
		}
	}
	got := s.Stats()
	if got.Counts.Builds != 8 || got.Counts.Imported != 8 || got.Counts.FromFile == 0 || got.Tenants != 8 {
		t.Errorf("got %+v, want 8 snapshots built, and read from files then", got)
	}
	asleep(all)
	if used := s.Memory().Used; used > 3*quotas.ImagePage {
		t.Errorf("%v are used while all tenants sleep, more than the shelf may have", used)
	}
	s.closed()
}

// TestShelfGivesWay has guests that need the memory that snapshots take.
func TestShelfGivesWay(t *testing.T) {
	s := newServer(t)
	s.kept(Policy{Memory: 256 * quotas.MiB})
	all := s.several(8)
	asleep(all)
	before := s.Memory().Used
	if before == 0 {
		t.Fatal("no snapshot is kept in memory")
	}
	rest := s.Memory().Limit - before
	if !s.Registry.host.budget.Take(rest + 1) {
		t.Error("the budget does not get what snapshots take")
	}
	s.Registry.host.budget.Give(rest + 1)
	if got := s.Stats().Counts.Evictions; got == 0 {
		t.Error("no eviction is counted")
	}
	for i, tenant := range all {
		if got, err := ask(context.Background(), tenant, "+"); got != fmt.Sprintf("app%d:app+", i) || err != nil {
			t.Errorf("tenant %d answers %q, %v", i, got, err)
		}
	}
	if got := s.Stats().Counts; got.FromFile == 0 || got.Imported != 8 {
		t.Errorf("got %+v, want snapshots read from files", got)
	}
	s.closed()
}

// TestShelfSparesWhatIsUsed gives up a snapshot that an instance is on.
func TestShelfSparesWhatIsUsed(t *testing.T) {
	s := newServer(t)
	s.kept(Policy{})
	tenant := s.several(1)[0]
	flight := fly(t, tenant)
	v := tenant.current.Load()
	s.Registry.host.shelf.drop(v.key)
	if _, err := flight.body.Write([]byte("+")); err != nil {
		t.Fatal(err)
	}
	if got := flight.land(t); got != "app0:app+" {
		t.Errorf("got %q", got)
	}
	s.closed()
}

// closed closes the server and holds that nothing is left in the budget.
func (s *server) closed() {
	s.t.Helper()
	if err := s.Registry.Close(context.Background()); err != nil {
		s.t.Fatal(err)
	}
	if used := s.Memory().Used; used != 0 {
		s.t.Errorf("%v are still taken from the budget", used)
	}
}
