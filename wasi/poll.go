package wasi

import (
	"encoding/binary"
	"math"
	"time"
)

// Sizes of poll_oneoff's records, and how many it takes at once.
const (
	subscriptionSize = 48
	eventSize        = 32
	maxSubscriptions = 4096
)

// Bits of a subscription's and of an event's flags.
const (
	subclockAbstime = 1 // the timeout is a time of the clock, not a duration
	eventHangup     = 1 // nothing more will come
)

// pollFunctions are the functions of the group poll.
func pollFunctions() []function {
	return []function{
		{"poll_oneoff", []param{
			i32("in"), i32("out"), i32("nsubscriptions"), i32("result.nevents"),
		}, pollOneoff},
	}
}

// subscription is one thing poll_oneoff waits for, and what came of it.
type subscription struct {
	userdata uint64
	typ      uint8
	fd       uint32
	left     time.Duration // of a clock: until it is due
	pump     *pump         // of an fd that may have to be waited for
	fired    bool
	errno    Errno
	nbytes   uint64
	flags    uint16
}

// pollOneoff is poll_oneoff: it waits until one or more of several things
// happen: a clock reaches a time, a descriptor can be read or written without
// waiting. It is also how a guest sleeps. Files can always be read and
// written; input is waited for.
//
// Parameters:
//   - in: the subscriptions, records of 48 bytes:
//     userdata of 8, type of 1 at 8 (0 clock, 1 read, 2 write), then for a
//     clock at 16: id of 4, timeout of 8 at 24 in nanoseconds, precision of 8
//     at 32, flags of 2 at 40 (1: timeout is a time of the clock); for the
//     others at 16: fd of 4
//   - out: where the events go, room for as many records of 32 bytes: userdata
//     of 8, errno of 2 at 8, type of 1 at 10, then for a descriptor: bytes
//     that can be read of 8 at 16, flags of 2 at 24 (1: it is at its end)
//   - nsubscriptions: how many, from 1 to 4096
//   - result.nevents: where the number of events goes, 4 bytes
//
// A subscription that cannot be served is an event at once, with its own
// errno: EBADF (not open), ENOTCAPABLE (no right to), EINVAL (no such clock or
// type), ENOTSUP (a CPU clock: it stands still in a sleep).
//
// Errors: EINVAL (none or too many), EFAULT, EINTR (the context is done before
// anything happened).
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#poll_oneoff
func pollOneoff(c call) Errno {
	n := c.u32(2)
	if n == 0 || n > maxSubscriptions {
		return EINVAL
	}
	in, errno := c.mem.view(c.u32(0), uint64(n)*subscriptionSize)
	if errno != ESUCCESS {
		return errno
	}
	out, errno := c.mem.view(c.u32(1), uint64(n)*eventSize)
	if errno != ESUCCESS {
		return errno
	}
	nevents, errno := c.mem.view(c.u32(3), 4)
	if errno != ESUCCESS {
		return errno
	}
	c.subs = c.subs[:0]
	for ; len(in) > 0; in = in[subscriptionSize:] {
		c.subs = append(c.subs, c.subscribe(in))
	}
	if errno := c.await(); errno != ESUCCESS {
		return errno
	}
	binary.LittleEndian.PutUint32(nevents, c.putEvents(out))
	return ESUCCESS
}

// subscribe reads one record. What is wrong with it, and what need not be
// waited for, has fired.
func (c call) subscribe(b []byte) subscription {
	sub := subscription{userdata: binary.LittleEndian.Uint64(b), typ: b[8]}
	switch sub.typ {
	case eventClock:
		sub.left, sub.errno = c.due(b)
		sub.fired = sub.errno != ESUCCESS || sub.left <= 0
	case eventFdRead, eventFdWrite:
		sub.fd = binary.LittleEndian.Uint32(b[16:])
		c.readiness(&sub)
	default:
		sub.fired, sub.errno = true, EINVAL
	}
	return sub
}

// due is the time until the clock subscription b is due. What is further away
// than a time.Duration reaches is that far away. Errors: EINVAL, ENOTSUP.
func (c call) due(b []byte) (time.Duration, Errno) {
	id := binary.LittleEndian.Uint32(b[16:])
	timeout := int64(min(binary.LittleEndian.Uint64(b[24:]), math.MaxInt64))
	flags := binary.LittleEndian.Uint16(b[40:])
	now, errno := c.now(id)
	switch {
	case errno != ESUCCESS || flags&^subclockAbstime != 0:
		return 0, EINVAL
	case id == clockProcessCPU || id == clockThreadCPU:
		return 0, ENOTSUP
	case flags&subclockAbstime == 0:
		return time.Duration(timeout), ESUCCESS
	case timeout <= now:
		return 0, ESUCCESS
	}
	return time.Duration(timeout - now), ESUCCESS
}

// readiness finds out whether sub's descriptor can be used without waiting.
func (c call) readiness(sub *subscription) {
	sub.fired = true
	d, errno := c.fds.get(sub.fd)
	if errno != ESUCCESS {
		sub.errno = errno
		return
	}
	right := RightFdRead
	if sub.typ == eventFdWrite {
		right = RightFdWrite
	}
	if sub.errno = d.need(RightPollFdReadwrite | right); sub.errno != ESUCCESS {
		return
	}
	switch {
	case d.stream != nil && sub.typ == eventFdRead:
		sub.pump = d.stream.reader
		sub.fired = sub.pump.ready()
		sub.measure()
	case d.typ == FiletypeRegularFile && sub.typ == eventFdRead:
		if st, errno := d.file.Stat(); errno == ESUCCESS && int64(st.Size) > d.offset {
			sub.nbytes = st.Size - uint64(d.offset)
		}
	}
}

// measure notes what input has, once it is ready.
func (sub *subscription) measure() {
	if !sub.fired {
		return
	}
	sub.nbytes = uint64(len(sub.pump.data))
	if sub.nbytes == 0 {
		sub.flags = eventHangup
	}
}

// await waits until a subscription has fired. Errors: EINTR.
func (s *Sandbox) await() Errno {
	var input *pump
	left := time.Duration(math.MaxInt64)
	clock := false
	for i := range s.subs {
		sub := &s.subs[i]
		switch {
		case sub.fired:
			return ESUCCESS
		case sub.pump != nil:
			input = sub.pump
		default:
			left, clock = min(left, sub.left), true
		}
	}
	var errno Errno
	s.wait(func() { errno = s.sleep(left, clock, input) })
	if errno != ESUCCESS {
		return errno
	}
	s.fire(left, input)
	return ESUCCESS
}

// sleep waits for left to pass, if clock is true, or for input, if any, or for
// the end of the context: EINTR.
func (s *Sandbox) sleep(left time.Duration, clock bool, input *pump) Errno {
	var due <-chan time.Time
	if clock {
		t := time.NewTimer(left)
		defer t.Stop()
		due = t.C
	}
	var data <-chan struct{}
	if input != nil {
		if data = input.start(); data == nil {
			return ESUCCESS
		}
	}
	select {
	case <-due:
	case <-data:
		input.finish()
	case <-s.ctx.Done():
		return EINTR
	}
	return ESUCCESS
}

// fire marks what has happened after a sleep: input that is there, else the
// clocks that were due first.
func (s *Sandbox) fire(left time.Duration, input *pump) {
	got := input != nil && input.ready()
	for i := range s.subs {
		sub := &s.subs[i]
		if sub.pump != nil {
			sub.fired = got
			sub.measure()
		} else if !got {
			sub.fired = sub.left <= left
		}
	}
}

// putEvents writes the events of what has fired to out and returns how many.
func (s *Sandbox) putEvents(out []byte) uint32 {
	var n uint32
	for i := range s.subs {
		sub := &s.subs[i]
		if !sub.fired {
			continue
		}
		e := out[n*eventSize:][:eventSize]
		clear(e)
		binary.LittleEndian.PutUint64(e, sub.userdata)
		binary.LittleEndian.PutUint16(e[8:], uint16(sub.errno))
		e[10] = sub.typ
		binary.LittleEndian.PutUint64(e[16:], sub.nbytes)
		binary.LittleEndian.PutUint16(e[24:], sub.flags)
		n++
	}
	return n
}
