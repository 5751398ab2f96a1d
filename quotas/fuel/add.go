package fuel

import (
	"fmt"
	"strconv"
)

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
	m.rename(int(l.imports), int(l.added), names)
	return nil
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
