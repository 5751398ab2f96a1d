// Package fuel rewrites a WebAssembly module so that a guest cannot run for long
// without meeting its host. [Instrument] puts a charge into every cycle: a counter in
// a global, "fuel", is decremented, and where it falls below zero an imported function,
// "tick", is called, which sets it anew, waits, or ends the guest by a panic. [Check]
// proves of a module, without trust in how it was made, that this is so.
//
// Charged are the branches back in each loop, or its head, enough calls that no recursion is free, each
// call of the host, and each instruction that moves memory, by its size and in chunks.
// With Options.Stack each recursion also counts the bytes of native stack that it takes.
//
// Besides, data segments no longer apply themselves, and there is no start function:
// the host calls the export [Data] once, before anything else, which does both. All
// mutable globals are exported, so that memory, tables and they are the whole state.
//
// Tables are the module's own: no host puts functions in them, or hands out references.
//
// Reading the source: instrument.go, rewrite.go (one body), choice.go (which calls),
// callgraph.go, bulk.go; check.go; below them
// module.go and encode.go, body.go and opcode.go.
package fuel

import (
	"fmt"
	"strconv"
)

// Version is raised with every change of what Instrument makes of a module, so that what
// is kept of an earlier one is not used.
const Version = 3

// What the host and an instrumented module know each other by.
const (
	// Fuel is an exported global, i64: what is left. It begins with 0, so the first
	// charge ticks.
	Fuel = "wasgi_fuel"
	// Stack is an exported global, i64: the bytes left of the native stack. It
	// begins with 0, so the first counted call asks for more.
	Stack = "wasgi_stack"
	// Data is an exported function that takes and returns nothing: it applies the
	// data segments and calls what was the start function. To be called once, first.
	Data = "wasgi_data"
	// GlobalPrefix and an index name mutable globals that had no export.
	GlobalPrefix = "wasgi_global_"

	// DefaultModule, DefaultTick and DefaultGrow name what is imported.
	DefaultModule = "wasgi"
	DefaultTick   = "tick"
	DefaultGrow   = "stack_grow"
)

// Options say what a rewrite does. The zero value charges fuel and does not count
// the stack.
type Options struct {
	Module string // of the functions imported; empty: DefaultModule
	Tick   string // called without fuel; empty: DefaultTick
	Grow   string // called without stack, to give more or to panic; empty: DefaultGrow
	Stack  bool   // count the native stack
	// Import tells what a call of a host function costs, at least 1. Nil: 1000 each.
	Import func(module, name string) int64
}

func (o Options) withDefaults() Options {
	for _, d := range []struct {
		to *string
		is string
	}{{&o.Module, DefaultModule}, {&o.Tick, DefaultTick}, {&o.Grow, DefaultGrow}} {
		if *d.to == "" {
			*d.to = d.is
		}
	}
	if o.Import == nil {
		o.Import = func(string, string) int64 { return importCost }
	}
	return o
}

// Instrument returns the module rewritten. The same module and options give the same
// bytes. It does not validate: what is no valid module gives an error, or a module
// that is not valid either.
func Instrument(wasm []byte, o Options) ([]byte, error) {
	out, err := instrument(wasm, o.withDefaults())
	if err != nil {
		return nil, fmt.Errorf("instrument: %w", err)
	}
	return out, nil
}

func instrument(wasm []byte, o Options) ([]byte, error) {
	m, err := decode(wasm)
	if err != nil {
		return nil, err
	}
	if err := m.free(o); err != nil {
		return nil, err
	}
	all, err := m.outlines()
	if err != nil {
		return nil, err
	}
	chosen, err := choose(m, all, o.Stack)
	if err != nil {
		return nil, err
	}
	l := m.layout(all, o)
	bulkType := uint32(0)
	if len(l.kinds) > 0 {
		bulkType = m.typeOf(bulk{op: opMemoryCopy}.signature())
	}
	for i := range m.bodies {
		err := l.rewrite(rewriting{
			body: &m.bodies[i], loops: all[i].loops, fuel: chosen.fuel[i], stack: chosen.stack[i],
			params: len(m.types[m.functions[i]].params), bulkType: bulkType,
		})
		if err != nil {
			return nil, fmt.Errorf("function %d: %w", int(l.imports)+i, err)
		}
	}
	if err := m.add(l, o); err != nil {
		return nil, err
	}
	return m.encode(), nil
}

// free holds that the names of what is added are not taken.
func (m *module) free(o Options) error {
	for _, i := range m.imports {
		if i.module == o.Module && (i.name == o.Tick || i.name == o.Grow) {
			return fmt.Errorf("%s.%s is imported already", i.module, i.name)
		}
	}
	for _, e := range m.exports {
		if e.name == Fuel || e.name == Stack || e.name == Data {
			return fmt.Errorf("%s is exported already", e.name)
		}
	}
	return nil
}

// outlines reads all bodies.
func (m *module) outlines() ([]outline, error) {
	all := make([]outline, len(m.bodies))
	first := m.importedCount(kindFunction)
	for i := range m.bodies {
		var err error
		if all[i], err = outlineOf(m.bodies[i].code, m.bodies[i].base); err != nil {
			return nil, fmt.Errorf("function %d: %w", first+i, err)
		}
		if err = m.has(&all[i]); err != nil {
			return nil, fmt.Errorf("function %d: %w", first+i, err)
		}
	}
	return all, nil
}

// has holds that what a body speaks of exists, lest it becomes something added.
func (m *module) has(o *outline) error {
	for _, f := range o.refs {
		if n := m.importedCount(kindFunction) + len(m.functions); int(f) >= n {
			return fmt.Errorf("ref.func: function %d does not exist", f)
		}
	}
	for _, k := range o.bulk {
		if k.op == opMemoryInit && int(k.segment) >= len(m.data) {
			return fmt.Errorf("memory.init: segment %d does not exist", k.segment)
		}
	}
	if n := m.importedCount(kindGlobal) + len(m.globals); int(o.globals) > n {
		return fmt.Errorf("global %d does not exist", o.globals-1)
	}
	if int(o.types) > len(m.types) {
		return fmt.Errorf("a block's type %d does not exist", o.types-1)
	}
	return nil
}

// layout decides where what is added has its place: imports after the imports,
// functions after the functions, in the order in which add makes them.
func (m *module) layout(all []outline, o Options) *layout {
	l := &layout{imports: uint32(m.importedCount(kindFunction)), added: 1}
	l.fuel = uint32(m.importedCount(kindGlobal) + len(m.globals))
	l.stack = l.fuel + 1
	l.tick = l.imports
	if o.Stack {
		l.grow = l.tick + 1
		l.added++
	}
	l.wrappers = l.imports + l.added + uint32(len(m.bodies))
	l.slow = l.wrappers + l.imports
	l.bulk = l.slow
	if o.Stack {
		l.bulk++
	}
	l.kinds = kinds(m, all)
	l.data = l.bulk + uint32(len(l.kinds))
	return l
}

// kinds lists the functions that move memory, each once.
func kinds(m *module, all []outline) []bulk {
	var list []bulk
	used := map[bulk]bool{}
	for i := range all {
		for _, k := range all[i].bulk {
			used[k] = true
		}
	}
	for _, o := range []op{opMemoryCopy, opMemoryFill, opMemoryGrow} {
		if used[bulk{op: o}] {
			list = append(list, bulk{op: o})
		}
	}
	for i := range m.data {
		if k := (bulk{opMemoryInit, uint32(i)}); used[k] {
			list = append(list, k)
		}
	}
	return list
}

// add puts what is new into the module and moves indices.
func (m *module) add(l *layout, o Options) error {
	names := map[int]string{}
	nothing := m.typeOf(signature{})
	m.addImport(o.Module, o.Tick, nothing, names)
	if o.Stack {
		m.addImport(o.Module, o.Grow, nothing, names)
	}
	m.move(l)
	for _, i := range m.imports[:len(m.imports)-int(l.added)] {
		if i.kind == kindFunction {
			cost := o.Import(i.module, i.name)
			if cost < leastCost {
				return fmt.Errorf("%s.%s costs %d, expected at least %d", i.module, i.name, cost, leastCost)
			}
			m.addFunction(i.typ, l.wrapper(m.wrapped(l, len(m.bodies)), len(m.types[i.typ].params), cost), "wasgi."+i.name, names)
		}
	}
	if o.Stack {
		m.addFunction(nothing, l.slowBody(), "wasgi.slow", names)
	}
	for _, k := range l.kinds {
		length := 0
		if k.op == opMemoryInit {
			length = len(m.data[k.segment].bytes)
		}
		m.addFunction(m.typeOf(k.signature()), k.body(l, length), k.name(), names)
	}
	m.addFunction(nothing, (&code{layout: l}).applyData(m.data, m.start), Data, names)
	m.start = -1
	m.addGlobals(l, o)
	m.exports = append(m.exports, exported{name: Data, kind: kindFunction, index: l.data})
	if err := m.exportGlobals(l); err != nil {
		return err
	}
	return m.rename(int(l.imports), int(l.added), names)
}

// wrapped returns the import that the function for body i stands for.
func (m *module) wrapped(l *layout, i int) uint32 {
	return uint32(i) + l.imports + l.added - l.wrappers
}

// typeOf returns the index of a type, which it adds if it is not there.
func (m *module) typeOf(s signature) uint32 {
	for i, t := range m.types {
		if t.same(s) {
			return uint32(i)
		}
	}
	m.types = append(m.types, s)
	return uint32(len(m.types) - 1)
}

func (m *module) addImport(module, name string, typ uint32, names map[int]string) {
	names[m.importedCount(kindFunction)] = module + "." + name
	m.imports = append(m.imports, imported{module: module, name: name, typ: typ})
}

func (m *module) addFunction(typ uint32, b body, name string, names map[int]string) {
	names[m.importedCount(kindFunction)+len(m.functions)] = name
	m.functions = append(m.functions, typ)
	m.bodies = append(m.bodies, b)
}

// move adjusts the indices of functions outside of bodies. An imported function that
// is exported stays what it is: only the host calls it there.
func (m *module) move(l *layout) {
	for i := range m.exports {
		if e := &m.exports[i]; e.kind == kindFunction && e.index >= l.imports {
			e.index += l.added
		}
	}
	m.eachExpression(func(e *expression) error {
		if e.op == opRefFunc {
			e.index = l.function(e.index)
		}
		return nil
	})
}

func (m *module) addGlobals(l *layout, o Options) {
	zero := expression{op: opI64Const, raw: []byte{byte(opI64Const), 0, byte(opEnd)}}
	g := global{typ: []byte{typeI64, 1}, mutable: true, init: zero}
	m.globals = append(m.globals, g)
	m.exports = append(m.exports, exported{name: Fuel, kind: kindGlobal, index: l.fuel})
	if o.Stack {
		m.globals = append(m.globals, g)
		m.exports = append(m.exports, exported{name: Stack, kind: kindGlobal, index: l.stack})
	}
}

// exportGlobals exports the mutable globals that are not.
func (m *module) exportGlobals(l *layout) error {
	has := map[uint32]bool{}
	taken := map[string]bool{}
	for _, e := range m.exports {
		taken[e.name] = true
		if e.kind == kindGlobal {
			has[e.index] = true
		}
	}
	for i, mutable := range m.mutableGlobals() {
		if name := GlobalPrefix + strconv.Itoa(i); mutable && !has[uint32(i)] {
			if taken[name] {
				return fmt.Errorf("%s is exported already", name)
			}
			m.exports = append(m.exports, exported{name: name, kind: kindGlobal, index: uint32(i)})
		}
	}
	return nil
}

// mutableGlobals tells of each global whether it can change, those imported first.
func (m *module) mutableGlobals() []bool {
	var all []bool
	for _, i := range m.imports {
		if i.kind == kindGlobal {
			all = append(all, i.desc[1] == 1)
		}
	}
	for _, g := range m.globals {
		all = append(all, g.mutable)
	}
	return all
}
