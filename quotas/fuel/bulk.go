package fuel

import "fmt"

// bulk is an instruction whose work depends on a number that the guest gives. A
// function that charges for it and does it in chunks takes its place, with the same
// parameters and results.
type bulk struct {
	op      op
	segment uint32 // of memory.init
}

func bulkOf(in *instr) bulk {
	if in.op == opMemoryInit {
		return bulk{in.op, in.arg}
	}
	return bulk{op: in.op}
}

func (k bulk) signature() signature {
	if k.op == opMemoryGrow {
		return signature{params: []byte{typeI32}, results: []byte{typeI32}}
	}
	return signature{params: []byte{typeI32, typeI32, typeI32}}
}

// inPlace tells of an instruction whose small uses stay where they are. That is sound
// without a charge: their work is bounded, as that of any other instruction.
func (k bulk) inPlace() bool { return k.op == opMemoryCopy || k.op == opMemoryFill }

func (k bulk) name() string {
	if k.op == opMemoryInit {
		return fmt.Sprintf("wasgi.%v.%d", k.op, k.segment)
	}
	return "wasgi." + k.op.String()
}

// The parameters of copy, fill and init; what is filled in has no source.
const (
	localTo = iota
	localFrom
	localSize
)

// body returns the function. It traps where the instruction would, before anything
// is written. length is that of the segment of memory.init.
func (k bulk) body(l *layout, length int) body {
	c := &code{layout: l}
	if k.op == opMemoryGrow {
		c.growMemory()
		c.op(opEnd)
		return body{locals: []byte{1, 1, typeI32}, code: c.b}
	}
	c.atOnce(k)
	c.bounds(k, length)
	if k.op == opMemoryCopy {
		c.locals(localFrom, localTo)
		c.op(opI32LtU)
		c.block(opIf)
		c.chunks(k, true)
		c.op(opEnd)
	}
	c.chunks(k, false)
	c.op(opEnd)
	return body{locals: []byte{0}, code: c.b}
}

// bulk writes the instruction itself, its operands being on the stack.
func (c *code) bulk(k bulk) {
	c.op(k.op)
	switch k.op {
	case opMemoryCopy:
		c.b = append(c.b, 0, 0)
	case opMemoryInit:
		c.b = append(appendU32(c.b, k.segment), 0)
	default:
		c.b = append(c.b, 0)
	}
}

// smallInPlace does what is small in place and calls f for more. The cost of what is
// small is taken without a look at what is left. local is one to put the size in, and
// typ the type of three i32 and no results.
func (c *code) smallInPlace(k bulk, f, local, typ uint32) {
	c.index(opLocalTee, local)
	c.locals(local)
	c.i32(small)
	c.op(opI32LeU, opIf)
	c.b = appendSigned(c.b, int64(typ))
	c.take(local)
	c.bulk(k)
	c.op(opElse)
	c.index(opCall, f)
	c.op(opEnd)
}

// take charges for the size in a local.
func (c *code) take(local uint32) {
	c.index(opGlobalGet, c.fuel)
	c.locals(local)
	c.i32(bulkShift)
	c.op(opI32ShrU, opI64ExtendU)
	c.i64(bulkCost)
	c.op(opI64Add, opI64Sub)
	c.index(opGlobalSet, c.fuel)
}

// atOnce does what is no more than a chunk.
func (c *code) atOnce(k bulk) {
	c.locals(localSize)
	c.i32(chunk)
	c.op(opI32LeU)
	c.block(opIf)
	c.take(localSize)
	c.callIfNegative(c.tick, c.fuel)
	c.locals(localTo, localFrom, localSize)
	c.bulk(k)
	c.op(opReturn, opEnd)
}

// bounds does the whole at once where it traps.
func (c *code) bounds(k bulk, length int) {
	c.locals(localTo)
	c.pastEnd()
	c.op(opMemorySize)
	c.b = append(c.b, 0)
	c.op(opI64ExtendU)
	c.i64(16)
	c.op(opI64Shl, opI64GtU)
	switch k.op {
	case opMemoryCopy:
		c.locals(localFrom)
		c.pastEnd()
		c.op(opMemorySize)
		c.b = append(c.b, 0)
		c.op(opI64ExtendU)
		c.i64(16)
		c.op(opI64Shl, opI64GtU, opI32Or)
	case opMemoryInit:
		c.locals(localFrom)
		c.pastEnd()
		c.i64(int64(length))
		c.op(opI64GtU, opI32Or)
	}
	c.block(opIf)
	c.locals(localTo, localFrom, localSize)
	c.bulk(k)
	c.op(opEnd)
}

// pastEnd makes of an address the one after size bytes, without overflow.
func (c *code) pastEnd() {
	c.op(opI64ExtendU)
	c.locals(localSize)
	c.op(opI64ExtendU, opI64Add)
}

// chunks does it chunk by chunk, from the end where backward, and returns.
func (c *code) chunks(k bulk, backward bool) {
	c.block(opLoop)
	c.charge(bulkCost + chunk>>bulkShift)
	c.locals(localSize)
	c.i32(chunk)
	c.op(opI32GtU)
	c.block(opIf)
	if backward {
		c.add(localSize, -chunk)
		c.locals(localTo, localSize)
		c.op(opI32Add)
		c.locals(localFrom, localSize)
		c.op(opI32Add)
		c.i32(chunk)
		c.bulk(k)
	} else {
		c.locals(localTo, localFrom)
		c.i32(chunk)
		c.bulk(k)
		c.add(localTo, chunk)
		if k.op != opMemoryFill {
			c.add(localFrom, chunk)
		}
		c.add(localSize, -chunk)
	}
	c.index(opBr, 1)
	c.op(opEnd, opEnd)
	c.locals(localTo, localFrom, localSize)
	c.bulk(k)
	c.op(opReturn)
}

func (c *code) add(local uint32, v int32) {
	c.locals(local)
	c.i32(v)
	c.op(opI32Add)
	c.index(opLocalSet, local)
}

// growMemory charges for the pages once they are there: a guest at its limit may ask
// as often as it likes.
func (c *code) growMemory() {
	const pages, before = 0, 1
	c.charge(bulkCost)
	c.locals(pages)
	c.bulk(bulk{op: opMemoryGrow})
	c.index(opLocalTee, before)
	c.i32(-1)
	c.op(opI32Ne)
	c.block(opIf)
	c.index(opGlobalGet, c.fuel)
	c.locals(pages)
	c.op(opI64ExtendU)
	c.i64(pageShift)
	c.op(opI64Shl, opI64Sub)
	c.index(opGlobalSet, c.fuel)
	c.callIfNegative(c.tick, c.fuel)
	c.op(opEnd)
	c.locals(before)
}

// applyData returns the function that does what active segments do: in their order,
// with the same bounds, and each only once. Then it calls the start function.
func (c *code) applyData(data []segment, start int) body {
	for i, s := range data {
		if !s.active {
			continue
		}
		c.b = append(c.b, s.offset.raw[:len(s.offset.raw)-1]...)
		c.i32(0)
		c.i32(int32(uint32(len(s.bytes))))
		c.bulk(bulk{opMemoryInit, uint32(i)})
		c.index(opDataDrop, uint32(i))
	}
	if start >= 0 {
		c.index(opCall, c.function(uint32(start)))
	}
	c.op(opEnd)
	return body{locals: []byte{0}, code: c.b}
}
