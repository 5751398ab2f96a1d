package wasi

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// lockers returns n owners of locks on one file: the first half of them in one
// table, the others in another, as if in a second process.
func lockers(t testing.TB, n int) []locker {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f")
	tables := make([]*lockTable, 2)
	for i := range tables {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		tables[i] = &lockTable{host: f}
	}
	var list []locker
	for i := range n {
		list = append(list, locker{tables[i*2/n], &lockOwner{}})
	}
	return list
}

// locker is an owner and the table it locks in.
type locker struct {
	*lockTable
	owner *lockOwner
}

func (l locker) read(first, last int64) Errno  { return l.lock(l.owner, span{first, last, false}) }
func (l locker) write(first, last int64) Errno { return l.lock(l.owner, span{first, last, true}) }
func (l locker) none(first, last int64) Errno  { return l.unlock(l.owner, span{first, last, false}) }

// TestLockMatrix has one of two owners, in one process or in two, lock what the
// other has.
func TestLockMatrix(t *testing.T) {
	all := lockers(t, 4)
	for name, pair := range map[string][2]locker{"one table": {all[0], all[1]}, "two processes": {all[0], all[2]}} {
		for _, had := range []bool{false, true} {
			for _, wanted := range []bool{false, true} {
				a, b := pair[0], pair[1]
				if errno := a.lock(a.owner, span{10, 19, had}); errno != ESUCCESS {
					t.Fatal(errno)
				}
				want := ESUCCESS
				if had || wanted {
					want = EAGAIN
				}
				for _, at := range [][2]int64{{10, 19}, {0, 10}, {19, math.MaxInt64}, {12, 13}, {0, math.MaxInt64}} {
					if got := b.lock(b.owner, span{at[0], at[1], wanted}); got != want {
						t.Errorf("%s: lock %v of 10 to 19, then %v of %v: %v, want %v", name, had, wanted, at, got, want)
					}
					b.release(b.owner)
					blocking, found, errno := b.test(b.owner, span{at[0], at[1], wanted})
					if errno != ESUCCESS || found != (want == EAGAIN) || found && blocking != (span{10, 19, had}) {
						t.Errorf("%s: test: %v, %v, %v", name, blocking, found, errno)
					}
				}
				for _, at := range [][2]int64{{0, 9}, {20, math.MaxInt64}} {
					if got := b.lock(b.owner, span{at[0], at[1], wanted}); got != ESUCCESS {
						t.Errorf("%s: lock of %v beside it: %v", name, at, got)
					}
				}
				a.release(a.owner)
				b.release(b.owner)
			}
		}
	}
}

// TestLockSplitsAndJoins looks at what an owner has after each step.
func TestLockSplitsAndJoins(t *testing.T) {
	l := locker{&lockTable{}, &lockOwner{}}
	tests := []struct {
		do   func(first, last int64) Errno
		at   [2]int64
		want []span
	}{
		{l.write, [2]int64{10, 19}, []span{{10, 19, true}}},
		{l.none, [2]int64{13, 14}, []span{{10, 12, true}, {15, 19, true}}},
		{l.read, [2]int64{13, 13}, []span{{10, 12, true}, {13, 13, false}, {15, 19, true}}},
		{l.write, [2]int64{13, 14}, []span{{10, 19, true}}},
		{l.read, [2]int64{12, 15}, []span{{10, 11, true}, {12, 15, false}, {16, 19, true}}},
		{l.read, [2]int64{16, math.MaxInt64}, []span{{10, 11, true}, {12, math.MaxInt64, false}}},
		{l.read, [2]int64{0, 11}, []span{{0, math.MaxInt64, false}}},
		{l.none, [2]int64{5, math.MaxInt64}, []span{{0, 4, false}}},
		{l.none, [2]int64{100, 200}, []span{{0, 4, false}}},
		{l.none, [2]int64{0, math.MaxInt64}, nil},
	}
	for i, test := range tests {
		errno := test.do(test.at[0], test.at[1])
		if got := l.owners[l.owner]; errno != ESUCCESS || !slices.Equal(got, test.want) || l.owner.held != len(got) {
			t.Errorf("step %d: %v, has %v (%d), want %v", i, errno, got, l.owner.held, test.want)
		}
	}
	if len(l.owners) != 0 {
		t.Errorf("an owner of nothing is kept: %v", l.owners)
	}
}

// TestLockBound takes as many ranges as there can be, in two files.
func TestLockBound(t *testing.T) {
	owner := &lockOwner{}
	a, b := locker{&lockTable{}, owner}, locker{&lockTable{}, owner}
	for i := range int64(maxLocks / 2) {
		for _, l := range []locker{a, b} {
			if errno := l.write(i*10, i*10+4); errno != ESUCCESS {
				t.Fatalf("lock %d: %v", i, errno)
			}
		}
	}
	if a.write(100_000, 100_000) != ENOLCK || b.none(2, 2) != ENOLCK || b.read(2, 2) != ENOLCK {
		t.Errorf("an owner of %d ranges got more", owner.held)
	}
	if errno := a.write(0, 9); errno != ESUCCESS { // joins nothing, adds nothing
		t.Error(errno)
	}
	if errno := a.write(0, 19); errno != ESUCCESS {
		t.Error(errno)
	}
	if errno := b.none(2, 2); errno != ESUCCESS {
		t.Error(errno)
	}
	a.release(owner)
	b.release(owner)
	if owner.held != 0 || len(a.owners)+len(b.owners) != 0 {
		t.Errorf("released, and has %d ranges", owner.held)
	}
}

// lockModel is who has what locked, byte by byte.
type lockModel [4][32]uint8 // by owner and byte: lockRead+1, lockWrite+1 or 0

// set does what lock and unlock should.
func (m *lockModel) set(o int, typ uint8, first, last int64) Errno {
	for other := range m {
		for at := first; at <= last && other != o; at++ {
			if had := m[other][at]; typ != lockNone && had != 0 && (had == lockWrite+1 || typ == lockWrite) {
				return EAGAIN
			}
		}
	}
	for at := first; at <= last; at++ {
		m[o][at] = (typ + 1) % (lockNone + 1)
	}
	return ESUCCESS
}

// step does one step on all and on m and says how they differ.
func (m *lockModel) step(all []locker, o int, typ uint8, first, last int64) error {
	l, s := all[o], span{first, last, typ == lockWrite}
	if last == int64(len(m[o]))-1 {
		s.last = math.MaxInt64
	}
	probe := *m
	_, blocked, _ := l.test(l.owner, s)
	if typ != lockNone && blocked != (probe.set(o, typ, first, last) == EAGAIN) {
		return fmt.Errorf("test by %d of type %d at %d to %d says %v", o, typ, first, last, blocked)
	}
	got := ESUCCESS
	switch typ {
	case lockNone:
		got = l.unlock(l.owner, s)
	default:
		got = l.lock(l.owner, s)
	}
	if want := m.set(o, typ, first, last); got != want {
		return fmt.Errorf("%d of type %d at %d to %d: %v, want %v", o, typ, first, last, got, want)
	}
	return m.compare(all)
}

// compare says how what all have differs from m.
func (m *lockModel) compare(all []locker) error {
	for o, l := range all {
		var has [32]uint8
		list := l.owners[l.owner]
		for i, s := range list {
			if i > 0 && (s.first <= list[i-1].last || joins(list[i-1], s)) {
				return fmt.Errorf("owner %d has %v", o, list)
			}
			for at := s.first; at <= min(s.last, 31); at++ {
				has[at] = lockRead + 1
				if s.write {
					has[at] = lockWrite + 1
				}
			}
		}
		if has != m[o] || l.owner.held != len(list) {
			return fmt.Errorf("owner %d has %v, want %v", o, has, m[o])
		}
	}
	return nil
}

// program does the steps that input says, two bytes each.
func (m *lockModel) program(t *testing.T, all []locker, input []byte) {
	t.Helper()
	for ; len(input) >= 2; input = input[2:] {
		o, typ := int(input[0]&3), input[0]>>2%4
		first, last := int64(input[1]&31), int64(input[1]&31)+int64(input[0]>>4)
		if typ > lockNone { // the sandbox closes the file
			all[o].release(all[o].owner)
			m[o] = [32]uint8{}
			continue
		}
		if err := m.step(all, o, typ, first, min(last, 31)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLockModel compares random steps of two sandboxes in each of two
// processes with a model.
func TestLockModel(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	all := lockers(t, 4)
	input := make([]byte, 200_000)
	for i := range input {
		input[i] = byte(rnd.Uint32())
	}
	new(lockModel).program(t, all, input)
}

// FuzzLocks is TestLockModel with any steps.
func FuzzLocks(f *testing.F) {
	f.Add([]byte{0x40, 3, 0x51, 4, 0x08, 9})
	f.Fuzz(func(t *testing.T, input []byte) {
		new(lockModel).program(t, lockers(t, 4), input[:min(len(input), 2000)])
	})
}

// TestLockExcludes has many sandboxes count in one file under a lock.
func TestLockExcludes(t *testing.T) {
	quotaed(t, Quota{}, func(t *testing.T, fs limited) {
		const rounds = 500
		count := 0 // what the lock guards: the race detector would tell
		var wg sync.WaitGroup
		for range 4 {
			box, err := New(Config{Preopens: []Mount{{"/", fs}}})
			if err != nil {
				t.Fatal(err)
			}
			wg.Go(func() {
				for range rounds {
					f, errno := fs.Open("f", OpenWrite|OpenCreate)
					if errno != ESUCCESS {
						t.Error(errno)
						return
					}
					d := &descriptor{file: f}
					for d.locks().lock(&box.owner, span{0, 9, true}) != ESUCCESS {
					}
					count++
					d.close(&box.owner)
				}
			})
		}
		wg.Wait()
		if count != 4*rounds {
			t.Errorf("counted to %d, want %d", count, 4*rounds)
		}
	})
}

// TestLockQueue has four owners want what a fifth has.
func TestLockQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := &lockTable{}
		var all []locker
		for range 5 {
			all = append(all, locker{table, &lockOwner{}})
		}
		a, b, c, d, e := all[0], all[1], all[2], all[3], all[4]
		a.write(0, 9)
		wake := map[string]<-chan struct{}{}
		for _, l := range []struct {
			name string
			locker
		}{{"b", b}, {"c", c}, {"d", d}} {
			l.write(5, 5)
			wake[l.name], _ = l.owner.wait()
			time.Sleep(time.Millisecond)
		}
		woken := func(want string) {
			t.Helper()
			got := ""
			for _, name := range []string{"b", "c", "d"} {
				select {
				case <-wake[name]:
					got += name
				default:
				}
			}
			if got != want {
				t.Errorf("%q were woken, want %q", got, want)
			}
		}
		woken("")
		a.none(6, 9)
		woken("")
		a.none(5, 5)
		woken("b")
		// It is kept for b, but only that, and not for long.
		if a.write(5, 5) != EAGAIN || a.read(5, 5) != EAGAIN || a.write(6, 6) != ESUCCESS || e.write(5, 5) != EAGAIN {
			t.Error("what is kept for one is not what another is refused")
		}
		if b.read(0, 0) != EAGAIN || b.write(5, 5) != ESUCCESS {
			t.Error("who was woken gets something else than it was woken for")
		}
		b.release(b.owner)
		woken("bc")
		time.Sleep(grantTime + 1)
		if errno := e.write(5, 5); errno != ESUCCESS {
			t.Errorf("kept for one that does not come: %v", errno)
		}
		e.release(e.owner)
		woken("bcd")
		d.release(d.owner)
		if len(table.queue) != 0 {
			t.Errorf("in the queue is %v", table.queue)
		}
	})
}

// TestLockQueueKeepsThePlace has one come back from time to time, as SQLite
// does, and a second that came later stay.
func TestLockQueueKeepsThePlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := &lockTable{}
		a, b, c := locker{table, &lockOwner{}}, locker{table, &lockOwner{}}, locker{table, &lockOwner{}}
		a.write(0, 0)
		b.write(0, 0)
		time.Sleep(time.Millisecond)
		c.read(0, 0)
		second, _ := c.owner.wait()
		for range 10 {
			_, done := b.owner.wait()
			time.Sleep(100 * time.Millisecond)
			done()
			b.write(0, 0)
		}
		first, _ := b.owner.wait()
		a.release(a.owner)
		select {
		case <-first:
		default:
			t.Error("who came first is not woken")
		}
		select {
		case <-second:
			t.Error("who came second is woken too")
		default:
		}
		if b.write(0, 0) != ESUCCESS || len(table.queue) != 1 || b.owner.refused != (refusal{}) {
			t.Errorf("b does not get its lock, or waits on: %v", table.queue)
		}
	})
}

// TestReadersAreWokenTogether has two readers wait for a writer.
func TestReadersAreWokenTogether(t *testing.T) {
	table := &lockTable{}
	a, b, c := locker{table, &lockOwner{}}, locker{table, &lockOwner{}}, locker{table, &lockOwner{}}
	a.write(0, 0)
	b.read(0, 0)
	c.read(0, 0)
	first, _ := b.owner.wait()
	second, _ := c.owner.wait()
	a.read(0, 0) // it gives up writing only
	<-first
	<-second
}
