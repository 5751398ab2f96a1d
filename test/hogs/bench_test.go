package hogs

import (
	"os"
	"testing"
)

// BenchmarkQuotas measures what is promised of the limits, and prints a table of it.
func BenchmarkQuotas(b *testing.B) {
	r := &report{}
	for _, part := range []struct {
		name    string
		measure func(*testing.B, *report)
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
	r.print(os.Stdout)
}
