package hogs

import (
	"os"
	"testing"

	"wasgi/test/testkit"
)

// BenchmarkQuotas measures what is promised of the limits, and prints a table of it.
func BenchmarkQuotas(b *testing.B) {
	r := &testkit.Report{}
	for _, part := range []struct {
		name    string
		measure func(*testing.B, *testkit.Report)
	}{
		{"overhead", measureOverhead},
		{"overrun", measureOverrun},
		{"victim", measureVictim},
		{"collector", measureCollector},
		{"accounting", measureAccounting},
		{"determinism", measureDeterminism},
		{"balloons", measureBalloons},
	} {
		b.Run(part.name, func(b *testing.B) { part.measure(b, r) })
	}
	r.Print(os.Stdout)
}
