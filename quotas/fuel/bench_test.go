package fuel

import (
	"context"
	"testing"

	"github.com/tetratelabs/wazero"
)

// BenchmarkGuest compares guests with and without charges.
func BenchmarkGuest(b *testing.B) {
	for _, bench := range []struct {
		guest, call string
		args        []uint64
	}{
		{"loops", "sum", []uint64{100_000}},
		{"loops", "nested", []uint64{300}},
		{"calls", "fib", []uint64{20}},
		{"calls", "even", []uint64{1000}},
		{"bulk", "copy", []uint64{0, 4096, 64}},
	} {
		wasm := wat(b, bench.guest)
		modules := map[string][]byte{"plain": wasm, "fuel": rewritten(b, wasm, Options{}), "stack": rewritten(b, wasm, Options{Stack: true})}
		for _, kind := range []string{"plain", "fuel", "stack"} {
			b.Run(bench.call+"/"+kind, func(b *testing.B) {
				g := load(b, wazero.NewRuntimeConfigCompiler(), modules[kind], &host{slice: 1 << 20, stack: 1 << 40})
				f := g.ExportedFunction(bench.call)
				for b.Loop() {
					if _, err := f.Call(context.Background(), bench.args...); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
