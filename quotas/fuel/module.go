package fuel

import (
	"bytes"
	"errors"
	"fmt"
)

// Ids of the sections.
const (
	sectionCustom    = 0
	sectionType      = 1
	sectionImport    = 2
	sectionFunction  = 3
	sectionTable     = 4
	sectionMemory    = 5
	sectionGlobal    = 6
	sectionExport    = 7
	sectionStart     = 8
	sectionElement   = 9
	sectionCode      = 10
	sectionData      = 11
	sectionDataCount = 12
)

// Kinds of imports and exports.
const (
	kindFunction = 0
	kindTable    = 1
	kindMemory   = 2
	kindGlobal   = 3
)

const (
	header    = "\x00asm\x01\x00\x00\x00"
	typeI32   = 0x7f
	typeI64   = 0x7e
	blockVoid = 0x40
)

// module is a decoded module. What no rewrite touches stays as bytes.
type module struct {
	types     []signature
	imports   []imported
	functions []uint32 // types of those defined
	tables    [][]byte
	memories  [][]byte
	globals   []global
	exports   []exported
	start     int // function, -1 for none
	elements  []element
	bodies    []body
	data      []segment
	customs   []custom
}

// signature is a function type, in the order of the encoding.
type signature struct {
	params, results []byte
}

func (s signature) same(t signature) bool {
	return bytes.Equal(s.params, t.params) && bytes.Equal(s.results, t.results)
}

type imported struct {
	module, name string
	kind         byte
	typ          uint32 // of a function
	desc         []byte // of others
}

// global is a global that is defined here.
type global struct {
	typ     []byte // value type and mutability
	mutable bool
	init    expression
}

type exported struct {
	name  string
	kind  byte
	index uint32
}

// expression is a constant expression of one instruction.
type expression struct {
	op    op
	index uint32 // of ref.func and global.get
	raw   []byte // with its end
}

// element is an element segment, its items functions or, with expressions, expressions.
type element struct {
	flags  uint32
	head   []byte // what stands between flags and items
	offset expression
	items  []expression
}

type body struct {
	locals []byte // the vector
	count  uint64 // of locals
	code   []byte
	base   int // of code in the module
}

// segment is a data segment.
type segment struct {
	active bool
	offset expression
	bytes  []byte
}

// custom is a custom section and the section it comes after.
type custom struct {
	after int
	name  string
	bytes []byte // after the name
}

// importedCount tells how many imports are of a kind; so many indices come before
// the first that is defined.
func (m *module) importedCount(kind byte) int {
	n := 0
	for _, i := range m.imports {
		if i.kind == kind {
			n++
		}
	}
	return n
}

// functionTypes returns the type of each function, those imported first.
func (m *module) functionTypes() []uint32 {
	var all []uint32
	for _, i := range m.imports {
		if i.kind == kindFunction {
			all = append(all, i.typ)
		}
	}
	return append(all, m.functions...)
}

// consistent holds that every index outside of bodies is one of something.
func (m *module) consistent() error {
	if len(m.functions) != len(m.bodies) {
		return fmt.Errorf("%d functions have %d bodies", len(m.functions), len(m.bodies))
	}
	if len(m.memories)+m.importedCount(kindMemory) > 1 {
		return errors.New("not supported: more than one memory")
	}
	for i, t := range m.functionTypes() {
		if int(t) >= len(m.types) {
			return fmt.Errorf("function %d: type %d does not exist", i, t)
		}
	}
	functions := m.importedCount(kindFunction) + len(m.functions)
	if m.start >= functions {
		return fmt.Errorf("start: function %d does not exist", m.start)
	}
	for _, e := range m.exports {
		if e.kind == kindFunction && int(e.index) >= functions {
			return fmt.Errorf("export %q: function %d does not exist", e.name, e.index)
		}
		if e.kind == kindGlobal && int(e.index) >= m.importedCount(kindGlobal)+len(m.globals) {
			return fmt.Errorf("export %q: global %d does not exist", e.name, e.index)
		}
	}
	return m.eachExpression(func(e *expression) error {
		if e.op == opRefFunc && int(e.index) >= functions {
			return fmt.Errorf("ref.func: function %d does not exist", e.index)
		}
		return nil
	})
}

// eachExpression calls f for the values of globals and elements.
func (m *module) eachExpression(f func(*expression) error) error {
	for i := range m.globals {
		if err := f(&m.globals[i].init); err != nil {
			return err
		}
	}
	for i := range m.elements {
		for j := range m.elements[i].items {
			if err := f(&m.elements[i].items[j]); err != nil {
				return err
			}
		}
	}
	return nil
}
