package fuel

import "slices"

// instr is one instruction of a body.
type instr struct {
	op      op
	at, end int    // in the body's code
	arg     uint32 // first index, or label; of a block 1 + the index of its type, if it has one
	arg2    uint32 // second index
	value   int64  // of i32.const and i64.const
}

// scanner goes through the instructions of a function. It holds that they nest and
// that labels exist; types it leaves to who compiles the module.
type scanner struct {
	reader
	instr
	labels []uint32 // of the last br_table, the default last
	depth  int      // of blocks, the function's own included, before this instruction
	inner  int      // the same after it
}

func newScanner(code []byte, base int) *scanner {
	return &scanner{reader: reader{b: code, base: base}, inner: 1}
}

// next reads one instruction; false at the end, or with err set.
func (s *scanner) next() bool {
	if s.err != nil {
		return false
	}
	if s.inner == 0 {
		s.reader.end()
		return false
	}
	s.instr = instr{at: s.pos}
	s.depth = s.inner
	s.op = op(s.byte())
	if s.op >= 0xfb && s.op <= 0xfe {
		n := s.u32()
		if n > 0xffff {
			s.fail(s.at, "unknown instruction %v %#x", s.op, n)
		}
		s.op = s.op<<16 | op(n)
	}
	s.immediates()
	s.nest()
	s.instr.end = s.pos
	return s.err == nil
}

func (s *scanner) immediates() {
	switch s.op.shape() {
	case shapeUnknown:
		s.fail(s.at, "not supported: %v", s.op)
	case shapeBlock:
		if t := s.signed(33); t >= 0 {
			s.arg = uint32(t) + 1
		}
	case shapeIndex:
		s.arg = s.u32()
	case shapeIndices:
		s.arg, s.arg2 = s.u32(), s.u32()
	case shapeTable:
		s.table()
	case shapeMemory:
		s.memory()
	case shapeMemLane:
		s.memory()
		s.byte()
	case shapeLane, shapeType:
		s.byte()
	case shapeI32:
		s.value = s.signed(32)
	case shapeI64:
		s.value = s.signed(64)
	case shape4:
		s.take(4)
	case shape8:
		s.take(8)
	case shape16:
		s.take(16)
	case shapeVec:
		s.take(s.u32())
	}
	s.onlyMemory()
}

func (s *scanner) table() {
	s.labels = s.labels[:0]
	for range s.count() {
		s.labels = append(s.labels, s.u32())
	}
	s.labels = append(s.labels, s.u32())
}

// memory reads an alignment and an offset.
func (s *scanner) memory() {
	if align := s.u32(); align >= 32 {
		s.fail(s.at, "not supported: alignment %#x (a second memory?)", align)
	}
	s.u32()
}

// onlyMemory refuses a second memory.
func (s *scanner) onlyMemory() {
	var memory uint32
	switch s.op {
	case opMemorySize, opMemoryGrow, opMemoryFill:
		memory = s.arg
	case opMemoryInit:
		memory = s.arg2
	case opMemoryCopy:
		memory = s.arg | s.arg2
	}
	if memory != 0 {
		s.fail(s.at, "not supported: %v of a second memory", s.op)
	}
}

// nest follows the blocks and holds that labels exist.
func (s *scanner) nest() {
	switch s.op {
	case opBlock, opLoop, opIf:
		s.inner++
	case opEnd:
		s.inner--
	case opBr, opBrIf:
		s.label(s.arg)
	case opBrTable:
		for _, l := range s.labels {
			s.label(l)
		}
	}
}

func (s *scanner) label(l uint32) {
	if uint64(l) >= uint64(s.depth) {
		s.fail(s.at, "label %d does not exist", l)
	}
}

// site is a call that a body makes.
type site struct {
	at, end  int
	to       uint32 // a function's index, or a type's
	indirect bool
	depth    int // of blocks around it
	loops    int // of loops around it
}

// loop is a loop of a body.
type loop struct {
	// head: it is charged where it begins. Others are charged where a branch leads
	// back: what does not go round costs nothing, and wazero then keeps in registers
	// what the loop changes, where it would store it in each turn.
	head  bool
	backs int // branches that lead back
	cost  int64
}

// outline is what the choice of charges needs to know of a body.
type outline struct {
	sites  []site
	loops  []loop
	refs   []uint32 // functions whose reference is taken
	bulk   []bulk   // what moves memory, without repetition
	instrs int
	// One more than the greatest index, 0 for none.
	globals, types uint32
}

// mostBacks is how many branches back to a loop are charged each: the loop of an
// interpreter has hundreds, and what it changes is on the stack in any case.
const mostBacks = 2

// outlineOf reads a body.
func outlineOf(code []byte, base int) (outline, error) {
	s := newScanner(code, base)
	w := walker{}
	for s.next() {
		w.step(s)
	}
	for i := range w.out.loops {
		l := &w.out.loops[i]
		l.cost = loopCost(l.cost)
		l.head = l.head || l.backs > mostBacks
	}
	return w.out, s.err
}

// walker makes an outline.
type walker struct {
	out  outline
	size size // that the instruction before leaves
	open open
}

// open are the blocks around a place, the function's own not among them: the number
// of a loop, -1 for others.
type open []int

// loop returns the loop that a branch leads back to, -1 if it leads to none.
func (o open) loop(label uint32) int {
	if int64(label) >= int64(len(o)) {
		return -1
	}
	return o[len(o)-1-int(label)]
}

func (w *walker) step(s *scanner) {
	w.out.instrs++
	if l := w.loop(); l >= 0 {
		w.out.loops[l].cost++
	}
	switch s.op {
	case opCall:
		w.out.sites = append(w.out.sites, w.site(s, s.arg, false))
	case opCallIndirect:
		w.out.sites = append(w.out.sites, w.site(s, s.arg, true))
	case opRefFunc:
		w.out.refs = append(w.out.refs, s.arg)
	case opMemoryCopy, opMemoryFill, opMemoryInit, opMemoryGrow:
		w.bulk(bulkOf(&s.instr))
	case opTableInit, opTableCopy, opTableGrow, opTableFill:
		s.fail(s.at, "not supported: %v", s.op)
	case opGlobalGet, opGlobalSet:
		w.out.globals = max(w.out.globals, s.arg, s.arg+1)
	case opLoop:
		w.out.types = max(w.out.types, s.arg)
		w.open = append(w.open, len(w.out.loops))
		w.out.loops = append(w.out.loops, loop{head: s.arg != 0})
	case opBlock, opIf:
		w.out.types = max(w.out.types, s.arg)
		w.open = append(w.open, -1)
	case opBr, opBrIf:
		if i := w.open.loop(s.arg); i >= 0 {
			w.out.loops[i].backs++
		}
	case opBrTable:
		for _, l := range s.labels {
			if i := w.open.loop(l); i >= 0 {
				w.out.loops[i].head = true
			}
		}
	case opEnd:
		if len(w.open) > 0 {
			w.open = w.open[:len(w.open)-1]
		}
	}
	w.size = s.size()
}

func (w *walker) bulk(k bulk) {
	if k.inPlace() && w.size.isSmall() {
		return
	}
	if !slices.Contains(w.out.bulk, k) {
		w.out.bulk = append(w.out.bulk, k)
	}
}

// size is the number that an instruction leaves on the stack, where it is a constant.
type size struct {
	known bool
	value uint32
}

func (s *scanner) size() size {
	return size{known: s.op == opI32Const, value: uint32(s.value)}
}

func (s size) isSmall() bool { return s.known && s.value <= small }

// loop returns the innermost loop around this place, -1 if there is none.
func (w *walker) loop() int {
	for i := len(w.open) - 1; i >= 0; i-- {
		if w.open[i] >= 0 {
			return w.open[i]
		}
	}
	return -1
}

func (w *walker) site(s *scanner, to uint32, indirect bool) site {
	loops := 0
	for _, l := range w.open {
		if l >= 0 {
			loops++
		}
	}
	return site{at: s.at, end: s.instr.end, to: to, indirect: indirect, depth: s.depth, loops: loops}
}
