// Package fuel rewrites a WebAssembly module so that a guest cannot run for long
// without meeting its host. [Instrument] puts a charge into every cycle: a counter in
// a global, "fuel", is decremented, and where it falls below zero an imported function,
// "tick", is called, which sets it anew, waits, or ends the guest by a panic. [Check]
// proves of a module, without trust in how it was made, that this is so.
//
// Charged are the branches back in each loop, or its head, enough calls or functions that
// no recursion is free, each call of the host, and each instruction that moves memory, by
// its size and in chunks.
//
// Besides, data segments no longer apply themselves, and there is no start function:
// the host calls the export [Data] once, before anything else, which does both. All
// mutable globals are exported, so that memory, tables and they are the whole state.
//
// Tables are the module's own: no host puts functions in them, or hands out references.
//
// Reading the source: instrument.go, add.go (what is new), rewrite.go (one body),
// choice.go (which calls), callgraph.go and forward.go, bulk.go; check.go and ordinary.go; below them
// module.go, decode.go and encode.go, body.go and opcode.go.
package fuel

import (
	"cmp"
	"fmt"
)

// Version is raised with every change of what Instrument makes of a module, so that what
// is kept of an earlier one is not used.
const Version = 6

// What the host and an instrumented module know each other by.
const (
	// Fuel is an exported global, i64: what is left. It begins with 0, so the first
	// charge ticks.
	Fuel = "wasgi_fuel"
	// Data is an exported function that takes and returns nothing: it applies the
	// data segments and calls what was the start function. To be called once, first.
	Data = "wasgi_data"
	// GlobalPrefix and an index name mutable globals that had no export.
	GlobalPrefix = "wasgi_global_"

	// DefaultModule and DefaultTick name what is imported.
	DefaultModule = "wasgi"
	DefaultTick   = "tick"
)

// Options say what a rewrite does.
type Options struct {
	Module string // of the functions imported; empty: DefaultModule
	Tick   string // called without fuel; empty: DefaultTick
	// Import tells what a call of a host function costs, at least 1. Nil: 1000 each.
	Import func(module, name string) int64
}

func (o Options) withDefaults() Options {
	o.Module = cmp.Or(o.Module, DefaultModule)
	o.Tick = cmp.Or(o.Tick, DefaultTick)
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
	choice, err := choose(m, all)
	if err != nil {
		return nil, err
	}
	l := m.layout(all)
	bulkType := uint32(0)
	if len(l.kinds) > 0 {
		bulkType = m.typeOf(bulk{op: opMemoryCopy}.signature())
	}
	for i := range m.bodies {
		err := l.rewrite(rewriting{
			body: &m.bodies[i], loops: all[i].loops, entry: choice.entries[i], costs: choice.sites[i],
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
		if i.module == o.Module && i.name == o.Tick {
			return fmt.Errorf("%s.%s is imported already", i.module, i.name)
		}
	}
	for _, e := range m.exports {
		if e.name == Fuel || e.name == Data {
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
