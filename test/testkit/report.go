package testkit

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"
)

// figure is what was measured, and what was promised of it.
type figure struct {
	name    string
	value   float64
	unit    string
	promise string // "≤ 7"; "" where nothing is promised
	kept    bool
}

// Report collects the figures of one run of benchmarks.
type Report struct{ figures []figure }

// Tell notes a figure of which nothing is promised.
func (r *Report) Tell(b *testing.B, name string, value float64, unit string) {
	b.Helper()
	r.add(b, figure{name, value, unit, "", true})
}

// Most notes a figure that is to be at most limit.
func (r *Report) Most(b *testing.B, name string, value float64, unit string, limit float64) {
	b.Helper()
	r.add(b, figure{name, value, unit, fmt.Sprintf("≤ %.4g", limit), value <= limit})
}

// Least notes a figure that is to be at least limit.
func (r *Report) Least(b *testing.B, name string, value float64, unit string, limit float64) {
	b.Helper()
	r.add(b, figure{name, value, unit, fmt.Sprintf("≥ %.4g", limit), value >= limit})
}

func (r *Report) add(b *testing.B, f figure) {
	b.Helper()
	b.ReportMetric(f.value, strings.ReplaceAll(f.name, " ", "-")+"-"+f.unit)
	b.ReportMetric(0, "ns/op")
	_, part, _ := strings.Cut(b.Name(), "/")
	f.name = part + ": " + f.name
	r.figures = append(r.figures, f)
}

// Print writes the table.
func (r *Report) Print(w io.Writer) {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(out, "\nname\tfigure\ttarget\t\n")
	for _, f := range r.figures {
		verdict := ""
		if f.promise != "" {
			verdict = map[bool]string{true: "ok", false: "over"}[f.kept]
		}
		fmt.Fprintf(out, "%s\t%.4g %s\t%s\t%s\n", f.name, f.value, f.unit, f.promise, verdict)
	}
	out.Flush()
}

// Sample is a set of measured times.
type Sample []time.Duration

// At returns the time that the share q of all are no longer than, 0 of none.
func (s Sample) At(q float64) time.Duration {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	return sorted[max(0, int(math.Ceil(q*float64(len(sorted))))-1)]
}

// Milliseconds returns d with its fractions.
func Milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
