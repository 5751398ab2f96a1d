package runtime

import (
	"context"
	"errors"
	"fmt"
	goruntime "runtime"
	"time"

	"wasgi/abi"
	"wasgi/quotas"
)

// What a meter goes by.
const (
	slice     = 100 * time.Microsecond // between two ticks
	lookEvery = time.Millisecond       // how often a tick looks at all there is
	leastLook = 150 * time.Microsecond // where the rest of the server had work to do
	yieldCost = 15 * time.Microsecond  // of a yield when it has none
	leastFuel = 1 << 10                // of a slice
	mostFuel  = 1 << 22
	firstFuel = 1 << 15
	graceCPU  = 4 * time.Millisecond // after the interrupt, for finally blocks and the like
	graceWall = time.Second
	workSlice = 64 << 10 // bytes that a host function moves, at most, between two ticks
)

// allowance is what one call of a guest, or a few, may use, and what it is called where
// it is over. A zero limit is none.
type allowance struct {
	cpu       time.Duration
	cpuLimit  quotas.Limit
	timeout   time.Duration // only told: it is the context's deadline that counts
	timeLimit quotas.Limit
	throttled bool         // the tenant's share of the processor holds
	in, out   quotas.Bytes // of bodies; only told: the Body and the Response hold them
}

// meter is the live account of one guest: what it uses, and what it may. A guest meets
// it at every tick, a call of the host that the image makes when a slice of fuel is
// used up, wherever it is. There Go's scheduler and garbage collector get their turn,
// the tenant is charged, and limits are seen: over one, the guest is first interrupted
// by an exception, and ended a grace later. One goroutine uses a meter: the one that
// runs the guest, locked to its thread meanwhile.
type meter struct {
	account     *quotas.Account
	turn        *quotas.Turn    // one of turns, for the call in flight
	turns       [2]*quotas.Turn // for requests, and for imports
	memory      *quotas.Memory
	budget      *quotas.Budget
	most        quotas.Bytes // of native stack
	fuel        counter
	nativeStack func() int64
	alarm       func(kind abi.InterruptKind, limit, detail string) bool // tells the guest
	cut         func()                                                  // ends what the guest waits for
	rest        func(quotas.Limit) int64                                // what is left of limits that are not the meter's

	// Of the guest.
	slice   int64         // fuel between ticks, as it was last reckoned
	granted quotas.Bytes  // native stack
	total   time.Duration // CPU time, in all its calls
	faults  faults

	// Of the call in flight.
	ctx         context.Context
	may         allowance
	usage       quotas.Usage
	running     bool
	mark        time.Duration // the thread's clock when it was last read
	origin      time.Time     // of ticked and looked
	ticked      time.Duration
	looked      time.Duration   // when the clock of the thread was last read
	lookIn      time.Duration   // when that is to be next
	set         int64           // what the fuel counter was set to
	told        int64           // the fuel that the tenant's account knows of
	moved       int64           // bytes that host functions have moved since the last tick
	refused     int             // the memory's, as last seen
	hits        *[]quotas.Limit // that the call has met
	watched     []watched
	parked      bool          // the tenant's share was used up
	interrupted error         // why the guest was interrupted, nil if it was not
	since       time.Time     // it was, or was told that its client has gone
	sinceCPU    time.Duration // what it had used then
	gone        bool          // it was told that its client has gone
}

// ended is the panic with which a host function ends its guest: wazero returns it from
// the call.
type ended struct{ why error }

func (e *ended) Error() string { return e.why.Error() }
func (e *ended) Unwrap() error { return e.why }

// begin opens the account of a call. What an earlier one used stays, where continued.
func (m *meter) begin(ctx context.Context, may allowance, used quotas.Usage, hits *[]quotas.Limit) {
	m.ctx, m.may, m.usage, m.hits = ctx, may, used, hits
	m.told = used.Fuel
	m.turn = m.turns[0]
	if may.cpuLimit == quotas.LimitStartupCPU {
		m.turn = m.turns[1]
	}
	m.refused, m.parked, m.interrupted, m.moved, m.gone = m.memory.Refused(), false, nil, 0, false
	for n := range m.watched {
		m.watched[n].seen = m.watched[n].refused()
	}
}

// enter waits until the guest may run. An error is the context's, and nothing runs.
func (m *meter) enter() error {
	start := time.Now()
	if err := m.turn.Begin(m.ctx); err != nil {
		return m.endOf()
	}
	m.usage.Wait += time.Since(start)
	goruntime.LockOSThread()
	m.running = true
	m.mark = quotas.ThreadCPU()
	m.faults.begin()
	m.origin, m.ticked, m.looked, m.lookIn = time.Now(), 0, 0, lookEvery
	m.refuel()
	return nil
}

// leave closes what enter opened and counts what was used since the last tick.
func (m *meter) leave() {
	m.burn(0)
	used := m.charge()
	m.turn.End(used)
	m.running = false
	m.faults.end()
	goruntime.UnlockOSThread()
	m.grown()
}

// tick is where a running guest meets the host. It does not return to a guest that is to
// end. Most ticks only set the counter anew: the clock of the thread is a system call, so
// it is read once in a while, or where time has passed that the guest cannot have used, or
// another guest waits.
func (m *meter) tick() {
	m.usage.Ticks++
	m.moved = 0
	now := time.Since(m.origin)
	took := now - m.ticked
	m.ticked = now
	m.burn(took)
	if took > 4*slice || now-m.looked > m.lookIn || m.interrupted != nil || m.turn.Wanted() {
		m.look()
	}
	m.refuel()
}

// look charges what was used and does what follows.
func (m *meter) look() {
	used := m.charge()
	m.judge()
	m.aside(func() { m.share(used) })
	m.ticked = time.Since(m.origin)
	m.looked = m.ticked
}

// burn counts the fuel since it was last called, and brings the fuel of a slice nearer to
// what the guest burns in one: down at once, for a slice that is too long delays others,
// and up by and by, for there is work that is dear by the unit.
func (m *meter) burn(took time.Duration) {
	left := m.fuel.get()
	fuel := m.set - left
	m.set = left
	m.usage.Fuel += fuel
	if fuel < leastFuel || took < slice/8 {
		return
	}
	next := int64(float64(fuel) * float64(slice) / float64(took))
	if next > m.slice {
		next = (m.slice + min(next, 3*m.slice)) / 2
	}
	m.slice = min(max(next, leastFuel), mostFuel)
}

// charge counts the CPU time since it was last called, and tells the tenant's account.
func (m *meter) charge() time.Duration {
	now := quotas.ThreadCPU()
	used := now - m.mark
	m.mark = now
	m.total += used
	m.usage.CPU += used
	m.account.Spend(quotas.Usage{CPU: used, Fuel: m.usage.Fuel - m.told})
	m.told = m.usage.Fuel
	return used
}

// refuel sets the counter for the next slice.
func (m *meter) refuel() {
	m.set = m.slice
	m.fuel.set(m.slice)
}

// work counts n bytes that a host function moves for the guest, and ticks between them.
func (m *meter) work(n int) {
	if m.moved += int64(n); m.running && m.moved >= workSlice {
		m.tick()
	}
}

// judge interrupts a guest that is over a limit, and ends one that was interrupted a
// grace ago.
func (m *meter) judge() {
	if m.interrupted == nil {
		if over := m.over(); over != nil {
			m.interrupt(over)
		}
		return
	}
	if m.grown(); !m.graced() || m.granted > 2*m.most {
		panic(&ended{m.interrupted})
	}
}

// graced tells whether a guest that is to come to its end still has time for it.
func (m *meter) graced() bool {
	return m.usage.CPU-m.sinceCPU <= graceCPU && time.Since(m.since) <= graceWall
}

// over returns which limit the call has gone over, or why else it is to end; else nil.
func (m *meter) over() error {
	if m.may.cpu > 0 && m.usage.CPU > m.may.cpu {
		return &quotas.Exceeded{Limit: m.may.cpuLimit, Detail: fmt.Sprintf("used %v of CPU time, may use %v",
			m.usage.CPU.Round(time.Millisecond), m.may.cpu)}
	}
	if m.grown() {
		return &quotas.Exceeded{Limit: quotas.LimitStack, Detail: fmt.Sprintf("calls within calls took more than %v", m.most)}
	}
	if m.ctx.Err() != nil && !(m.gone && m.graced()) {
		return m.endOf()
	}
	return nil
}

// tellGone notes that the guest is told, by an exception of the call that it makes, that its
// client has gone. An interrupt could strike anywhere, and the guest be of no use after it: so it
// has a grace to end by itself.
func (m *meter) tellGone() {
	if !m.gone && m.interrupted == nil {
		m.gone, m.since, m.sinceCPU = true, time.Now(), m.usage.CPU
	}
}

// endOf returns why the context of the call is done.
func (m *meter) endOf() error {
	why := Ended(m.ctx)
	switch {
	case why != quotas.LimitTimeout && !errors.Is(why, quotas.LimitTimeout):
		return why
	case m.parked:
		return &quotas.Exceeded{Limit: quotas.LimitCPUShare, Detail: "the app has used up its share of the processor", RetryAfter: m.owed()}
	}
	return &quotas.Exceeded{Limit: m.may.timeLimit, Detail: fmt.Sprintf("took longer than %v", m.may.timeout)}
}

// owed is how long the tenant's debt takes to be worked off.
func (m *meter) owed() time.Duration { return m.account.Bucket.Take(0) }

// interrupt makes the guest raise an exception where it is.
func (m *meter) interrupt(why error) {
	m.interrupted, m.since, m.sinceCPU = why, time.Now(), m.usage.CPU
	m.cut()
	var over *quotas.Exceeded
	switch {
	case errors.As(why, &over):
		m.hit(over.Limit)
		m.alarm(abi.InterruptLimit, string(over.Limit), over.Detail)
	case errors.Is(why, ErrGone):
		m.alarm(abi.InterruptGone, "", "")
	default:
		m.alarm(abi.InterruptShutdown, "", "")
	}
}

// share takes the slice from the tenant's share of the processor, and waits where others
// are to run first or the share is used up. A guest that is about to end waits for
// neither.
func (m *meter) share(used time.Duration) {
	debt := m.account.Bucket.Take(used)
	start := time.Now()
	waited := m.yield()
	switch {
	case m.interrupted != nil:
	case debt > 0 && m.may.throttled:
		m.park(used, debt)
		waited = true
	case m.turn.Spent(used):
		goruntime.Gosched() // the answer that it has waited for is to be sent
		waited = true
	}
	if waited {
		m.usage.Wait += time.Since(start)
	}
}

// yield lets the rest of the server run, and tells whether it had to: then it is looked at
// again soon.
func (m *meter) yield() bool {
	took := m.turn.Yield()
	if took > yieldCost {
		m.lookIn = leastLook
		return true
	}
	most := lookEvery
	if took > 0 {
		most = lookEvery / 2 // all places are taken
	}
	m.lookIn = min(2*m.lookIn, most)
	return false
}

// aside calls f, which may wait, with the goroutine free to change its thread: while it is
// locked to one, a wait costs the kernel's switch between threads.
func (m *meter) aside(f func()) {
	m.faults.end()
	goruntime.UnlockOSThread()
	f()
	goruntime.LockOSThread()
	m.faults.begin()
	m.mark = quotas.ThreadCPU()
}

// park waits for the tenant's share of the processor, no longer than the call's time.
func (m *meter) park(used, debt time.Duration) {
	const least = 2 * time.Millisecond // or it would be back in no time
	if !m.parked {
		m.parked = true
		m.hit(quotas.LimitCPUShare)
	}
	m.turn.End(used)
	t := time.NewTimer(max(debt, least))
	defer t.Stop()
	select {
	case <-t.C:
	case <-m.ctx.Done():
	}
	m.turn.Begin(context.Background()) // no error: it waits as long as it takes
}

// wait calls block, which waits for something outside, while others run. A guest whose call
// ends meanwhile is interrupted.
func (m *meter) wait(block func()) {
	m.away(block)
	if m.running && m.interrupted == nil && m.ctx.Err() != nil {
		m.judge()
	}
}

// exchange is wait for a block that waits for the client, and itself tells that it has gone.
func (m *meter) exchange(block func()) {
	m.away(block)
	if m.running && m.interrupted == nil && m.ctx.Err() != nil && !errors.Is(Ended(m.ctx), ErrGone) {
		m.judge()
	}
}

// away calls block while others run.
func (m *meter) away(block func()) {
	if !m.running {
		block()
		return
	}
	used := m.charge()
	m.account.Bucket.Take(used)
	m.faults.lose() // what block fills may be the guest's
	m.aside(func() {
		m.turn.End(used)
		block()
		m.turn.Begin(context.Background())
	})
}

// cpuTotal returns what the guest has used in all its calls, up to now.
func (m *meter) cpuTotal() time.Duration {
	if !m.running {
		return m.total
	}
	return m.total + quotas.ThreadCPU() - m.mark
}

// grown counts what native stack the guest has, which wazero takes by doubling it, and is
// over the limit of it.
func (m *meter) grown() bool {
	now := quotas.Bytes(m.nativeStack())
	if now > m.granted && m.budget.Take(now-m.granted) {
		m.granted = now
	}
	if now < m.granted {
		m.budget.Give(m.granted - now)
		m.granted = now
	}
	m.usage.Memory = max(m.usage.Memory, m.memory.Committed()+now)
	return now > m.most || now > m.granted
}
