package fuel

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// chances returns n seeds for the generator, always the same.
func chances(n int) [][]byte {
	r := rand.New(rand.NewPCG(1, 2))
	all := make([][]byte, n)
	for i := range all {
		all[i] = make([]byte, 50+r.IntN(600))
		for j := range all[i] {
			all[i][j] = byte(r.Uint32())
		}
	}
	return all
}

// FuzzInstrument holds that no bytes make it panic, and that what wazero takes it
// takes still when it is rewritten.
func FuzzInstrument(f *testing.F) {
	for _, name := range []string{"loops", "calls", "bulk", "start"} {
		f.Add(wat(f, name), true)
		f.Add(wat(f, name), false)
	}
	for _, c := range chances(10) {
		f.Add(generate(c, 9), false)
	}
	f.Fuzz(func(t *testing.T, wasm []byte, stack bool) {
		o := Options{Stack: stack}
		out, err := Instrument(wasm, o)
		Check(wasm, o)
		if err != nil {
			return
		}
		ctx := context.Background()
		r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
		defer r.Close(ctx)
		if _, err := r.CompileModule(ctx, withoutCustom(wasm)); err != nil {
			return
		}
		if err := Check(out, o); err != nil {
			t.Error(err)
		}
		if _, err := r.CompileModule(ctx, out); err != nil {
			t.Error(err)
		}
	})
}

// withoutCustom drops a module's custom sections: wazero makes room for as many names
// of locals as "name" says it has, 13 GB for a module of 386 bytes.
func withoutCustom(wasm []byte) []byte {
	out := []byte(header)
	r := &reader{b: wasm, pos: len(header)}
	for r.more() {
		from := r.pos
		id := r.byte()
		r.take(r.u32())
		if id != sectionCustom {
			out = append(out, r.since(from)...)
		}
	}
	return out
}

// FuzzSameResults holds that a guest does what it did before.
func FuzzSameResults(f *testing.F) {
	for _, c := range chances(60) {
		f.Add(c)
	}
	f.Fuzz(func(t *testing.T, chance []byte) {
		wasm := generate(chance, 400)
		plain := load(t, wazero.NewRuntimeConfigInterpreter(), wasm, &host{})
		want := plain.call("run", 3, 5)
		for _, o := range []Options{{}, {Stack: true}} {
			out, err := Instrument(wasm, o)
			if err == nil {
				err = Check(out, o)
			}
			if err != nil {
				t.Fatal(err)
			}
			fuelled := load(t, wazero.NewRuntimeConfigInterpreter(), out, &host{slice: 100, stack: 1 << 40})
			if got := fuelled.call("run", 3, 5); got != want {
				t.Errorf("%+v: %s, want %s", o, got, want)
			}
			if fuelled.memory() != plain.memory() {
				t.Errorf("%+v: the memory differs", o)
			}
			left := func(g *guest) uint64 { return g.ExportedGlobal("left").(api.MutableGlobal).Get() }
			if left(fuelled) != left(plain) || fuelled.calls != plain.calls {
				t.Errorf("%+v: another way was gone", o)
			}
		}
	})
}

// FuzzRunaways holds that a guest that is left alone is ended by its fuel.
func FuzzRunaways(f *testing.F) {
	for _, c := range chances(60) {
		f.Add(c)
	}
	f.Fuzz(func(t *testing.T, chance []byte) {
		out, err := Instrument(generate(chance, 1<<30), Options{Stack: true})
		if err != nil {
			t.Fatal(err)
		}
		g := load(t, wazero.NewRuntimeConfigCompiler(), out, &host{slice: 1000, budget: 50_000, stack: 1 << 40})
		if got := g.call("run", 3, 5); strings.Contains(got, "stack overflow") {
			t.Error(got)
		}
		if g.ticks > 51 {
			t.Errorf("%d ticks", g.ticks)
		}
	})
}
