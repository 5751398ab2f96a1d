package fuel

import (
	"fmt"
	"strings"
	"testing"
)

// span is a part of a body that charges.
type span struct{ from, to int }

// charges finds the spans of a body that change the counter, with what looks at it.
func charges(t *testing.T, b *body, counter uint32) []span {
	t.Helper()
	var all []span
	var in []instr
	s := newScanner(b.code, 0)
	for s.next() {
		in = append(in, s.instr)
	}
	if s.err != nil {
		t.Fatal(s.err)
	}
	is := func(i instr) bool {
		return i.arg == counter && (i.op == opGlobalGet || i.op == opGlobalSet)
	}
	for i := 0; i+1 < len(in); i++ {
		if !is(in[i]) || in[i+1].op != opI64Const && in[i+1].op != opLocalGet {
			continue
		}
		if in[i+2].op == opI64GeS {
			continue
		}
		to := i
		for ; in[to].op != opGlobalSet; to++ {
		}
		all = append(all, span{in[i].at, in[to].end})
		if to+1 < len(in) && is(in[to+1]) && in[to+2].op != opI64Const { // what looks at it
			for ; in[to].op != opEnd; to++ {
			}
			all = append(all, span{in[i].at, in[to].end})
		}
	}
	return all
}

// Without any one of its charges a module does not pass.
func TestEveryChargeIsNeeded(t *testing.T) {
	guests := map[string][]byte{}
	for _, name := range []string{"loops", "calls", "bulk", "start"} {
		guests[name] = wat(t, name)
	}
	for i, c := range chances(20) {
		guests[fmt.Sprint("generated ", i)] = generate(c, 9)
	}
	for name, wasm := range guests {
		out, err := Instrument(wasm, Options{})
		if err != nil {
			t.Fatal(err)
		}
		m, err := decode(out)
		if err != nil {
			t.Fatal(err)
		}
		counter := uint32(len(m.mutableGlobals())) - 1
		tried := 0
		for i := range m.bodies {
			was := m.bodies[i].code
			for _, s := range charges(t, &m.bodies[i], counter) {
				m.bodies[i].code = append(was[:s.from:s.from], was[s.to:]...)
				if err := Check(m.encode(), Options{}); err == nil {
					t.Errorf("%s: function %d passes without the charge at %d to %d", name, i, s.from, s.to)
				}
				tried++
			}
			m.bodies[i].code = was
		}
		if tried == 0 {
			t.Errorf("%s: no charge was found", name)
		}
	}
}

// Where a loop is gone round without fuel, the host is called, and nothing else leads there.
func TestTurns(t *testing.T) {
	const module = `(module (import "wasgi" "tick" (func $tick)) (global $fuel (export "wasgi_fuel") (mut i64) (i64.const 0))
		(func (export "wasgi_data"))
		(func (param i32) (block $out (loop $again (block $late %s)%s)))
	)`
	const (
		spend = "(global.set $fuel (i64.sub (global.get $fuel) (i64.const 5)))"
		turn  = "(if (i64.ge_s (global.get $fuel) (i64.const 0)) (then (br $again))) (br $late)"
		tick  = "(call $tick) (br $again)"
	)
	for _, test := range []struct {
		name, in, behind string
		fails            bool
	}{
		{"charged", spend + turn, tick, false},
		{"left in between", "(br_if $out (local.get 0))" + spend + turn, tick, false},
		{"charged twice", "(if (local.get 0) (then" + spend + turn + "))" + spend + turn, tick, false},
		{"not charged", turn, tick, true},
		{"no call", spend + turn, "(br $again)", true},
		{"no call, out", spend + turn, "(br $out)", true},
		{"two calls", spend + turn, "(call $tick)" + tick, true},
		{"something before the call", spend + turn, "(drop (local.get 0))" + tick, true},
		{"falls through", "(if (local.get 0) (then" + spend + turn + "))", tick, true},
		{"jumps there", "(br_if $late (local.get 0))" + spend + turn, tick, true},
		{"jumps there from a table", "(if (local.get 0) (then" + spend + turn + ")) (br_table $out $late (local.get 0))", tick, true},
		{"not right in the loop", "(block $inner" + strings.ReplaceAll(spend+turn, "$late", "$inner") + ")", tick, true},
	} {
		if err := Check(assemble(t, fmt.Sprintf(module, test.in, test.behind)), Options{}); (err != nil) != test.fails {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

// A charge where a function begins counts for all calls of it, elsewhere for none.
func TestEntries(t *testing.T) {
	const module = `(module (import "wasgi" "tick" (func $tick)) (global $fuel (export "wasgi_fuel") (mut i64) (i64.const 0))
		(table funcref (elem $a)) (func (export "wasgi_data"))
		(func $a %s (call $b) (call $b)) (func $b (call_indirect (i32.const 0)))
	)`
	const charge = `(global.set $fuel (i64.sub (global.get $fuel) (i64.const 5)))
		(if (i64.ge_s (global.get $fuel) (i64.const 0)) (then) (else (call $tick)))`
	for text, want := range map[string]bool{charge: true, "": false, "(nop)" + charge: false, "(block" + charge + ")": false} {
		if err := Check(assemble(t, fmt.Sprintf(module, text)), Options{}); (err == nil) != want {
			t.Errorf("%s: %v", text, err)
		}
	}
}
