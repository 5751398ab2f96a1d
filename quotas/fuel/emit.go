package fuel

// layout says where what is added has its place in the output.
type layout struct {
	fuel     uint32 // global
	tick     uint32 // imported function
	imports  uint32 // functions that were imported before
	wrappers uint32 // the first of the functions that stand for imports
	bulk     uint32 // the first of the functions that move memory
	kinds    []bulk // what those are
	data     uint32 // the function that applies the data
}

// added is how many imports are: Options.Tick.
const added = 1

// function returns the new index of a function; one imported is met through what
// charges for it.
func (l *layout) function(old uint32) uint32 {
	if old < l.imports {
		return l.wrappers + old
	}
	return old + added
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

// charge takes cost from the fuel. wazero keeps a global that was just written in a
// register, so that no local is needed for the comparison.
func (c *code) charge(cost int64) {
	c.spend(cost)
	c.tickIfNegative()
}

// spend takes cost from the fuel, without a look at what is left.
func (c *code) spend(cost int64) {
	c.index(opGlobalGet, c.fuel)
	c.i64(cost)
	c.op(opI64Sub)
	c.index(opGlobalSet, c.fuel)
}

// tickIfNegative calls the host if the fuel has run out. The call is in the else, so
// that wazero takes what is in registers behind it from the way without the call: with
// "if negative, call" each turn of a loop reloads them all, which makes Python 8 %
// slower instead of 1.
func (c *code) tickIfNegative() {
	c.fuelIsLeft()
	c.block(opIf)
	c.op(opElse)
	c.index(opCall, c.tick)
	c.op(opEnd)
}

// fuelIsLeft puts on the stack whether the fuel has not run out.
func (c *code) fuelIsLeft() {
	c.index(opGlobalGet, c.fuel)
	c.i64(0)
	c.op(opI64GeS)
}
