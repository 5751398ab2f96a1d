// Package cpython runs CPython's own tests inside the sandbox.
//
//	make test-cpython
//
// expectations.toml lists the modules, and every test that fails or is skipped, with the
// reason. A test that fails or is skipped without being listed is an error, and so is
// one that is listed and passes.
package cpython

import (
	"fmt"
	"time"
)

// outcome is what became of a module's tests.
type outcome struct {
	Module  string            `json:"-"`
	Passed  int               `json:"passed"`
	Failed  map[string]string `json:"failed"`  // the end of the traceback by test
	Skipped map[string]string `json:"skipped"` // the reason by test
	Whole   string            `json:"whole"`   // why all of the module is skipped; "": it is not
	Broken  string            `json:"-"`       // why there is no result; "": there is one
	took    time.Duration
}

// String is a line of progress.
func (o outcome) String() string {
	text := fmt.Sprintf("%d passed, %d skipped, %d failed", o.Passed, len(o.Skipped), len(o.Failed))
	switch {
	case o.Broken != "":
		text = "broken"
	case o.Whole != "":
		text = "skipped: " + o.Whole
	}
	return fmt.Sprintf("%-28s %6.1f s  %s", o.Module, o.took.Seconds(), text)
}

// summary is the last line.
func summary(outcomes []outcome, took time.Duration) string {
	var sum outcome
	whole, broken, failed, skipped := 0, 0, 0, 0
	for _, o := range outcomes {
		sum.Passed += o.Passed
		failed += len(o.Failed)
		skipped += len(o.Skipped)
		if o.Whole != "" {
			whole++
		}
		if o.Broken != "" {
			broken++
		}
	}
	return fmt.Sprintf("%d modules (%d skipped, %d broken): %d tests passed, %d skipped, %d failed, in %.0f s",
		len(outcomes), whole, broken, sum.Passed, skipped, failed, took.Seconds())
}
