package runtime

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"wasgi/abi"
	"wasgi/quotas"
)

// limited returns the quota of script.wat, changed.
func limited(change func(*quotas.Quota)) quotas.Quota {
	q := quotaOf(4 * quotas.PageSize)
	change(&q)
	return q
}

// forever is the count that no guest comes to the end of within its limits.
const forever = 0

// What becomes of a guest that runs too long: it is interrupted, and if that does not
// end it, ended.
func TestLimitsOnRunning(t *testing.T) {
	img := loadImage(t, scripted(t))
	short := limited(func(q *quotas.Quota) { q.CPU = 5 * time.Millisecond })
	gone, leave := context.WithCancelCause(context.Background())
	leave(ErrGone)
	ending, end := context.WithCancel(context.Background())
	end()
	late, cancel := context.WithTimeout(context.Background(), 0)
	defer cancel()
	for name, test := range map[string]struct {
		ctx   context.Context
		quota quotas.Quota
		what  uint32 // interrupts the guest
		want  error
		text  string
		hits  []quotas.Limit
	}{
		"cpu":      {context.Background(), short, 1, quotas.LimitCPU, "of CPU time, may use 5ms", []quotas.Limit{quotas.LimitCPU}},
		"timeout":  {late, quotaOf(4 * quotas.PageSize), 1, quotas.LimitTimeout, "took longer than 30s", []quotas.Limit{quotas.LimitTimeout}},
		"gone":     {gone, quotaOf(4 * quotas.PageSize), 2, ErrGone, "", nil},
		"shutdown": {ending, quotaOf(4 * quotas.PageSize), 3, ErrShutdown, "", nil},
	} {
		check := func(t *testing.T, g *guest, req *Request, err error) {
			t.Helper()
			if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.text) {
				t.Errorf("got %v, want %v: %s", err, test.want, test.text)
			}
			if !g.Condemned() || !slices.Equal(req.Hits, test.hits) || req.Usage.Ticks == 0 || req.Usage.Fuel == 0 {
				t.Errorf("condemned %v, hits %v, usage %+v", g.Condemned(), req.Hits, req.Usage)
			}
		}
		t.Run(name+", the exception ends it", func(t *testing.T) {
			g := newGuestOf(t, img, Spec{Quota: test.quota})
			req := &Request{Environ: (&script{}).do(opSpin).end(abi.OutcomeInterrupted).message()}
			err := g.Serve(test.ctx, req, &answer{})
			check(t, g, req, err)
			if got := g.answers(1)[0]; got != abi.Error(test.what) {
				t.Errorf("it was interrupted by %d, want %d", got, test.what)
			}
		})
		t.Run(name+", the app makes another of it", func(t *testing.T) {
			g := newGuestOf(t, img, Spec{Quota: test.quota})
			req := &Request{Environ: (&script{}).do(opSpin).end(abi.OutcomeRaised).message()}
			check(t, g, req, g.Serve(test.ctx, req, &answer{}))
		})
		t.Run(name+", the app catches it and answers", func(t *testing.T) {
			g := newGuestOf(t, img, Spec{Quota: test.quota})
			req := &Request{Environ: (&script{}).do(opSpin).start("200 OK").write("late", 1).end(abi.OutcomeOK).message()}
			a := &answer{}
			if err := g.Serve(test.ctx, req, a); err != nil || a.status != "200 OK" {
				t.Errorf("got %v, %q", err, a.status)
			}
			if !g.Condemned() || !slices.Equal(req.Hits, test.hits) {
				t.Errorf("condemned %v, hits %v", g.Condemned(), req.Hits)
			}
		})
		t.Run(name+", the app goes on", func(t *testing.T) {
			g := newGuestOf(t, img, Spec{Quota: test.quota})
			req := &Request{Environ: (&script{}).do(opCount, forever).do(opCount, forever).do(opCount, forever).end(abi.OutcomeOK).message()}
			check(t, g, req, g.Serve(test.ctx, req, &answer{}))
		})
	}
}

// A guest that a call of its own has told that its client has gone is not interrupted as well,
// unless it goes on as if nothing were.
func TestTheClientHasGone(t *testing.T) {
	img := loadImage(t, scripted(t))
	gone, leave := context.WithCancelCause(context.Background())
	leave(ErrGone)
	for name, test := range map[string]struct {
		does  *script
		sound bool
	}{
		"it ends":    {(&script{}).do(opRead, dataAt, 1).do(opCount, 1000).end(abi.OutcomeRaised), true},
		"it goes on": {(&script{}).do(opRead, dataAt, 1).do(opSpin).end(abi.OutcomeInterrupted), false},
		"it stays":   {(&script{}).do(opRead, dataAt, 1).do(opCount, forever).do(opCount, forever).end(abi.OutcomeOK), false},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGuestOf(t, img, Spec{Quota: quotaOf(4 * quotas.PageSize)})
			req := &Request{Environ: test.does.message(), Body: iotest.ErrReader(ErrGone)}
			if err := g.Serve(gone, req, &answer{}); !errors.Is(err, ErrGone) || g.Condemned() == test.sound {
				t.Errorf("got %v, condemned %v", err, g.Condemned())
			}
		})
	}
}

func TestAnImportHasLimitsOfItsOwn(t *testing.T) {
	img := loadImage(t, scripted(t))
	quota := limited(func(q *quotas.Quota) { q.StartupCPU = 5 * time.Millisecond })
	account := quotas.NewAccount(quota, quotas.NewGate(1).NewFlow(1))
	g := newGuestOf(t, img, Spec{Quota: quota, Account: account})
	err := g.Load(context.Background(), (&script{}).do(opCount, forever).end(abi.OutcomeOK).message())
	if !errors.Is(err, quotas.LimitStartupCPU) {
		t.Errorf("got %v", err)
	}
	if got := account.Stats(); got.Hits[quotas.LimitStartupCPU] != 1 || got.Usage.CPU < quota.StartupCPU {
		t.Errorf("the account has %+v", got)
	}
	g = newGuestOf(t, img, Spec{Quota: quota})
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	<-ctx.Done()
	err = g.Load(ctx, (&script{}).do(opSpin).end(abi.OutcomeInterrupted).message())
	if !errors.Is(err, quotas.LimitStartupTimeout) || !strings.Contains(err.Error(), "took longer than 1m0s") {
		t.Errorf("got %v", err)
	}
}

// The same work burns the same fuel, however it is cut into slices.
func TestFuelIsTheSameEachTime(t *testing.T) {
	img := loadImage(t, scripted(t))
	var want int64
	for range 20 {
		g := newGuest(t, img)
		req := &Request{Environ: (&script{}).do(opCount, 3_000_000).print(1, "x\n").end(abi.OutcomeOK).message()}
		if err := g.Serve(context.Background(), req, &answer{}); err != nil {
			t.Fatal(err)
		}
		if want == 0 {
			want = req.Usage.Fuel
		}
		if req.Usage.Fuel != want || want < 3_000_000 {
			t.Errorf("burnt %d, and first %d", req.Usage.Fuel, want)
		}
	}
}

// A tenant without CPU time left waits for more, and others do not.
func TestAnEmptyShareParksTheGuest(t *testing.T) {
	img := loadImage(t, scripted(t))
	quota := limited(func(q *quotas.Quota) { q.CPU, q.CPUShare, q.CPUBurst = time.Minute, 0.01, time.Millisecond })
	g := newGuestOf(t, img, Spec{Quota: quota})
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	req := &Request{Environ: (&script{}).do(opCount, forever).end(abi.OutcomeOK).message()}
	err := g.Serve(ctx, req, &answer{})
	var over *quotas.Exceeded
	if !errors.As(err, &over) || over.Limit != quotas.LimitCPUShare {
		t.Errorf("got %#v", err)
	}
	if !slices.Equal(req.Hits, []quotas.Limit{quotas.LimitCPUShare}) || req.Usage.Wait < 20*time.Millisecond {
		t.Errorf("hits %v, waited %v", req.Hits, req.Usage.Wait)
	}
}

func TestMemoryThatIsRefusedIsAHit(t *testing.T) {
	img := loadImage(t, scripted(t))
	budget := quotas.NewBudget(quotas.MiB, nil)
	g := newGuestOf(t, img, Spec{Quota: quotaOf(4 * quotas.PageSize), Budget: budget})
	req := &Request{Environ: (&script{}).do(opGrow, 2).end(abi.OutcomeOK).message()}
	if err := g.Serve(context.Background(), req, &answer{}); err != nil || len(req.Hits) != 0 {
		t.Errorf("up to the limit: %v, hits %v", err, req.Hits)
	}
	stack := quotas.Bytes(g.guest.Stack())
	if want := 4*quotas.PageSize + stack; req.Usage.Memory != want || budget.Stats().Used != want || stack == 0 {
		t.Errorf("used %v, of the budget %v, want %v, of it %v stack", req.Usage.Memory, budget.Stats().Used, want, stack)
	}
	req = &Request{Environ: (&script{}).do(opGrow, 1).end(abi.OutcomeMemory).message()}
	err := g.Serve(context.Background(), req, &answer{})
	if !errors.Is(err, quotas.LimitMemory) || !slices.Equal(req.Hits, []quotas.Limit{quotas.LimitMemory}) {
		t.Errorf("past the limit: %v, hits %v", err, req.Hits)
	}
	g.Close()
	if got := budget.Stats().Used; got != 0 {
		t.Errorf("%v are still taken from the budget", got)
	}
}

func TestLimitsOfOthersAreHits(t *testing.T) {
	refused := int64(7)
	g := newGuestOf(t, loadImage(t, scripted(t)), Spec{
		Quota:   quotaOf(4 * quotas.PageSize),
		Refused: map[quotas.Limit]func() int64{quotas.LimitTmp: func() int64 { return refused }},
		Left:    func(l quotas.Limit) int64 { return map[quotas.Limit]int64{quotas.LimitTmp: 77}[l] },
	})
	req := &Request{Environ: (&script{}).do(opLeft, abi.LeftTmp).do(opLeft, abi.LeftMemory).do(opLeft, 99).do(opLeft, abi.LeftResponseBody).end(abi.OutcomeOK).message()}
	if err := g.Serve(context.Background(), req, &answer{}); err != nil || len(req.Hits) != 0 {
		t.Errorf("got %v, hits %v", err, req.Hits)
	}
	if got, want := g.answers(4), []abi.Error{77, abi.Error(2 * quotas.PageSize), -1, abi.Error(quotas.GiB)}; !slices.Equal(got, want) {
		t.Errorf("left are %d, want %d", got, want)
	}
	req = &Request{Environ: (&script{}).start("200 OK").end(abi.OutcomeOK).message()}
	err := g.Serve(context.Background(), req, startFunc(func() { refused++ }))
	if err != nil || !slices.Equal(req.Hits, []quotas.Limit{quotas.LimitTmp}) {
		t.Errorf("got %v, hits %v", err, req.Hits)
	}
}

// startFunc is a Response that calls a function when it starts.
type startFunc func()

func (f startFunc) Start([]byte, abi.View) error { f(); return nil }
func (f startFunc) Expect(int64)                 {}
func (f startFunc) Write([]byte, bool) error     { return nil }

// Recursion ends at its limit of native stack, which is taken from the budget step by step.
func TestStackIsCounted(t *testing.T) {
	img := loadImage(t, scripted(t))
	budget := quotas.NewBudget(quotas.GiB, nil)
	for _, most := range []quotas.Bytes{quotas.MiB, 16 * quotas.MiB} {
		g := newGuestOf(t, img, Spec{Quota: limited(func(q *quotas.Quota) { q.Stack = most }), Budget: budget})
		req := &Request{Environ: (&script{}).do(opRecurse).end(abi.OutcomeOK).message()}
		if err := g.Serve(context.Background(), req, &answer{}); !errors.Is(err, quotas.LimitStack) || !g.Condemned() {
			t.Errorf("got %v, condemned %v", err, g.Condemned())
		}
		if got := req.Usage.Memory; got < most || got > 8*most {
			t.Errorf("used %v, may use %v", got, most)
		}
		g.Close()
	}
	if got := budget.Stats().Used; got != 0 {
		t.Errorf("%v are still taken from the budget", got)
	}
}

// A guest whose turn does not come has not run, and serves on.
func TestAGuestThatIsNotLetInIsSound(t *testing.T) {
	flow := quotas.NewGate(1).NewFlow(1)
	quota := quotaOf(4 * quotas.PageSize)
	g := newGuestOf(t, loadImage(t, scripted(t)), Spec{Quota: quota, Account: quotas.NewAccount(quota, flow)})
	other := flow.NewTurn()
	if err := other.Begin(context.Background()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	req := &Request{Environ: (&script{}).end(abi.OutcomeOK).message()}
	if err := g.Serve(ctx, req, &answer{}); !errors.Is(err, quotas.LimitTimeout) || g.Condemned() {
		t.Errorf("got %v, condemned %v", err, g.Condemned())
	}
	other.End(0)
	if err := g.serve((&script{}).end(abi.OutcomeOK), &answer{}); err != nil {
		t.Error(err)
	}
}
