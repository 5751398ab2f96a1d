package fuel

// generator makes valid modules out of chance: functions that loop, call each other,
// the table and the host, and move memory. Every turn of a loop and every call takes
// one from a global, and returns when there is none, so that all of them end.
type generator struct {
	chance    []byte // what is left of it; then zeros
	functions int
	c         *code
	labels    int // blocks around this place, the function's own included
	size      int // of what is generated, to bound it
}

// Indices in a generated module.
const (
	genTwice   = 0 // import
	genFirst   = 1 // function
	genBinary  = 1 // type of the functions
	genLocals  = 5 // two of them parameters
	genSegment = 64
)

// next returns a number below n.
func (g *generator) next(n int) int {
	if len(g.chance) == 0 {
		return 0
	}
	b := int(g.chance[0])
	g.chance = g.chance[1:]
	return b % n
}

// generate returns a module with the exports run, memory and left, which begins with
// so many.
func generate(chance []byte, left int32) []byte {
	g := &generator{chance: chance}
	g.functions = 2 + g.next(4)
	unary := signature{params: []byte{typeI32}, results: []byte{typeI32}}
	binary := signature{params: []byte{typeI32, typeI32}, results: []byte{typeI32}}
	initial := &code{}
	initial.i32(left)
	initial.op(opEnd)
	m := &module{
		types:    []signature{unary, binary, binary},
		imports:  []imported{{module: "env", name: "twice", typ: 0}},
		tables:   [][]byte{{0x70, 0, 8}},
		memories: [][]byte{{1, 1, 3}},
		globals:  []global{{typ: []byte{typeI32, 1}, mutable: true, init: expression{raw: initial.b}}},
		exports: []exported{{"run", kindFunction, genFirst}, {"memory", kindMemory, 0},
			{"left", kindGlobal, 0}},
		data: []segment{{bytes: make([]byte, genSegment)}},
	}
	zero := expression{op: opI32Const, raw: []byte{byte(opI32Const), 0, byte(opEnd)}}
	e := element{head: zero.raw, offset: zero}
	for i := range 8 {
		e.items = append(e.items, expression{op: opRefFunc, index: uint32(g.next(g.functions+1)*(i&3+1)) % uint32(g.functions+1)})
	}
	m.elements = []element{e}
	for range g.functions {
		m.functions = append(m.functions, uint32(genBinary+g.next(2)))
		m.bodies = append(m.bodies, g.function())
	}
	return m.encode()
}

func (g *generator) function() body {
	g.c, g.labels, g.size = &code{}, 1, 0
	g.spend()
	g.c.block(opIf)
	g.c.i32(7)
	g.c.op(opReturn, opEnd)
	g.statements(4)
	g.value(3)
	g.c.op(opEnd)
	return body{locals: []byte{1, genLocals - 2, typeI32}, code: g.c.b}
}

// spend takes one from the global and leaves whether there is none left.
func (g *generator) spend() {
	g.c.index(opGlobalGet, 0)
	g.c.i32(1)
	g.c.op(opI32Sub)
	g.c.index(opGlobalSet, 0)
	g.c.index(opGlobalGet, 0)
	g.c.i32(1)
	g.c.op(0x48) // i32.lt_s
}

func (g *generator) statements(depth int) {
	for range 1 + g.next(4) {
		g.statement(depth)
	}
}

func (g *generator) statement(depth int) {
	if g.size++; g.size > 200 {
		return
	}
	if depth == 0 {
		g.value(1)
		g.c.index(opLocalSet, uint32(g.next(genLocals)))
		return
	}
	switch g.next(12) {
	case 0, 1:
		g.loop(depth)
	case 2:
		g.block(opBlock, depth)
	case 3:
		g.value(depth - 1)
		g.block(opIf, depth)
	case 4:
		g.value(depth - 1)
		g.c.index(opBrIf, uint32(g.next(g.labels-1+1)%max(g.labels-1, 1)))
		if g.labels == 1 { // the function's own label takes a result
			g.c.b = g.c.b[:len(g.c.b)-2]
			g.c.op(0x1a)
		}
	case 5:
		g.branch(depth)
	case 6:
		g.value(depth - 1)
		g.value(depth - 1)
		g.memory(0x36, 2)
	case 7, 8:
		g.bulk(depth)
	default:
		g.value(depth)
		g.c.index(opLocalSet, uint32(g.next(genLocals)))
	}
}

// loop is left when nothing is left, and otherwise goes on by chance.
func (g *generator) loop(depth int) {
	g.c.block(opBlock)
	g.c.block(opLoop)
	g.labels += 2
	g.spend()
	g.c.index(opBrIf, 1)
	g.statements(depth - 1)
	g.value(depth - 1)
	g.c.index(opBrIf, 0)
	g.labels -= 2
	g.c.op(opEnd, opEnd)
}

func (g *generator) block(o op, depth int) {
	g.c.block(o)
	g.labels++
	g.statements(depth - 1)
	if o == opIf && g.next(2) == 1 {
		g.c.op(opElse)
		g.statements(depth - 1)
	}
	g.labels--
	g.c.op(opEnd)
}

// branch leaves the place for good, in one of several ways.
func (g *generator) branch(depth int) {
	switch n := g.labels - 1; {
	case n == 0 || g.next(5) == 0:
		g.value(depth - 1)
		g.c.op(opReturn)
	case g.next(3) == 0:
		g.c.index(opBr, uint32(g.next(n)))
	case g.next(8) == 0:
		g.c.op(opUnreachable)
	default:
		g.value(depth - 1)
		g.c.op(opBrTable)
		g.c.b = append(g.c.b, 2, byte(g.next(n)), byte(g.next(n)), byte(g.next(n)))
	}
}

// memory writes a load or store, mostly within bounds.
func (g *generator) memory(o op, align byte) {
	g.c.op(o)
	g.c.b = append(g.c.b, align, byte(g.next(128)))
}

func (g *generator) bulk(depth int) {
	kind := g.next(4)
	if kind == 3 {
		g.value(depth - 1)
		g.c.i32(3)
		g.c.op(0x71) // i32.and
		g.c.bulk(bulk{op: opMemoryGrow})
		g.c.op(0x1a)
		return
	}
	g.value(depth - 1)
	g.value(depth - 1)
	if g.next(2) == 0 {
		g.c.i32(int32(g.next(256) * 9))
	} else {
		g.value(depth - 1)
	}
	g.c.bulk([]bulk{{op: opMemoryCopy}, {op: opMemoryFill}, {op: opMemoryInit}}[kind])
}

// value writes what leaves an i32.
func (g *generator) value(depth int) {
	if depth <= 0 || g.size > 200 {
		g.leaf()
		return
	}
	g.size++
	switch g.next(10) {
	case 0:
		g.value(depth - 1)
		g.value(depth - 1)
		g.c.index(opCall, uint32(genFirst+g.next(g.functions)))
	case 1:
		g.value(depth - 1)
		g.value(depth - 1)
		g.value(depth - 1)
		g.c.index(opCallIndirect, uint32(g.next(3)))
		g.c.b = append(g.c.b, 0)
		if g.c.b[len(g.c.b)-2] == 0 { // the type of one parameter
			g.c.b[len(g.c.b)-2] = genBinary
		}
	case 2:
		g.value(depth - 1)
		g.c.index(opCall, genTwice)
	case 3:
		g.value(depth - 1)
		g.memory(0x28, 2)
	case 4:
		g.value(depth - 1)
		g.value(depth - 1)
		g.c.op(0x6e) // i32.div_u
	case 5, 6, 7:
		g.value(depth - 1)
		g.value(depth - 1)
		g.c.op([]op{opI32Add, opI32Sub, 0x6c, 0x71, 0x73, opI32LtU, opI32Ne}[g.next(7)])
	default:
		g.leaf()
	}
}

func (g *generator) leaf() {
	switch g.next(4) {
	case 0:
		g.c.i32(int32(g.next(256)) - 16)
	case 1:
		g.c.i32(int32(g.next(256) * 517))
	default:
		g.c.locals(uint32(g.next(genLocals)))
	}
}
