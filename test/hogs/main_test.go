// Package hogs holds wasgi to its limits. The app hogs is a zoo of scripts that use all
// there is; each is let loose here, once in the tests (hogs_test.go), many times and all
// at once in the benchmarks (bench_test.go), which measure what the limits cost and what
// the neighbours feel of them.
package hogs

import (
	"os"
	"testing"

	"wasgi/test/testkit"
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

// run is the tests, or, in a process that a benchmark has started, the load it asks for.
func run(m *testing.M) int {
	if plan := os.Getenv(loadEnv); plan != "" {
		return generate(plan)
	}
	return testkit.Main(m)
}
