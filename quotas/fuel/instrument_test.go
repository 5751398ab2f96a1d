package fuel

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
)

// step is a call that a test makes.
type step struct {
	name string
	args []uint64
}

func steps(t *testing.T, text string) []step {
	t.Helper()
	var all []step
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		s := step{name: words[0]}
		for _, w := range words[1:] {
			var n uint64
			if _, err := fmt.Sscan(w, &n); err != nil {
				t.Fatal(w, err)
			}
			s.args = append(s.args, n)
		}
		all = append(all, s)
	}
	return all
}

// A guest does what it did before: results, traps, memory.
func TestSameResults(t *testing.T) {
	for _, test := range []struct{ guest, steps string }{
		{"loops", "sum 1\n sum 1000\n nested 1\n nested 37\n dispatch 0\n dispatch 3\n multi 1\n multi 9\n trap 7\n sum 3"},
		{"calls", `fib 0
			fib 15
			iseven 100
			iseven 101
			count 50
			depth
			even 40
			viatable 21
			callleaf 3
			loops 8
			after 9
			skipped 9
			hosts 10`},
		{"start", "get\n byref\n one\n two"},
		{"bulk", `pattern 2621440
			copy 0 0 0
			copy 100 50 1000
			copy 50 100 1000
			copy 1 0 2621439
			copy 0 1 2621439
			copy 0 0 2621440
			copy 0 0 2621441
			copy 300000 0 2300000
			copy 0 300000 2300000
			copy 7 300000 2300000
			copy 2621440 0 0
			copy 2621441 0 0
			copy 2621439 0 2
			copy 1000000 4294967295 2
			copy 1 4294967040 262400
			copy 4294967040 1 262400
			copy 0 1 4294967295
			fill 5 7 0
			fill 5 7 3
			fill 100 255 1000000
			fill 0 1 2621440
			fill 1 2 2621440
			fill 4294967295 2 4294967295
			fill 262144 9 262144
			fill 262144 8 262145
			pattern 4096
			init 0 0 16
			init 3 5 4
			init 0 0 17
			init 4294967295 0 4
			init 0 4294967295 2
			init 0 0 1000000
			again 0 0 0
			drop
			init 0 0 0
			init 0 0 1
			grow 0
			grow 1
			fill 2621440 3 65536
			grow 100
			grow 4294967295
			grow 19
			grow 1`},
	} {
		wasm := wat(t, test.guest)
		for _, o := range []Options{{}, {Stack: true}} {
			t.Run(fmt.Sprintf("%s/stack=%v", test.guest, o.Stack), func(t *testing.T) {
				out := rewritten(t, wasm, o)
				var total []int64
				for _, slice := range []int64{1, 1000, 1 << 40} {
					plain := load(t, wazero.NewRuntimeConfigCompiler(), wasm, &host{})
					fuelled := load(t, wazero.NewRuntimeConfigCompiler(), out, &host{slice: slice, stack: 1 << 40})
					for _, s := range steps(t, test.steps) {
						want, got := plain.call(s.name, s.args...), fuelled.call(s.name, s.args...)
						if got != want {
							t.Errorf("%s %v: %s, want %s", s.name, s.args, got, want)
						}
						if got, want := fuelled.memory(), plain.memory(); got != want {
							t.Errorf("%s %v: the memory differs", s.name, s.args)
						}
					}
					if fuelled.calls != plain.calls {
						t.Errorf("%d calls of the host, want %d", fuelled.calls, plain.calls)
					}
					if o.Stack && test.guest == "calls" && fuelled.ExportedGlobal(Stack).Get() != 1<<40 {
						t.Errorf("%d bytes of stack are left", fuelled.ExportedGlobal(Stack).Get())
					}
					total = append(total, fuelled.used())
				}
				if total[0] <= 0 || total[0] != total[1] || total[0] != total[2] {
					t.Errorf("fuel used with different slices: %d", total)
				}
			})
		}
	}
}

// Whatever never ends is ended.
func TestRunawaysEnd(t *testing.T) {
	for _, test := range []struct{ guest, steps string }{
		{"loops", "forever"},
		{"loops", "dispatch 7"},
		{"calls", "deep"},
		{"calls", "deeptable"},
		{"calls", "fib 1000"},
		{"calls", "iseven 4294967295"},
		{"calls", "even 4294967295"},
		{"calls", "loops 4294967295"},
		{"calls", "after 4294967295"},
		{"calls", "hosts 0"},
	} {
		for _, stack := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%s/stack=%v", test.guest, test.steps, stack), func(t *testing.T) {
				out := rewritten(t, wat(t, test.guest), Options{Stack: stack})
				g := load(t, wazero.NewRuntimeConfigCompiler(), out, &host{slice: 1000, budget: 100_000, stack: 1 << 40})
				s := steps(t, test.steps)[0]
				if got := g.call(s.name, s.args...); !strings.Contains(got, errSpent{}.Error()) {
					t.Errorf("ends with %s", got)
				}
			})
		}
	}
}

// Recursion ends when its stack does, long before its fuel.
func TestStackEnds(t *testing.T) {
	for _, line := range []string{"deep", "deeptable", "iseven 4294967295", "even 4294967295", "skipped 4294967295"} {
		t.Run(line, func(t *testing.T) {
			out := rewritten(t, wat(t, "calls"), Options{Stack: true})
			g := load(t, wazero.NewRuntimeConfigCompiler(), out, &host{slice: 1 << 40, stack: 1 << 20})
			s := steps(t, line)[0]
			if got := g.call(s.name, s.args...); !strings.Contains(got, "the stack is spent") {
				t.Errorf("ends with %s", got)
			}
		})
	}
}

// Data that was active is there once, as the specification has it: wazero would give
// it again.
func TestDataAppliesOnce(t *testing.T) {
	g := load(t, wazero.NewRuntimeConfigCompiler(), rewritten(t, wat(t, "bulk"), Options{}), &host{slice: 1000})
	if b, _ := g.Memory().Read(8, 6); string(b) != "active" {
		t.Errorf("the memory has %q", b)
	}
	if got := g.call("again", 0, 0, 1); !strings.Contains(got, "out of bounds") {
		t.Errorf("applied again: %s", got)
	}
}

func TestBadModules(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{`(module (func (result i32) (return_call 0)))`, "return_call"},
		{`(module (table 1 funcref) (elem declare func 0) (func (drop (table.grow 0 (ref.null func) (i32.const 1)))))`, "function 0: offset 0x28: not supported: table.grow"},
		{`(module (table 1 funcref) (func (table.fill 0 (i32.const 0) (ref.null func) (i32.const 1))))`, "not supported: table.fill"},
		{`(module (import "m" "t" (table 1 funcref)))`, "table m.t is imported"},
		{`(module (import "wasgi" "tick" (func)))`, "wasgi.tick is imported already"},
		{`(module (func (export "wasgi_data")))`, "wasgi_data is exported already"},
		{`(module (global (mut i32) (i32.const 0)) (func (export "wasgi_global_0")))`, "wasgi_global_0 is exported already"},
	} {
		wasm := assemble(t, test.text)
		if _, err := Instrument(wasm, Options{}); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.text, err, test.want)
		}
	}
	wasm := wat(t, "calls")
	for n := range wasm {
		out, err := Instrument(wasm[:n], Options{})
		if err == nil { // cut between two sections
			err = Check(out, Options{})
		}
		if err == nil && n > 50 && n < len(wasm)/2 {
			t.Errorf("%d bytes of %d are taken", n, len(wasm))
		}
	}
	if _, err := Instrument(wasm, Options{Import: func(string, string) int64 { return 0 }}); err == nil {
		t.Error("a host function may cost nothing")
	}
	if err := Check(wasm, Options{}); err == nil {
		t.Error("Check takes what is not instrumented")
	}
	if errors.Unwrap(Check(nil, Options{})) == nil {
		t.Error("Check takes nothing")
	}
}
