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
