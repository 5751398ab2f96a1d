package fuel

// layout says where what is added has its place in the output.
type layout struct {
	fuel, stack uint32 // globals
	tick, grow  uint32 // imported functions
	slow        uint32 // the function that calls both, if the stack is counted
	imports     uint32 // functions that were imported before
	added       uint32 // imports added
	wrappers    uint32 // the first of the functions that stand for imports
	bulk        uint32 // the first of the functions that move memory
	kinds       []bulk // what those are
	data        uint32 // the function that applies the data
}

// function returns the new index of a function; one imported is met through what
// charges for it.
func (l *layout) function(old uint32) uint32 {
	if old < l.imports {
		return l.wrappers + old
	}
	return old + l.added
}

// code is a sequence of instructions that is being written.
type code struct {
	b []byte
	*layout
}

func (c *code) op(ops ...op) {
	for _, o := range ops {
		if o>>16 == 0 {
			c.b = append(c.b, byte(o))
		} else {
			c.b = appendU32(append(c.b, byte(o>>16)), uint32(o)&0xffff)
		}
	}
}

// index writes an instruction with an index.
func (c *code) index(o op, index uint32) {
	c.op(o)
	c.b = appendU32(c.b, index)
}

func (c *code) locals(indices ...uint32) {
	for _, i := range indices {
		c.index(opLocalGet, i)
	}
}

func (c *code) i32(v int32) {
	c.op(opI32Const)
	c.b = appendSigned(c.b, int64(v))
}

func (c *code) i64(v int64) {
	c.op(opI64Const)
	c.b = appendSigned(c.b, v)
}

// block opens a block, loop or if without parameters and results.
func (c *code) block(o op) {
	c.op(o)
	c.b = append(c.b, blockVoid)
}

// change adds v to a counter, or takes it away.
func (c *code) change(counter uint32, o op, v int64) {
	c.index(opGlobalGet, counter)
	c.i64(v)
	c.op(o)
	c.index(opGlobalSet, counter)
}

// callIfNegative calls f if a counter, or one of two, has run out. The call is in the
// else, so that wazero takes what is in registers behind it from the way without the
// call: with "if negative, call" each turn of a loop reloads them all, which makes
// Python 8 % slower instead of 1.
func (c *code) callIfNegative(f uint32, counters ...uint32) {
	for _, g := range counters {
		c.index(opGlobalGet, g)
	}
	if len(counters) == 2 {
		c.op(opI64Or)
	}
	c.i64(0)
	c.op(opI64GeS)
	c.block(opIf)
	c.op(opElse)
	c.index(opCall, f)
	c.op(opEnd)
}

// charge takes cost from the fuel. wazero keeps a global that was just written in a
// register, so that no local is needed for the comparison.
func (c *code) charge(cost int64) {
	c.change(c.fuel, opI64Sub, cost)
	c.callIfNegative(c.tick, c.fuel)
}

// enter writes what comes before a call that costs fuel, stack or both.
func (c *code) enter(fuel, stack int64) {
	switch {
	case stack == 0 && fuel == 0:
	case stack == 0:
		c.charge(fuel)
	case fuel == 0:
		c.change(c.stack, opI64Sub, stack)
		c.callIfNegative(c.grow, c.stack)
	default:
		c.change(c.fuel, opI64Sub, fuel)
		c.change(c.stack, opI64Sub, stack)
		c.callIfNegative(c.slow, c.fuel, c.stack)
	}
}

// leave writes what comes after a call.
func (c *code) leave(stack int64) {
	if stack != 0 {
		c.change(c.stack, opI64Add, stack)
	}
}
