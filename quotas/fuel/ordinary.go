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
	charged []bool // to be set, of each site
	pos     int    // in the reading
	sites   int    // passed
	blocks  []opened
}

// opened is a block that is open.
type opened struct {
	op    op
	free  bool // a loop that does not begin with a charge
	late  bool // branches back to the loop right around it lead to its end without fuel
	other bool // so do others
}

// What smallInPlace writes is so long, and so far in is the instruction itself.
const (
	smallLength = 18
	smallOp     = 14
)

func (o *ordinary) check() error {
	paid := o.pos > 0 // right before
	for o.pos < len(o.in) {
		if o.charge() {
			paid = true
			continue
		}
		if o.back() {
			continue
		}
		in := o.in[o.pos]
		if err := o.instr(&in, paid); err != nil {
			return fmt.Errorf("offset %#x: %w", o.base+in.at, err)
		}
		paid = false
	}
	return nil
}

func (o *ordinary) instr(in *instr, paid bool) error {
	o.pos++
	switch in.op {
	case opLoop:
		o.blocks = append(o.blocks, opened{op: opLoop, free: !o.charge()})
	case opBlock, opIf:
		o.blocks = append(o.blocks, opened{op: in.op})
	case opEnd:
		return o.end()
	case opBr, opBrIf:
		return o.branch(in.arg)
	case opBrTable:
		for _, l := range o.labels[o.pos-1] {
			if err := o.branch(l); err != nil {
				return err
			}
		}
	case opCall, opCallIndirect:
		return o.call(in, paid)
	case opGlobalSet:
		if in.arg == o.fuel {
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

// branch checks one that is not charged: it leads to no loop, or to one that is, nor to
// where branches lead that are charged.
func (o *ordinary) branch(label uint32) error {
	if b := o.block(label); b != nil {
		b.other = true
		if b.free {
			return fmt.Errorf("a loop is gone round without a charge")
		}
	}
	return nil
}

// block returns the one that a label names, nil for the function's own.
func (o *ordinary) block(label uint32) *opened {
	if uint64(label) >= uint64(len(o.blocks)) {
		return nil
	}
	return &o.blocks[len(o.blocks)-1-int(label)]
}

// back passes a branch back to a loop with its charge, and tells whether there is one
// here. Without fuel it leads to the end of the block that is right in the loop.
func (o *ordinary) back() bool {
	const length, last = 11, 10
	s := o.in[o.pos:]
	if len(s) < length || s[0].op != opGlobalGet || s[1].op != opI64Const || s[1].value < leastCost || s[last].op != opBr {
		return false
	}
	was, want := o.pos, code{layout: &o.layout}
	want.back(s[1].value, s[last].arg+1)
	loop, late := o.block(s[last].arg+1), o.block(s[last].arg)
	if loop == nil || loop.op != opLoop || late.op != opBlock || !o.sequence(want.b) {
		o.pos = was
		return false
	}
	late.late = true
	return true
}

// end closes a block. Behind one to whose end branches lead that are charged, and nothing
// else, is the call of the host, and the way back to the loop.
func (o *ordinary) end() error {
	if len(o.blocks) == 0 {
		return nil
	}
	b := o.blocks[len(o.blocks)-1]
	o.blocks = o.blocks[:len(o.blocks)-1]
	if !b.late {
		return nil
	}
	want := code{layout: &o.layout}
	want.index(opCall, o.tick)
	want.index(opBr, 0)
	if b.other || o.in[o.pos-2].op != opBr || !o.sequence(want.b) {
		return fmt.Errorf("where a loop is gone round without fuel, there is not the call of the host alone")
	}
	o.sites++
	return nil
}

func (o *ordinary) call(in *instr, paid bool) error {
	if in.op == opCall && (in.arg < o.imports || in.arg == o.data) {
		return fmt.Errorf("function %d is called, which is none of the guest's", in.arg)
	}
	o.charged[o.sites] = paid
	o.sites++
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

// charge passes a charge, of whatever it takes, and tells whether there is one here.
func (o *ordinary) charge() bool {
	s := o.in[o.pos:]
	if len(s) < 2 || s[0].op != opGlobalGet || s[1].op != opI64Const || s[1].value < leastCost {
		return false
	}
	was, want := o.pos, code{layout: &o.layout}
	want.charge(s[1].value)
	if !o.sequence(want.b) {
		o.pos = was
		return false
	}
	o.sites++
	return true
}

// sequence passes exactly these instructions.
func (o *ordinary) sequence(want []byte) bool {
	s := newScanner(want, 0)
	s.inner = 1 << 30 // labels of blocks that are open around it exist
	for s.pos < len(want) {
		if !s.next() || o.pos == len(o.in) {
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
