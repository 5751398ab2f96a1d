package hogs

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

// report collects the figures of one run.
type report struct{ figures []figure }

// tell notes a figure of which nothing is promised.
func (r *report) tell(b *testing.B, name string, value float64, unit string) {
	b.Helper()
	r.add(b, figure{name, value, unit, "", true})
}

// most notes a figure that is to be at most limit.
func (r *report) most(b *testing.B, name string, value float64, unit string, limit float64) {
	b.Helper()
	r.add(b, figure{name, value, unit, fmt.Sprintf("≤ %.4g", limit), value <= limit})
}

// least notes a figure that is to be at least limit.
func (r *report) least(b *testing.B, name string, value float64, unit string, limit float64) {
	b.Helper()
	r.add(b, figure{name, value, unit, fmt.Sprintf("≥ %.4g", limit), value >= limit})
}

func (r *report) add(b *testing.B, f figure) {
	b.Helper()
	f.name = strings.TrimPrefix(b.Name(), "BenchmarkQuotas/") + ": " + f.name
	_, name, _ := strings.Cut(f.name, ": ")
	b.ReportMetric(f.value, strings.ReplaceAll(name, " ", "-")+"-"+f.unit)
	b.ReportMetric(0, "ns/op")
	r.figures = append(r.figures, f)
}

// print writes the table.
func (r *report) print(w io.Writer) {
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

// sample is a set of measured times.
type sample []time.Duration

// at returns the time that the share q of all are no longer than, 0 of none.
func (s sample) at(q float64) time.Duration {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	return sorted[max(0, int(math.Ceil(q*float64(len(sorted))))-1)]
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
