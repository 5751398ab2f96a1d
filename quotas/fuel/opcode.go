package fuel

// op is an instruction: its byte, or prefix<<16 | number for those of 0xfc and 0xfd.
type op uint32

// The instructions that are looked at or written.
const (
	opUnreachable  op = 0x00
	opBlock        op = 0x02
	opLoop         op = 0x03
	opIf           op = 0x04
	opElse         op = 0x05
	opEnd          op = 0x0b
	opBr           op = 0x0c
	opBrIf         op = 0x0d
	opBrTable      op = 0x0e
	opReturn       op = 0x0f
	opCall         op = 0x10
	opCallIndirect op = 0x11
	opSelectTyped  op = 0x1c
	opLocalGet     op = 0x20
	opLocalSet     op = 0x21
	opLocalTee     op = 0x22
	opGlobalGet    op = 0x23
	opGlobalSet    op = 0x24
	opTableSet     op = 0x26
	opMemorySize   op = 0x3f
	opMemoryGrow   op = 0x40
	opI32Const     op = 0x41
	opI64Const     op = 0x42
	opF32Const     op = 0x43
	opF64Const     op = 0x44
	opI32Ne        op = 0x47
	opI32LtU       op = 0x49
	opI32GtU       op = 0x4b
	opI32LeU       op = 0x4d
	opI64GtU       op = 0x56
	opI64GeS       op = 0x59
	opI32Add       op = 0x6a
	opI32Sub       op = 0x6b
	opI32Or        op = 0x72
	opI32ShrU      op = 0x76
	opI64Add       op = 0x7c
	opI64Sub       op = 0x7d
	opI64Shl       op = 0x86
	opI64ExtendU   op = 0xad
	opRefNull      op = 0xd0
	opRefFunc      op = 0xd2

	opMemoryInit op = 0xfc0008
	opDataDrop   op = 0xfc0009
	opMemoryCopy op = 0xfc000a
	opMemoryFill op = 0xfc000b
	opTableInit  op = 0xfc000c
	opElemDrop   op = 0xfc000d
	opTableCopy  op = 0xfc000e
	opTableGrow  op = 0xfc000f
	opTableFill  op = 0xfc0011

	opV128Const op = 0xfd000c
)

const (
	prefixMisc = 0xfc
	prefixSIMD = 0xfd
)

// shape says what follows an instruction's opcode.
type shape byte

const (
	shapeUnknown shape = iota // not an instruction of those supported
	shapeNone
	shapeBlock   // block type
	shapeIndex   // one index
	shapeIndices // two indices
	shapeTable   // of labels
	shapeMemory  // alignment and offset
	shapeLane    // a byte
	shapeMemLane // alignment, offset and a byte
	shapeI32
	shapeI64
	shape4    // 4 bytes
	shape8    // 8 bytes
	shape16   // 16 bytes
	shapeType // a reference type
	shapeVec  // types
)

// shape returns shapeUnknown for what is not supported.
func (o op) shape() shape {
	switch o >> 16 {
	case prefixMisc:
		return shapeMisc(uint32(o) & 0xffff)
	case prefixSIMD:
		return shapeSIMD(uint32(o) & 0xffff)
	}
	switch {
	case o == opBlock, o == opLoop, o == opIf:
		return shapeBlock
	case o <= 0x01, o == opElse, o == opEnd, o == opReturn, o == 0x1a, o == 0x1b,
		o >= 0x45 && o <= 0xc4, o == 0xd1:
		return shapeNone
	case o == opBr, o == opBrIf, o == opCall, o >= opLocalGet && o <= opTableSet,
		o == opMemorySize, o == opMemoryGrow, o == opRefFunc:
		return shapeIndex
	case o == opBrTable:
		return shapeTable
	case o == opCallIndirect:
		return shapeIndices
	case o == opSelectTyped:
		return shapeVec
	case o >= 0x28 && o <= 0x3e:
		return shapeMemory
	}
	return shapeConst(o)
}

func shapeConst(o op) shape {
	switch o {
	case opI32Const:
		return shapeI32
	case opI64Const:
		return shapeI64
	case opF32Const:
		return shape4
	case opF64Const:
		return shape8
	case opRefNull:
		return shapeType
	}
	return shapeUnknown
}

func shapeMisc(n uint32) shape {
	switch {
	case n <= 7: // saturating conversions
		return shapeNone
	case n == 8, n == 10, n == 12, n == 14:
		return shapeIndices
	case n <= 17:
		return shapeIndex
	}
	return shapeUnknown
}

func shapeSIMD(n uint32) shape {
	switch {
	case n <= 11, n == 92, n == 93:
		return shapeMemory
	case n == 12, n == 13:
		return shape16
	case n >= 21 && n <= 34:
		return shapeLane
	case n >= 84 && n <= 91:
		return shapeMemLane
	}
	switch n { // not assigned
	case 154, 162, 165, 166, 175, 176, 178, 179, 180, 187, 194, 197, 198, 207, 208, 210, 211, 212, 226, 238:
		return shapeUnknown
	}
	if n <= 255 {
		return shapeNone
	}
	return shapeUnknown
}

// String names the instructions that messages speak of, others by number.
func (o op) String() string {
	switch o {
	case opTableInit:
		return "table.init"
	case opTableCopy:
		return "table.copy"
	case opTableGrow:
		return "table.grow"
	case opTableFill:
		return "table.fill"
	case opMemoryInit:
		return "memory.init"
	case opMemoryCopy:
		return "memory.copy"
	case opMemoryFill:
		return "memory.fill"
	case opMemoryGrow:
		return "memory.grow"
	case opMemorySize:
		return "memory.size"
	case 0x12:
		return "return_call"
	case 0x13:
		return "return_call_indirect"
	case 0x06, 0x07, 0x08, 0x09, 0x0a, 0x18, 0x19, 0x1f:
		return "an instruction of exceptions, " + o.number()
	case 0x14, 0x15, 0xd3, 0xd4, 0xd5, 0xd6:
		return "an instruction of typed references, " + o.number()
	}
	switch o >> 16 {
	case 0xfb:
		return "an instruction of garbage collection, " + o.number()
	case 0xfe:
		return "an instruction of threads, " + o.number()
	}
	return o.number()
}

func (o op) number() string {
	const digits = "0123456789abcdef"
	hex := func(b byte) string { return string([]byte{'0', 'x', digits[b>>4], digits[b&15]}) }
	if o>>16 == 0 {
		return hex(byte(o))
	}
	return hex(byte(o>>16)) + " " + hex(byte(o>>8)) + hex(byte(o))[2:]
}
