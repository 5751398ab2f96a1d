package fuel

import "fmt"

// Globals returns the export names of a module's mutable globals, but for Fuel: with its
// memory they are all that a guest of an instrumented module changes.
func Globals(wasm []byte) ([]string, error) {
	m, err := decode(wasm)
	if err != nil {
		return nil, fmt.Errorf("globals: %w", err)
	}
	mutable := m.mutableGlobals()
	var names []string
	for _, e := range m.exports {
		if e.kind == kindGlobal && int(e.index) < len(mutable) && mutable[e.index] && e.name != Fuel {
			names = append(names, e.name)
		}
	}
	return names, nil
}

// CheckWhole returns nil if memory and the globals of [Globals] are all that guests of an
// instrumented module change, once Data was called: nothing changes a table, or drops a
// segment.
func CheckWhole(wasm []byte) error {
	m, err := decode(wasm)
	if err != nil {
		return fmt.Errorf("check: %w", err)
	}
	data := -1
	for _, e := range m.exports {
		if e.name == Data && e.kind == kindFunction {
			data = int(e.index) - m.importedCount(kindFunction)
		}
	}
	for i := range m.bodies {
		if i == data {
			continue
		}
		if err := m.bodies[i].keeps(); err != nil {
			return fmt.Errorf("check: function %d: %w", m.importedCount(kindFunction)+i, err)
		}
	}
	return nil
}

// keeps returns nil if a function leaves tables and segments as they are.
func (b *body) keeps() error {
	s := newScanner(b.code, b.base)
	for s.next() {
		switch s.op {
		case opTableSet, opTableInit, opTableCopy, opTableGrow, opTableFill, opDataDrop, opElemDrop:
			return fmt.Errorf("instruction %v at offset %#x changes what is not memory and no global", s.op, b.base+s.at)
		}
	}
	return s.err
}
