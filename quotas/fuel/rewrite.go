package fuel

// rewriting is a body on its way.
type rewriting struct {
	*body
	loops    []loop
	entry    int64   // cost of a call of it; 0: free
	costs    []int64 // of the calls it makes; 0: free
	frames   []frame
	opened   int // blocks of what is written
	seen     int // loops
	params   int
	bulkType uint32 // of three i32
}

// rewrite writes the body with its charges and the new indices of functions.
func (l *layout) rewrite(b rewriting) error {
	s := newScanner(b.code, b.base)
	c := &code{layout: l, b: make([]byte, 0, len(b.code)+len(b.code)/4)}
	last, local := size{}, false
	costs := b.costs
	if b.entry > 0 {
		c.charge(b.entry)
	}
	for s.next() {
		if c.control(s, &b) {
			continue
		}
		switch s.op {
		case opCall, opCallIndirect:
			if costs[0] > 0 {
				c.charge(costs[0])
			}
			c.call(s)
			costs = costs[1:]
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

// control writes blocks, loops and branches, whose labels it follows; it tells whether it
// has written the instruction.
func (c *code) control(s *scanner, b *rewriting) bool {
	switch s.op {
	case opLoop:
		b.loop(c, s)
		return true
	case opBlock, opIf:
		b.opened++
		b.frames = append(b.frames, frame{label: b.opened})
	case opEnd:
		return b.end(c)
	case opBr, opBrIf:
		b.branch(c, s)
		return true
	case opBrTable:
		b.table(c, s)
		return true
	}
	return false
}

// loop opens a loop. One that is charged where it is gone round becomes
//
//	block $out
//	  loop $again
//	    block $late
//	      ...         with "charge, br_if $again if fuel is left, br $late" for a branch back
//	      br $out
//	    end
//	    call $tick
//	    br $again
//	  end
//	end
//
// so that the call stands once and apart: in the place of each branch it would have wazero
// jump over it, and have what is in registers at hand on the stack.
func (b *rewriting) loop(c *code, s *scanner) {
	l := b.loops[b.seen]
	b.seen++
	if l.head || l.backs == 0 {
		b.opened++
		b.frames = append(b.frames, frame{label: b.opened})
		c.b = append(c.b, b.code[s.at:s.instr.end]...)
		if l.head {
			c.charge(l.cost)
		}
		return
	}
	typ := b.code[s.at+1 : s.instr.end]
	c.op(opBlock)
	c.b = append(c.b, typ...)
	c.op(opLoop)
	c.b = append(c.b, typ...)
	c.block(opBlock)
	b.opened += 3
	b.frames = append(b.frames, frame{label: b.opened - 1, cost: l.cost})
}

// end closes a block, and tells whether it has written the instruction.
func (b *rewriting) end(c *code) bool {
	if len(b.frames) == 0 {
		return false
	}
	f := b.frames[len(b.frames)-1]
	b.frames = b.frames[:len(b.frames)-1]
	if f.cost == 0 {
		b.opened--
		return false
	}
	b.opened -= 3
	c.index(opBr, 2)
	c.op(opEnd)
	c.index(opCall, c.tick)
	c.index(opBr, 0)
	c.op(opEnd, opEnd)
	return true
}

// branch writes a branch with its new label, and with a charge where it leads back.
func (b *rewriting) branch(c *code, s *scanner) {
	f, ok := b.frame(s.arg)
	if !ok || f.cost == 0 {
		c.index(s.op, b.label(s.arg))
		return
	}
	if s.op == opBr {
		c.back(f.cost, b.label(s.arg))
		return
	}
	c.block(opIf)
	c.back(f.cost, b.label(s.arg)+1)
	c.op(opEnd)
}

// back charges for a turn of the loop with a label, and leads to it, or to the block right
// in it, after which is the call of the host.
func (c *code) back(cost int64, loop uint32) {
	c.spend(cost)
	c.fuelIsLeft()
	c.block(opIf)
	c.index(opBr, loop+1)
	c.op(opEnd)
	c.index(opBr, loop-1)
}

// table writes a branch to one of many labels.
func (b *rewriting) table(c *code, s *scanner) {
	c.op(opBrTable)
	c.b = appendU32(c.b, uint32(len(s.labels)-1))
	for _, l := range s.labels {
		c.b = appendU32(c.b, b.label(l))
	}
}

// frame is a block that is open.
type frame struct {
	label int   // how many blocks are open in what is written, itself the last
	cost  int64 // of a branch back to it; 0: free
}

// frame returns the block that a label names, false for the function's own.
func (b *rewriting) frame(label uint32) (frame, bool) {
	if int(label) >= len(b.frames) {
		return frame{}, false
	}
	return b.frames[len(b.frames)-1-int(label)], true
}

// label returns what a label is in what is written.
func (b *rewriting) label(old uint32) uint32 {
	f, _ := b.frame(old)
	return uint32(b.opened - f.label)
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
