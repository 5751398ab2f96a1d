package runtime

import (
	"context"
	"errors"
	"math/rand/v2"
	goruntime "runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"wasgi/wasi"
)

// patience is how long a test waits for what must happen.
const patience = 10 * time.Second

// workshop makes instances for a pool and counts them. They have no guest.
type workshop struct {
	t      *testing.T
	pool   *Pool
	made   atomic.Int64
	closed atomic.Int64
	open   atomic.Int64  // made and not closed, or being made
	most   atomic.Int64  // of open, ever
	gate   chan struct{} // where not nil, New waits for a value, or for its context
	fail   atomic.Pointer[error]
}

// newPool returns a pool and its workshop. When the test ends the pool is closed, and
// must be empty then.
func newPool(t *testing.T, cfg PoolConfig, gate chan struct{}) *workshop {
	t.Helper()
	before := goruntime.NumGoroutine()
	w := &workshop{t: t, gate: gate}
	cfg.New = w.make
	w.pool = NewPool(cfg)
	t.Cleanup(func() {
		w.pool.Close()
		w.pool.Close()
		select {
		case <-w.pool.Closed():
		case <-time.After(patience):
			t.Fatalf("the pool does not get empty: %+v", w.pool.Stats())
		}
		if s := w.pool.Stats(); s != (PoolStats{}) {
			t.Errorf("an empty pool has %+v", s)
		}
		if made, closed := w.made.Load(), w.closed.Load(); made != closed {
			t.Errorf("%d instances were made, %d closed when the pool said it was empty", made, closed)
		}
		if n := w.most.Load(); n > int64(cfg.Max) {
			t.Errorf("there were %d instances at once, the limit is %d", n, cfg.Max)
		}
		eventually(t, "the goroutines end", func() bool { return goruntime.NumGoroutine() <= before })
	})
	return w
}

// eventually waits for something that no channel tells of.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); {
		if time.Now().After(end) {
			t.Fatalf("waited %v: %s", patience, what)
		}
		time.Sleep(time.Millisecond)
	}
}

func (w *workshop) make(ctx context.Context) (*Instance, error) {
	for n := w.open.Add(1); ; {
		if most := w.most.Load(); n <= most || w.most.CompareAndSwap(most, n) {
			break
		}
	}
	i, err := w.instance(ctx)
	if err != nil {
		w.open.Add(-1)
		return nil, err
	}
	w.made.Add(1)
	return i, nil
}

func (w *workshop) instance(ctx context.Context) (*Instance, error) {
	if w.gate != nil {
		select {
		case <-w.gate:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if err := w.fail.Load(); err != nil {
		return nil, *err
	}
	sandbox, err := wasi.New(wasi.Config{})
	close := func() {
		w.closed.Add(1)
		w.open.Add(-1)
	}
	return &Instance{sandbox: sandbox, closed: close}, err
}

// acquire takes an instance that must be had.
func (w *workshop) acquire() *Instance {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	i, err := w.pool.Acquire(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	return i
}

// waiter is a call of Acquire on a goroutine of its own.
type waiter struct {
	cancel   context.CancelFunc
	done     chan struct{}
	instance *Instance
	err      error
}

// wait calls Acquire and returns when it is in the queue.
func (w *workshop) wait() *waiter {
	w.t.Helper()
	before := w.pool.Stats().Waiting
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	one := &waiter{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(one.done)
		one.instance, one.err = w.pool.Acquire(ctx)
	}()
	eventually(w.t, "Acquire waits", func() bool { return w.pool.Stats().Waiting > before })
	return one
}

func (one *waiter) get(t *testing.T) *Instance {
	t.Helper()
	<-one.done
	one.cancel()
	if one.err != nil {
		t.Fatal(one.err)
	}
	return one.instance
}

func TestPoolKeepsWhatIsReleased(t *testing.T) {
	w := newPool(t, PoolConfig{Max: 4}, nil)
	a := w.acquire()
	w.pool.Release(a)
	b := w.acquire()
	if a != b {
		t.Error("an idle instance was passed over")
	}
	c := w.acquire()
	if b == c {
		t.Error("a busy instance was given away")
	}
	w.pool.Release(b)
	w.pool.Release(c)
	if got := w.acquire(); got != c {
		t.Error("not the last used one, whose memory is warm")
	} else {
		w.pool.Release(got)
	}
	if s := w.pool.Stats(); s != (PoolStats{Open: 2, Idle: 2}) || w.made.Load() != 2 {
		t.Errorf("got %+v, %d made", s, w.made.Load())
	}
}

func TestPoolMakesNoneBeforeItIsAsked(t *testing.T) {
	w := newPool(t, PoolConfig{Max: 4}, nil)
	if s := w.pool.Stats(); s != (PoolStats{}) || w.made.Load() != 0 {
		t.Errorf("got %+v, %d made", s, w.made.Load())
	}
}

func TestPoolServesInTheOrderOfTheCalls(t *testing.T) {
	w := newPool(t, PoolConfig{Max: 2}, nil)
	a, b := w.acquire(), w.acquire()
	var queue []*waiter
	for range 5 {
		queue = append(queue, w.wait())
	}
	if s := w.pool.Stats(); s != (PoolStats{Open: 2, Waiting: 5}) {
		t.Errorf("got %+v", s)
	}
	for n, one := range queue {
		w.pool.Release(a)
		a = one.get(t)
		if s := w.pool.Stats(); s.Waiting != 4-n {
			t.Errorf("after %d: %+v", n, s)
		}
	}
	w.pool.Release(a)
	w.pool.Release(b)
}

func TestPoolMakesNoMoreThanTheLimit(t *testing.T) {
	gate := make(chan struct{})
	w := newPool(t, PoolConfig{Max: 3}, gate)
	var queue []*waiter
	for range 8 {
		queue = append(queue, w.wait())
	}
	if s := w.pool.Stats(); s != (PoolStats{Open: 1, Waiting: 8}) {
		t.Errorf("got %+v, want the first instance to be made alone", s)
	}
	gate <- struct{}{}
	eventually(t, "as many as there may be are made", func() bool { return w.pool.Stats() == PoolStats{Open: 3, Waiting: 7} })
	gate <- struct{}{}
	gate <- struct{}{}
	for _, one := range queue {
		w.pool.Release(one.get(t))
	}
	eventually(t, "three are idle", func() bool { return w.pool.Stats() == PoolStats{Open: 3, Idle: 3} })
}

func TestPoolMakesOneForEachThatWaits(t *testing.T) {
	gate := make(chan struct{})
	w := newPool(t, PoolConfig{Max: 10}, gate)
	one, two, three := w.wait(), w.wait(), w.wait()
	gate <- struct{}{}
	first := one.get(t)
	eventually(t, "another is made for each", func() bool { return w.pool.Stats() == PoolStats{Open: 3, Waiting: 2} })
	gate <- struct{}{}
	gate <- struct{}{}
	for _, i := range []*Instance{first, two.get(t), three.get(t)} {
		w.pool.Release(i)
	}
}

func TestAcquireEndsWithItsContext(t *testing.T) {
	w := newPool(t, PoolConfig{Max: 1}, nil)
	a := w.acquire()
	first, second := w.wait(), w.wait()
	first.cancel()
	<-first.done
	if !errors.Is(first.err, context.Canceled) || first.instance != nil {
		t.Errorf("got %v, %v", first.instance, first.err)
	}
	if s := w.pool.Stats(); s.Waiting != 1 {
		t.Errorf("who gave up waits still: %+v", s)
	}
	w.pool.Release(a)
	if got := second.get(t); got != a {
		t.Error("the next in the queue got another one")
	}
	w.pool.Release(a)
}

// An instance that is being made for who gave up is there for the next.
func TestAnInstanceNobodyWaitsForAnyMoreIsKept(t *testing.T) {
	gate := make(chan struct{})
	w := newPool(t, PoolConfig{Max: 1}, gate)
	one := w.wait()
	one.cancel()
	<-one.done
	gate <- struct{}{}
	eventually(t, "it is idle", func() bool { return w.pool.Stats() == PoolStats{Open: 1, Idle: 1} })
}

// Whoever is granted an instance in the moment of giving up passes it on.
func TestAGrantToWhoGivesUpIsPassedOn(t *testing.T) {
	w := newPool(t, PoolConfig{Max: 1}, nil)
	for range 50 {
		a := w.acquire()
		one, next := w.wait(), w.wait()
		go one.cancel()
		w.pool.Release(a)
		<-one.done
		if one.err == nil {
			w.pool.Release(one.instance)
		}
		w.pool.Release(next.get(t))
	}
	if s := w.pool.Stats(); s != (PoolStats{Open: 1, Idle: 1}) {
		t.Errorf("got %+v", s)
	}
}

func TestAFailureToMakeIsTheWaitersError(t *testing.T) {
	gate := make(chan struct{})
	w := newPool(t, PoolConfig{Max: 4}, gate)
	broken := errors.New("no such module")
	w.fail.Store(&broken)
	first, second := w.wait(), w.wait() // one after the other
	gate <- struct{}{}
	<-first.done
	if !errors.Is(first.err, broken) {
		t.Errorf("got %v", first.err)
	}
	select {
	case <-second.done:
		t.Error("the second got the first one's error, nobody tried for it")
	default:
	}
	w.fail.Store(nil)
	gate <- struct{}{}
	w.pool.Release(second.get(t))
	if s := w.pool.Stats(); s != (PoolStats{Open: 1, Idle: 1}) {
		t.Errorf("got %+v", s)
	}
}

func TestWornInstancesAreReplaced(t *testing.T) {
	for name, wear := range map[string]func(*Instance){
		"condemned":           func(i *Instance) { i.condemned = true },
		"after its requests":  func(i *Instance) { i.served = 3 },
		"after more than its": func(i *Instance) { i.served = 4 },
	} {
		t.Run(name, func(t *testing.T) {
			w := newPool(t, PoolConfig{Max: 1, MaxRequests: 3}, nil)
			a := w.acquire()
			a.served = 2
			w.pool.Release(a)
			if got := w.acquire(); got != a {
				t.Fatal("replaced too early")
			}
			wear(a)
			one := w.wait()
			w.pool.Release(a)
			b := one.get(t)
			if a == b || w.closed.Load() != 1 {
				t.Errorf("the worn one was given away, %d closed", w.closed.Load())
			}
			w.pool.Release(b)
		})
	}
}

func TestAWornInstanceIsReplacedBeforeItIsAskedFor(t *testing.T) {
	w := newPool(t, PoolConfig{Max: 2}, nil)
	a := w.acquire()
	a.condemned = true
	w.pool.Release(a)
	eventually(t, "another is idle", func() bool { return w.pool.Stats() == PoolStats{Open: 1, Idle: 1} })
}

func TestWithoutALimitNoneIsWorn(t *testing.T) {
	w := newPool(t, PoolConfig{Max: 1}, nil)
	a := w.acquire()
	a.served = 1 << 40
	w.pool.Release(a)
	if got := w.acquire(); got != a {
		t.Error("replaced")
	}
	w.pool.Release(a)
}

func TestCloseEndsAllThatIs(t *testing.T) {
	gate := make(chan struct{}, 8)
	w := newPool(t, PoolConfig{Max: 3}, gate)
	gate <- struct{}{}
	gate <- struct{}{}
	busy, idle := w.acquire(), w.acquire()
	w.pool.Release(idle)
	taken := w.acquire() // the idle one again
	next, waiting := w.wait(), w.wait()
	w.pool.Release(taken)
	next.get(t)
	w.pool.Close()
	<-waiting.done
	if !errors.Is(waiting.err, ErrClosed) {
		t.Errorf("who waits got %v", waiting.err)
	}
	if _, err := w.pool.Acquire(context.Background()); !errors.Is(err, ErrClosed) {
		t.Errorf("Acquire after Close: %v", err)
	}
	select {
	case <-w.pool.Closed():
		t.Error("closed with two busy instances")
	default:
	}
	w.pool.Release(busy)
	w.pool.Release(taken)
	<-w.pool.Closed()
	if w.made.Load() != w.closed.Load() {
		t.Errorf("%d made, %d closed", w.made.Load(), w.closed.Load())
	}
}

func TestCloseWithNothingIsAtOnce(t *testing.T) {
	w := newPool(t, PoolConfig{Max: 1}, nil)
	w.pool.Close()
	<-w.pool.Closed()
}

// New is told by its context; what it has made all the same is closed.
func TestCloseWhileAnInstanceIsBeingMade(t *testing.T) {
	release := make(chan struct{})
	var closed atomic.Bool
	p := NewPool(PoolConfig{Max: 1, New: func(ctx context.Context) (*Instance, error) {
		<-ctx.Done()
		<-release
		sandbox, err := wasi.New(wasi.Config{})
		return &Instance{sandbox: sandbox, closed: func() { closed.Store(true) }}, err
	}})
	got := make(chan error)
	go func() {
		_, err := p.Acquire(context.Background())
		got <- err
	}()
	eventually(t, "Acquire waits", func() bool { return p.Stats().Waiting == 1 })
	p.Close()
	if err := <-got; !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
	select {
	case <-p.Closed():
		t.Error("closed while one is being made")
	default:
	}
	close(release)
	<-p.Closed()
	if !closed.Load() {
		t.Error("the pool is empty before its last instance is closed")
	}
}

func TestACondemnedInstanceOfAClosedPoolIsClosedOnce(t *testing.T) {
	w := newPool(t, PoolConfig{Max: 1}, nil)
	a := w.acquire()
	a.condemned = true
	w.pool.Close()
	w.pool.Release(a)
	<-w.pool.Closed()
}

// Everything at once, for the race detector; newPool looks at what is left.
func TestPoolUnderPressure(t *testing.T) {
	w := newPool(t, PoolConfig{Max: 5, MaxRequests: 20}, nil)
	var held sync.Map
	var group sync.WaitGroup
	for range 64 {
		group.Go(func() {
			for range 100 {
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration(rand.IntN(2000))*time.Microsecond)
				i, err := w.pool.Acquire(ctx)
				cancel()
				if err != nil {
					if !errors.Is(err, context.DeadlineExceeded) {
						t.Error(err)
					}
					continue
				}
				if _, twice := held.LoadOrStore(i, true); twice {
					t.Error("two have one instance")
				}
				i.served++
				i.condemned = rand.IntN(50) == 0
				if s := w.pool.Stats(); s.Open > 5 || s.Open < 1 {
					t.Errorf("got %+v", s)
				}
				held.Delete(i)
				w.pool.Release(i)
			}
		})
	}
	group.Wait()
	eventually(t, "all are idle", func() bool { s := w.pool.Stats(); return s.Open == s.Idle && s.Waiting == 0 })
}

func TestPoolClosedUnderPressure(t *testing.T) {
	for range 10 {
		w := newPool(t, PoolConfig{Max: 3}, nil)
		var group sync.WaitGroup
		for range 16 {
			group.Go(func() {
				for {
					i, err := w.pool.Acquire(context.Background())
					if errors.Is(err, ErrClosed) {
						return
					}
					if err != nil && !strings.Contains(err.Error(), "context canceled") {
						t.Error(err)
						return
					}
					if err == nil {
						i.condemned = rand.IntN(4) == 0
						w.pool.Release(i)
					}
				}
			})
		}
		w.pool.Close()
		group.Wait()
		<-w.pool.Closed()
	}
}
