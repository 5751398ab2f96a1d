package runtime

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tetratelabs/wazero/api"

	"wasgi/abi"
	"wasgi/quotas"
)

// attach makes m the meter of a guest in a slot.
func (m *meter) attach(in *slot, spec Spec) {
	m.account, m.memory, m.budget = spec.Account, in.memory, spec.Budget
	m.most, m.rest = spec.Quota.Stack, spec.Left
	if m.account == nil {
		m.account = quotas.NewAccount(spec.Quota, quotas.NewGate(1).NewFlow(1))
	}
	for limit, f := range spec.Refused {
		m.watched = append(m.watched, watched{limit: limit, refused: f})
	}
	m.turns = [2]*quotas.Turn{m.account.Flow.NewTurn(), m.account.Startup.NewTurn()}
	m.turn = m.turns[1]
	m.slice = firstFuel
	m.fuel, m.alarm, m.nativeStack = in.fuel, in.guest.Interrupt, in.guest.Stack
}

// counter is the number that metered code keeps; without a meter it stays 0.
type counter struct{ global api.MutableGlobal }

func (c counter) get() int64 {
	if c.global == nil {
		return 0
	}
	return int64(c.global.Get())
}

func (c counter) set(n int64) {
	if c.global != nil {
		c.global.Set(uint64(n))
	}
}

// detach gives back what the guest had.
func (m *meter) detach() {
	m.budget.Give(m.granted)
	m.granted = 0
}

// watched is a limit of somebody else's that a guest can meet.
type watched struct {
	limit   quotas.Limit
	refused func() int64 // how often it was met, by whomever
	seen    int64
}

// hit counts that the guest went over a limit, once a call.
func (m *meter) hit(l quotas.Limit) {
	if !slices.Contains(*m.hits, l) {
		*m.hits = append(*m.hits, l)
		m.account.Hit(l)
	}
}

// observe counts limits that the guest has met without being told by the meter.
func (m *meter) observe() {
	if n := m.memory.Refused(); n != m.refused {
		m.refused = n
		m.hit(quotas.LimitMemory)
	}
	for n := range m.watched {
		w := &m.watched[n]
		if now := w.refused(); now != w.seen {
			w.seen = now
			m.hit(w.limit)
		}
	}
}

// goOn ticks within a long function of the host, and tells whether it is to go on: not
// when the guest has been interrupted.
func (m *meter) goOn() bool {
	if m.running {
		m.burn(0)
		m.look()
		m.refuel()
	}
	return m.interrupted == nil
}

// affords tells whether the call has so much CPU time left. If not, it is over its limit.
func (m *meter) affords(cpu time.Duration) bool {
	if !m.goOn() {
		return false
	}
	if m.may.cpu == 0 || m.usage.CPU+cpu <= m.may.cpu {
		return true
	}
	m.interrupt(&quotas.Exceeded{Limit: m.may.cpuLimit, Detail: fmt.Sprintf("used %v of CPU time, may use %v, and asked for about %v more",
		m.usage.CPU.Round(time.Millisecond), m.may.cpu, cpu.Round(time.Millisecond))})
	return false
}

// raised returns what an exception of the app stands for: it may have turned what it was
// told of a limit into one of its own.
func (m *meter) raised() error {
	switch {
	case m.interrupted != nil:
		return errors.Join(m.interrupted, ErrRaised)
	case m.ctx.Err() != nil:
		return errors.Join(m.endOf(), ErrRaised)
	}
	return ErrRaised
}

// left returns what is left of a limit of abi.h's, -1 where there is none.
func (m *meter) left(index int) int64 {
	switch index {
	case abi.LeftCPU:
		if m.may.cpu == 0 {
			return -1
		}
		return max(0, int64(m.may.cpu-m.usage.CPU-(quotas.ThreadCPU()-m.mark)))
	case abi.LeftCPUShare:
		return max(0, int64(m.account.Bucket.Held()))
	case abi.LeftTimeout:
		end, ok := m.ctx.Deadline()
		if !ok {
			return -1
		}
		return max(0, int64(time.Until(end)))
	case abi.LeftMemory:
		return int64(m.memory.Limit() - m.memory.Committed())
	case abi.LeftRequestBody:
		return leftOf(m.may.in, m.usage.In)
	case abi.LeftResponseBody:
		return leftOf(m.may.out, m.usage.Out)
	case abi.LeftStack:
		return max(0, int64(m.most-m.granted))
	}
	return m.leftElsewhere(index)
}

// leftOf returns what is left of a limit of bytes, -1 where it is 0: none.
func leftOf(limit, used quotas.Bytes) int64 {
	if limit == 0 {
		return -1
	}
	return max(0, int64(limit-used))
}

func (m *meter) leftElsewhere(index int) int64 {
	limit, ok := map[int]quotas.Limit{
		abi.LeftTmp: quotas.LimitTmp, abi.LeftData: quotas.LimitData, abi.LeftLogRate: quotas.LimitLogRate,
	}[index]
	if !ok || m.rest == nil {
		return -1
	}
	return m.rest(limit)
}
