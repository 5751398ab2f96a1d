package fuel

// rewrite returns the code of a body with its charges, and with the new indices of
// functions. fuel and stack say of each of its calls what is taken before it.
func (l *layout) rewrite(b *body, loops []loop, fuel, stack []int64) ([]byte, error) {
	s := newScanner(b.code, b.base)
	c := &code{layout: l, b: make([]byte, 0, len(b.code)+len(b.code)/4)}
	for s.next() {
		switch s.op {
		case opLoop:
			c.b = append(c.b, b.code[s.at:s.instr.end]...)
			c.charge(loops[0].cost)
			loops = loops[1:]
		case opCall, opCallIndirect:
			c.enter(fuel[0], stack[0])
			c.call(s)
			c.leave(stack[0])
			fuel, stack = fuel[1:], stack[1:]
		case opRefFunc:
			c.index(opRefFunc, l.function(s.arg))
		case opMemoryCopy, opMemoryFill, opMemoryInit, opMemoryGrow:
			c.index(opCall, l.mover(bulkOf(&s.instr)))
		default:
			c.b = append(c.b, b.code[s.at:s.instr.end]...)
		}
	}
	return c.b, s.err
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
