package fuel

import "fmt"

// reading is a body's instructions, with the ways through it: free tells of each
// whether it can be reached from the entry without passing the head of a loop.
type reading struct {
	in   []instr
	free []bool
	base int
}

func newReading(b *body) (*reading, error) {
	r := &reading{base: b.base}
	s := newScanner(b.code, b.base)
	w := ways{now: true, ends: []way{{}}}
	for s.next() {
		r.in = append(r.in, s.instr)
		r.free = append(r.free, w.now)
		w.step(s)
	}
	return r, s.err
}

// ways finds what can be reached. It looks from the entry on, where flow asks what
// must have been passed.
type ways struct {
	now  bool // a free way leads here
	ends []way
}

// way is an open block.
type way struct {
	op     op
	before bool // a free way leads to its beginning
	end    bool // and to its end, by a branch or from the other side of an else
}

func (w *ways) step(s *scanner) {
	top := &w.ends[len(w.ends)-1]
	switch s.op {
	case opBlock, opIf:
		w.ends = append(w.ends, way{op: s.op, before: w.now})
	case opLoop:
		w.now = false
		w.ends = append(w.ends, way{op: opLoop})
	case opElse:
		top.end = top.end || w.now
		w.now, top.op = top.before, opElse
	case opEnd:
		w.now = w.now || top.end || top.op == opIf && top.before
		w.ends = w.ends[:len(w.ends)-1]
	case opBrIf:
		w.branch(s.arg)
	case opBr:
		w.branch(s.arg)
		w.now = false
	case opBrTable:
		for _, l := range s.labels {
			w.branch(l)
		}
		w.now = false
	case opReturn, opUnreachable:
		w.now = false
	}
}

func (w *ways) branch(label uint32) {
	to := &w.ends[len(w.ends)-1-int(label)]
	to.end = to.end || w.now && to.op != opLoop
}

// ordinary checks a function of the guest's own.
type ordinary struct {
	*checker
	*reading
	fuel, held []bool // to be set, of each site
	pos        int    // in the reading
	sites      int    // passed
}

// What smallInPlace writes is so long, and so far in is the instruction itself.
const (
	smallLength = 18
	smallOp     = 14
)

// paid is what a sequence before a call takes.
type paid struct{ fuel, stack int64 }

func (o *ordinary) check() error {
	var before paid
	for o.pos < len(o.in) {
		if p := o.enter(); p != (paid{}) {
			before = p
			continue
		}
		in := o.in[o.pos]
		if err := o.instr(&in, before); err != nil {
			return fmt.Errorf("offset %#x: %w", o.base+in.at, err)
		}
		before = paid{}
	}
	return nil
}

func (o *ordinary) instr(in *instr, before paid) error {
	o.pos++
	if before.stack != 0 && in.op != opCall && in.op != opCallIndirect {
		return fmt.Errorf("the stack is counted and no call follows")
	}
	switch in.op {
	case opLoop:
		if p := o.enter(); p.fuel < leastCost || p.stack != 0 {
			return fmt.Errorf("a loop does not begin with a charge")
		}
	case opCall, opCallIndirect:
		return o.call(in, before)
	case opGlobalSet:
		if in.arg == o.layout.fuel || o.o.Stack && in.arg == o.stack {
			return fmt.Errorf("global %d is set, which is none of the guest's", in.arg)
		}
	case opRefFunc:
		return o.reference(in.arg)
	case opLocalTee:
		o.move()
	case opMemoryCopy, opMemoryFill, opMemoryInit, opMemoryGrow:
		return o.small(in)
	}
	return nil
}

func (o *ordinary) call(in *instr, before paid) error {
	if in.op == opCall && (in.arg < o.imports || in.arg == o.data || o.o.Stack && in.arg == o.slow) {
		return fmt.Errorf("function %d is called, which is none of the guest's", in.arg)
	}
	o.fuel[o.sites] = before.fuel >= leastCost || !o.free[o.pos-1]
	o.held[o.sites] = before.stack != 0
	o.sites++
	if before.stack == 0 {
		return nil
	}
	if v, ok := o.change(o.stack, opI64Add); !ok || v != before.stack {
		return fmt.Errorf("a call is not followed by what gives back %d bytes of stack", before.stack)
	}
	return nil
}

// small checks an instruction that moves memory and stands by itself.
func (o *ordinary) small(in *instr) error {
	if o.pos >= 2 && bulkOf(in).inPlace() {
		before := &o.in[o.pos-2]
		if before.op == opI32Const && uint32(before.value) <= small {
			return nil
		}
	}
	return fmt.Errorf("%v is not charged", in.op)
}

// move passes what moves memory in place where it is small, if that is here: it puts
// the size into a local before it looks at it.
func (o *ordinary) move() {
	at := o.pos - 1
	if len(o.in) < at+smallLength {
		return
	}
	type_, op := o.in[at+4].arg, o.in[at+smallOp].op
	if !(bulk{op: op}).inPlace() || type_ == 0 {
		return
	}
	f := o.in[at+smallLength-2].arg
	if i := int(f) - int(o.imports); i < 0 || i >= len(o.m.bodies) || !o.isBulk(i) || o.all[i].bulk[0].op != op {
		return
	}
	want := code{layout: &o.layout}
	want.smallInPlace(bulk{op: op}, f, o.in[at].arg, type_-1)
	o.pos = at
	if o.sequence(want.b) {
		o.sites++
	} else {
		o.pos = at + 1
	}
}

// enter passes what may stand before a call or in a loop's head, and returns what it
// takes, zero if there is no such thing here.
func (o *ordinary) enter() paid {
	was, sites := o.pos, o.sites
	var p paid
	p.fuel, _ = o.change(o.layout.fuel, opI64Sub)
	if o.o.Stack {
		p.stack, _ = o.change(o.stack, opI64Sub)
	}
	ok := false
	switch {
	case p.fuel > 0 && p.stack > 0:
		ok = o.negative(o.slow, o.layout.fuel, o.stack)
	case p.fuel > 0:
		ok = o.negative(o.tick, o.layout.fuel)
	case p.stack > 0:
		ok = o.negative(o.grow, o.stack)
	}
	if !ok || p.fuel < 0 || p.stack < 0 {
		o.pos, o.sites = was, sites
		return paid{}
	}
	o.sites++
	return p
}

// change passes what changes a counter by a constant.
func (o *ordinary) change(counter uint32, by op) (int64, bool) {
	s := o.in[o.pos:]
	if len(s) < 4 || s[0].op != opGlobalGet || s[0].arg != counter || s[1].op != opI64Const || s[2].op != by ||
		s[3].op != opGlobalSet || s[3].arg != counter {
		return 0, false
	}
	o.pos += 4
	return s[1].value, true
}

// negative passes what calls f if a counter is negative.
func (o *ordinary) negative(f uint32, counters ...uint32) bool {
	want := code{layout: &o.layout}
	want.callIfNegative(f, counters...)
	return o.sequence(want.b)
}

// sequence passes exactly these instructions.
func (o *ordinary) sequence(want []byte) bool {
	s := newScanner(append(want, byte(opEnd)), 0)
	for s.next() && s.inner > 0 {
		if o.pos == len(o.in) {
			return false
		}
		in := o.in[o.pos]
		if in.op != s.op || in.arg != s.arg || in.arg2 != s.arg2 || in.value != s.value {
			return false
		}
		o.pos++
	}
	return true
}
