package fuel

import (
	"fmt"
	"slices"
)

// reading is a body's instructions.
type reading struct {
	in     []instr
	labels map[int][]uint32 // of each br_table, by its place
	base   int
}

func newReading(b *body) (*reading, error) {
	r := &reading{base: b.base, labels: map[int][]uint32{}}
	s := newScanner(b.code, b.base)
	for s.next() {
		if s.op == opBrTable {
			r.labels[len(r.in)] = slices.Clone(s.labels)
		}
		r.in = append(r.in, s.instr)
	}
	return r, s.err
}

// ordinary checks a function of the guest's own.
type ordinary struct {
	*checker
	*reading
	fuel, held []bool // to be set, of each site
	pos        int    // in the reading
	sites      int    // passed
	blocks     []bool // open ones: a loop that does not begin with a charge
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
		p := o.enter()
		o.blocks = append(o.blocks, p.fuel < leastCost || p.stack != 0)
	case opBlock, opIf:
		o.blocks = append(o.blocks, false)
	case opEnd:
		o.blocks = o.blocks[:max(len(o.blocks)-1, 0)]
	case opBr:
		if before.fuel < leastCost {
			return o.branch(in.arg)
		}
	case opBrIf:
		return o.branch(in.arg)
	case opBrTable:
		for _, l := range o.labels[o.pos-1] {
			if err := o.branch(l); err != nil {
				return err
			}
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

// branch checks one that is not charged: it leads to no loop, or to one that is.
func (o *ordinary) branch(label uint32) error {
	if int(label) < len(o.blocks) && o.blocks[len(o.blocks)-1-int(label)] {
		return fmt.Errorf("a loop is gone round without a charge")
	}
	return nil
}

func (o *ordinary) call(in *instr, before paid) error {
	if in.op == opCall && (in.arg < o.imports || in.arg == o.data || o.o.Stack && in.arg == o.slow) {
		return fmt.Errorf("function %d is called, which is none of the guest's", in.arg)
	}
	o.fuel[o.sites] = before.fuel >= leastCost
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
