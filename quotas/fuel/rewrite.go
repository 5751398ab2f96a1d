package fuel

// rewriting is a body on its way.
type rewriting struct {
	*body
	loops       []loop
	fuel, stack []int64 // what is taken before each of its calls
	open        open
	seen        int // loops
	params      int
	bulkType    uint32 // of three i32
}

// rewrite writes the body with its charges and the new indices of functions.
func (l *layout) rewrite(b rewriting) error {
	s := newScanner(b.code, b.base)
	c := &code{layout: l, b: make([]byte, 0, len(b.code)+len(b.code)/4)}
	last, local := size{}, false
	fuel, stack := b.fuel, b.stack
	for s.next() {
		if c.control(s, &b) {
			continue
		}
		switch s.op {
		case opCall, opCallIndirect:
			c.enter(fuel[0], stack[0])
			c.call(s)
			c.leave(stack[0])
			fuel, stack = fuel[1:], stack[1:]
		case opRefFunc:
			c.index(opRefFunc, l.function(s.arg))
		case opMemoryCopy, opMemoryFill, opMemoryInit, opMemoryGrow:
			local = c.move(bulkOf(&s.instr), last, &b) || local
		default:
			c.b = append(c.b, b.code[s.at:s.instr.end]...)
		}
		last = s.size()
	}
	b.code = c.b
	if local {
		b.addLocal(typeI32)
	}
	return s.err
}

// control writes loops and branches back to them, and follows blocks; it tells whether
// it has written the instruction.
func (c *code) control(s *scanner, b *rewriting) bool {
	switch s.op {
	case opLoop:
		b.open = append(b.open, b.seen)
		b.seen++
		c.b = append(c.b, b.code[s.at:s.instr.end]...)
		if l := b.loops[b.seen-1]; l.head {
			c.charge(l.cost)
		}
		return true
	case opBlock, opIf:
		b.open = append(b.open, -1)
	case opEnd:
		b.open = b.open[:max(len(b.open)-1, 0)]
	case opBr, opBrIf:
		if l := b.open.loop(s.arg); l >= 0 && !b.loops[l].head {
			c.back(s, b.loops[l].cost)
			return true
		}
	}
	return false
}

// back writes a branch to a loop that is charged here.
func (c *code) back(s *scanner, cost int64) {
	if s.op == opBr {
		c.charge(cost)
		c.index(opBr, s.arg)
		return
	}
	c.block(opIf)
	c.charge(cost)
	c.index(opBr, s.arg+1)
	c.op(opEnd)
}

// move writes what takes the place of an instruction that moves memory, and tells
// whether it needs a local more.
func (c *code) move(k bulk, n size, b *rewriting) bool {
	switch {
	case k.inPlace() && n.isSmall():
		c.bulk(k)
	case k.inPlace():
		c.smallInPlace(k, c.mover(k), uint32(b.params)+uint32(b.count), b.bulkType)
		return true
	default:
		c.index(opCall, c.mover(k))
	}
	return false
}

// addLocal adds a local after all others.
func (b *body) addLocal(typ byte) {
	r := reader{b: b.locals}
	n := r.u32()
	b.locals = append(appendU32(nil, n+1), r.b[r.pos:]...)
	b.locals = append(b.locals, 1, typ)
	b.count++
}

func (c *code) call(s *scanner) {
	if s.op == opCallIndirect {
		c.b = append(c.b, s.b[s.at:s.instr.end]...)
		return
	}
	c.index(opCall, c.function(s.arg))
}

// mover returns the function that stands for an instruction that moves memory.
func (l *layout) mover(k bulk) uint32 {
	for i := range l.kinds {
		if l.kinds[i] == k {
			return l.bulk + uint32(i)
		}
	}
	return l.data // not met: kinds has all that bodies use
}

// wrapper returns the function that charges for an imported one and calls it.
func (l *layout) wrapper(of uint32, params int, cost int64) body {
	c := &code{layout: l}
	c.charge(cost)
	for i := range params {
		c.locals(uint32(i))
	}
	c.index(opCall, of)
	c.op(opEnd)
	return body{locals: []byte{0}, code: c.b}
}

// slowBody returns the function that calls the host for what has run out.
func (l *layout) slowBody() body {
	c := &code{layout: l}
	c.callIfNegative(l.tick, l.fuel)
	c.callIfNegative(l.grow, l.stack)
	c.op(opEnd)
	return body{locals: []byte{0}, code: c.b}
}
