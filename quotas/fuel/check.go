package fuel

import (
	"bytes"
	"errors"
	"fmt"
)

// Check returns nil if a module keeps what [Instrument] promises with the same options,
// which it proves of the module as it is:
//
//   - each loop begins with a charge, or each branch back to it is charged; each host
//     function is called only by a function that charges its cost first, and
//     instructions that move memory, and those that charge, are nowhere else than where
//     they should be;
//   - calls make no cycle, but for those that are charged, where they are made or where the
//     function begins that is called;
//   - data segments are passive, nothing starts by itself, mutable globals are exported.
//
// It does not validate: the module must also be one that compiles. Nor does it tell how
// much can run between two charges, only that it comes to an end: thirty functions that
// each call the next twice make no cycle.
func Check(wasm []byte, o Options) error {
	if err := check(wasm, o.withDefaults()); err != nil {
		return fmt.Errorf("check: %w", err)
	}
	return nil
}

func check(wasm []byte, o Options) error {
	m, err := decode(wasm)
	if err != nil {
		return err
	}
	c := &checker{m: m, o: o, layout: layout{imports: uint32(m.importedCount(kindFunction))}}
	for _, f := range []func() error{c.find, c.state, c.references, c.functions} {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

type checker struct {
	m       *module
	o       Options
	all     []outline
	charged [][]bool // of each body's sites: right before
	entries []bool   // of each body: where it begins
	layout
}

// find looks up what the rewrite has added.
func (c *checker) find() (err error) {
	if c.tick, err = c.function(c.o.Tick); err != nil {
		return err
	}
	if c.fuel, err = c.counter(); err != nil {
		return err
	}
	c.data, err = c.exported(Data, kindFunction)
	return err
}

func (b *body) same(as *body) bool {
	return b.count == 0 && bytes.Equal(b.code, as.code)
}

// function returns the index of a function that is imported from o.Module.
func (c *checker) function(name string) (uint32, error) {
	index := uint32(0)
	for _, i := range c.m.imports {
		if i.kind != kindFunction {
			continue
		}
		if i.module == c.o.Module && i.name == name {
			if !c.m.types[i.typ].same(signature{}) {
				return 0, fmt.Errorf("%s.%s takes or returns something", i.module, name)
			}
			return index, nil
		}
		index++
	}
	return 0, fmt.Errorf("%s.%s is not imported", c.o.Module, name)
}

func (c *checker) exported(name string, kind byte) (uint32, error) {
	for _, e := range c.m.exports {
		if e.name == name && e.kind == kind {
			return e.index, nil
		}
	}
	return 0, fmt.Errorf("%s is not exported", name)
}

// counter returns the index of the global that is charged.
func (c *checker) counter() (uint32, error) {
	g, err := c.exported(Fuel, kindGlobal)
	if err != nil {
		return 0, err
	}
	i := int(g) - c.m.importedCount(kindGlobal)
	if i < 0 || !bytes.Equal(c.m.globals[i].typ, []byte{typeI64, 1}) {
		return 0, fmt.Errorf("%s is not a mutable i64 of the module", Fuel)
	}
	return g, nil
}

// state checks that nothing but what is exported changes.
func (c *checker) state() error {
	if c.m.start >= 0 {
		return errors.New("there is a start function")
	}
	for i, s := range c.m.data {
		if s.active {
			return fmt.Errorf("data segment %d is active", i)
		}
	}
	has := map[uint32]bool{}
	for _, e := range c.m.exports {
		if e.kind == kindGlobal {
			has[e.index] = true
		}
	}
	for i, mutable := range c.m.mutableGlobals() {
		if mutable && !has[uint32(i)] {
			return fmt.Errorf("global %d is mutable and not exported", i)
		}
	}
	return nil
}

// references checks that what only the host and charges may call is in no table.
func (c *checker) references() error {
	return c.m.eachExpression(func(e *expression) error {
		if e.op == opRefFunc {
			return c.reference(e.index)
		}
		return nil
	})
}

func (c *checker) reference(f uint32) error {
	if f < c.imports || f == c.data {
		return fmt.Errorf("function %d is referred to", f)
	}
	return nil
}

func (c *checker) functions() error {
	var err error
	if c.all, err = c.m.outlines(); err != nil {
		return err
	}
	for i := range c.m.bodies {
		c.charged = append(c.charged, make([]bool, len(c.all[i].sites)))
		c.entries = append(c.entries, false)
		if err := c.one(i); err != nil {
			return fmt.Errorf("function %d: %w", int(c.imports)+i, err)
		}
	}
	return c.acyclic()
}

// one checks a function: one that was added must be exactly that.
func (c *checker) one(i int) error {
	b := &c.m.bodies[i]
	switch f := c.imports + uint32(i); {
	case f == c.data:
		return c.appliesData(b)
	case c.isBulk(i):
		return nil
	}
	if w, err := c.isWrapper(i); w || err != nil {
		return err
	}
	r, err := newReading(b)
	if err != nil {
		return err
	}
	o := &ordinary{checker: c, reading: r, charged: c.charged[i]}
	c.entries[i] = o.charge()
	return o.check()
}

// isBulk tells whether a body is one that moves memory.
func (c *checker) isBulk(i int) bool {
	if len(c.all[i].bulk) != 1 {
		return false
	}
	k := c.all[i].bulk[0]
	length := 0
	if k.op == opMemoryInit {
		length = len(c.m.data[k.segment].bytes)
	}
	want := k.body(&c.layout, length)
	return bytes.Equal(c.m.bodies[i].locals, want.locals) && bytes.Equal(c.m.bodies[i].code, want.code)
}

// isWrapper tells whether a body calls the host, and has an error if it does so in
// another way than by charging its cost first.
func (c *checker) isWrapper(i int) (bool, error) {
	for _, s := range c.all[i].sites {
		if s.indirect || s.to >= c.imports || s.to == c.tick {
			continue
		}
		f := c.hosts()[s.to]
		cost := c.o.Import(f.module, f.name)
		want := c.wrapper(s.to, len(c.m.types[f.typ].params), cost)
		if !c.m.bodies[i].same(&want) {
			return false, fmt.Errorf("%s.%s is called, expected first a charge of %d and nothing besides",
				f.module, f.name, cost)
		}
		return true, nil
	}
	return false, nil
}

// hosts lists the functions that are imported.
func (c *checker) hosts() []imported {
	var all []imported
	for _, i := range c.m.imports {
		if i.kind == kindFunction {
			all = append(all, i)
		}
	}
	return all
}

// appliesData checks that the function of data has no loops and calls the start
// function alone.
func (c *checker) appliesData(b *body) error {
	s := newScanner(b.code, b.base)
	calls := 0
	for s.next() {
		switch s.op {
		case opI32Const, opGlobalGet, opMemoryInit, opDataDrop, opEnd:
			continue
		case opCall:
			calls++
			if s.arg >= c.imports && calls == 1 {
				continue
			}
		}
		return fmt.Errorf("%s: instruction %v at offset %#x", Data, s.op, b.base+s.at)
	}
	return s.err
}

// acyclic checks that the calls that are not charged make no cycle: it takes away,
// again and again, what nobody calls.
func (c *checker) acyclic() error {
	g, err := newGraph(c.m, c.all)
	if err != nil {
		return err
	}
	copy(g.charged[g.first:], c.entries)
	callers := make([]int, len(g.out))
	for i := range g.edges {
		e := &g.edges[i]
		e.cut = g.passes(e) || e.caller >= 0 && c.charged[e.caller][e.site]
		if !e.cut {
			callers[e.to]++
		}
	}
	var idle []int
	for n := range callers {
		if callers[n] == 0 {
			idle = append(idle, n)
		}
	}
	gone := 0
	for ; gone < len(idle); gone++ {
		for _, i := range g.out[idle[gone]] {
			if e := &g.edges[i]; !e.cut {
				if callers[e.to]--; callers[e.to] == 0 {
					idle = append(idle, int(e.to))
				}
			}
		}
	}
	for n := range callers {
		if callers[n] > 0 && gone < len(callers) {
			return fmt.Errorf("function or type %d is called in a cycle of which no call is charged", n)
		}
	}
	return nil
}
