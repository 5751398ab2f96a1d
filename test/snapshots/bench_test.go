package snapshots

import (
	"os"
	"testing"

	"wasgi/test/testkit"
)

// BenchmarkSnapshots measures what is promised of snapshots, and prints a table of it.
func BenchmarkSnapshots(b *testing.B) {
	r := &testkit.Report{}
	for _, part := range []struct {
		name    string
		measure func(*testing.B, *testkit.Report)
	}{
		{"cold", measureCold},
		{"slots", measureSlots},
		{"fresh", measureFresh},
		{"many", measureMany},
	} {
		b.Run(part.name, func(b *testing.B) { part.measure(b, r) })
	}
	r.Print(os.Stdout)
}
