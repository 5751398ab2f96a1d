package fuel

import (
	"fmt"
	"testing"
)

// span is a part of a body that charges.
type span struct{ from, to int }

// charges finds the spans of a body that change a counter, with what looks at it.
func charges(t *testing.T, b *body, counters ...uint32) []span {
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
		for _, c := range counters {
			if i.arg == c && (i.op == opGlobalGet || i.op == opGlobalSet) {
				return true
			}
		}
		return false
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
		for _, o := range []Options{{}, {Stack: true}} {
			out, err := Instrument(wasm, o)
			if err != nil {
				t.Fatal(err)
			}
			m, err := decode(out)
			if err != nil {
				t.Fatal(err)
			}
			counters := []uint32{uint32(len(m.mutableGlobals())) - 1}
			if o.Stack {
				counters = append(counters, counters[0]-1)
			}
			tried := 0
			for i := range m.bodies {
				was := m.bodies[i].code
				for _, s := range charges(t, &m.bodies[i], counters...) {
					m.bodies[i].code = append(was[:s.from:s.from], was[s.to:]...)
					if err := Check(m.encode(), o); err == nil {
						t.Errorf("%s %+v: function %d passes without the charge at %d to %d", name, o, i, s.from, s.to)
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
}
