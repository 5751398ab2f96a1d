package fuel

// flow follows the ways through a body and knows of each place whether all of them
// lead through the head of a loop, where a charge is.
type flow struct {
	paid   bool // the place before the next instruction; true where nothing gets
	blocks []block
}

// block is an open block.
type block struct {
	loop  bool
	alone bool // an if without an else so far
	entry bool // paid before it
	exits bool // paid at every branch to its end
}

func newFlow() flow { return flow{blocks: []block{{exits: true}}} }

// step goes past an instruction.
func (f *flow) step(s *scanner) {
	switch s.op {
	case opBlock, opIf:
		f.blocks = append(f.blocks, block{alone: s.op == opIf, entry: f.paid, exits: true})
	case opLoop:
		f.paid = true
		f.blocks = append(f.blocks, block{loop: true, exits: true})
	case opElse:
		b := &f.blocks[len(f.blocks)-1]
		b.exits, b.alone = b.exits && f.paid, false
		f.paid = b.entry
	case opEnd:
		b := f.blocks[len(f.blocks)-1]
		f.blocks = f.blocks[:len(f.blocks)-1]
		f.paid = f.paid && b.exits && (b.entry || !b.alone)
	case opBrIf:
		f.branch(s.arg)
	case opBr:
		f.branch(s.arg)
		f.paid = true
	case opBrTable:
		for _, l := range s.labels {
			f.branch(l)
		}
		f.paid = true
	case opReturn, opUnreachable:
		f.paid = true
	}
}

// branch takes a way to a label into account. One to a loop leads to its head.
func (f *flow) branch(label uint32) {
	b := &f.blocks[len(f.blocks)-1-int(label)]
	if !b.loop {
		b.exits = b.exits && f.paid
	}
}
