package fuel

import (
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
)

// What is counted when wazero's own stack overflows, between 50 and 100 MB, is of the
// same order.
func TestFramesAreEstimated(t *testing.T) {
	out := rewritten(t, wat(t, "calls"), Options{Stack: true})
	for _, line := range []string{"deep", "deeptable", "iseven 4294967295", "even 4294967295", "skipped 4294967295"} {
		const all = 1 << 40
		g := load(t, wazero.NewRuntimeConfigCompiler(), out, &host{slice: 1 << 40, stack: all})
		s := steps(t, line)[0]
		if got := g.call(s.name, s.args...); !strings.Contains(got, "stack overflow") {
			t.Fatalf("%s ends with %s", line, got)
		}
		counted := all - int64(g.ExportedGlobal(Stack).Get())
		t.Logf("%s: %d bytes are counted", line, counted)
		if counted < 40<<20 || counted > 300<<20 {
			t.Errorf("%s: %d bytes are counted", line, counted)
		}
	}
}
