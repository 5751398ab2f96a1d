package wasi

import (
	"context"
	"math"
	"testing"
	"time"
)

// twoGuests calls fn with two guests on each kind of file system that can be
// written.
func twoGuests(t *testing.T, fn func(t *testing.T, a, b *guest)) {
	t.Helper()
	quotaed(t, Quota{}, func(t *testing.T, fs limited) {
		c := Config{Preopens: []Mount{{"/", fs}}}
		fn(t, newGuest(t, c), newGuest(t, c))
	})
}

func TestLocksBetweenSandboxes(t *testing.T) {
	twoGuests(t, func(t *testing.T, a, b *guest) {
		x, y := a.open("f", oflagCreat, true), b.open("f", 0, true)
		a.ok("fd_lock", x, lockRead, 10, 10)
		b.ok("fd_lock", y, lockRead, 15, 0)
		b.want(EAGAIN, "fd_lock", y, lockWrite, 19, 1)
		b.ok("fd_lock", y, lockWrite, 20, 5)
		b.ok("fd_lock_test", y, lockWrite, 0, 0, 64)
		if got := [3]uint64{b.u64(64), b.u64(72), b.u64(80)}; got != [3]uint64{lockRead, 10, 10} {
			t.Errorf("in b's way: %v", got)
		}
		a.ok("fd_lock_test", x, lockRead, 20, 1, 64)
		if got := [3]uint64{a.u64(64), a.u64(72), a.u64(80)}; got != [3]uint64{lockWrite, 20, 5} {
			t.Errorf("in a's way: %v", got)
		}
		a.ok("fd_lock_test", x, lockRead, 25, 0, 64)
		if got := a.u64(64); got != lockNone {
			t.Errorf("in a's way beside it: %v", got)
		}
		a.ok("fd_lock", x, lockNone, 0, 0)
		b.ok("fd_lock", y, lockWrite, 10, 10)
		// What is locked does not keep anyone from writing, or from removing it.
		a.ok("fd_filestat_set_size", x, 5)
		a.ok("path_unlink_file", 3, "f")
		a.want(EAGAIN, "fd_lock", x, lockRead, 10, 1)
		a.ok("fd_close", x)
		b.ok("fd_close", y)
	})
}

// TestLocksEnd has locks end with a descriptor, a renumbering and a sandbox.
func TestLocksEnd(t *testing.T) {
	twoGuests(t, func(t *testing.T, a, b *guest) {
		y := b.open("f", oflagCreat, true)
		first, second := a.open("f", 0, true), a.open("f", 0, false)
		other := a.open("g", oflagCreat, true)
		locked := func(want Errno) {
			t.Helper()
			b.want(want, "fd_lock", y, lockWrite, 0, 0)
			b.ok("fd_lock", y, lockNone, 0, 0)
		}
		a.ok("fd_lock", first, lockWrite, 0, 1)
		a.ok("fd_lock", other, lockWrite, 0, 1)
		locked(EAGAIN)
		a.ok("fd_close", second) // any descriptor of it, as POSIX says
		locked(ESUCCESS)
		a.ok("fd_lock", first, lockWrite, 0, 1)
		a.ok("fd_renumber", other, first)
		locked(ESUCCESS)
		if a.box.owner.held != 1 { // in g, which stayed open
			t.Errorf("a has %d ranges, want 1", a.box.owner.held)
		}
		third := a.open("f", 0, true)
		a.ok("fd_lock", third, lockRead, 5, 1)
		locked(EAGAIN)
		if err := a.box.Close(); err != nil {
			t.Error(err)
		}
		locked(ESUCCESS)
	})
}

func TestLockArguments(t *testing.T) {
	writable(t, func(t *testing.T, g *guest) {
		fd := g.open("f", oflagCreat, true)
		reader := g.open("f", 0, false)
		g.ok("fd_lock", fd, lockRead, uint64(math.MaxInt64), 1)
		g.ok("fd_lock", fd, lockRead, 1, uint64(math.MaxInt64))
		g.want(EOVERFLOW, "fd_lock", fd, lockRead, 2, uint64(math.MaxInt64))
		g.want(EINVAL, "fd_lock", fd, lockRead, uint64(1<<63), 1)
		g.want(EINVAL, "fd_lock", fd, lockRead, 0, uint64(1<<63))
		g.want(EINVAL, "fd_lock", fd, 3, 0, 0)
		g.want(EINVAL, "fd_lock_test", fd, lockNone, 0, 0, 0)
		g.want(EBADF, "fd_lock", 99, lockRead, 0, 0)
		g.want(EISDIR, "fd_lock", 3, lockRead, 0, 0)
		g.want(ESPIPE, "fd_lock", 1, lockRead, 0, 0)
		g.want(EFAULT, "fd_lock_test", fd, lockRead, 0, 0, g.mem.Size()-23)
		g.ok("fd_lock", reader, lockRead, 0, 0)
		g.want(ENOTCAPABLE, "fd_lock", reader, lockWrite, 0, 0)
		g.want(ENOTCAPABLE, "fd_lock_test", reader, lockWrite, 0, 0, 0)
		g.ok("fd_lock", reader, lockNone, 0, 0)
	})
}

// TestLockWhereNobodyWrites reads a file that cannot change.
func TestLockWhereNobodyWrites(t *testing.T) {
	g := newGuest(t, Config{Mounts: []Mount{{"/lib", archiveOf(t, "f=x")}}})
	fd := g.open("lib/f", 0, false)
	g.ok("fd_lock", fd, lockRead, 0, 0)
	g.ok("fd_lock_test", fd, lockRead, 0, 0, 64)
	if got := g.u64(64); got != lockNone {
		t.Errorf("in the way: %v", got)
	}
	g.ok("fd_lock", fd, lockNone, 0, 0)
	g.ok("fd_close", fd)
}

// TestLockWait sleeps for a lock that comes, for one that does not, for none
// and after the end.
func TestLockWait(t *testing.T) {
	twoGuests(t, func(t *testing.T, a, b *guest) {
		x, y := a.open("f", oflagCreat, true), b.open("f", 0, true)
		defer a.ok("fd_close", x)
		a.ok("fd_lock", x, lockWrite, 0, 0)
		begun := time.Now()
		b.ok("lock_wait", int(time.Millisecond)) // refused nothing
		b.want(EAGAIN, "fd_lock", y, lockWrite, 5, 1)
		b.ok("lock_wait", int(time.Millisecond))
		b.ok("lock_wait", 0)
		if took := time.Since(begun); took < 2*time.Millisecond {
			t.Errorf("slept %v, want 2 ms", took)
		}
		freed := make(chan struct{})
		time.AfterFunc(20*time.Millisecond, func() {
			defer close(freed)
			a.ok("fd_lock", x, lockNone, 5, 1)
		})
		b.ok("lock_wait", int(time.Hour))
		<-freed
		b.ok("fd_lock", y, lockWrite, 5, 1)
		b.want(EINVAL, "lock_wait", uint64(1<<63))
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		b.box.SetContext(ctx)
		b.want(EINTR, "lock_wait", int(time.Hour))
		b.ok("fd_close", y)
	})
}
