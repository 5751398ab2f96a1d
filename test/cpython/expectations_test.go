package cpython

import (
	"slices"
	"strings"
	"testing"
)

// TestExpectations loads the file, which must give reasons, and enough modules.
func TestExpectations(t *testing.T) {
	e, err := loadExpectations("expectations.toml")
	if err != nil {
		t.Fatal(err)
	}
	if got := len(slices.Compact(slices.Sorted(slices.Values(e.Modules)))); got < 120 || got != len(e.Modules) {
		t.Errorf("there are %d modules, %d different ones, want 120 or more, each once", len(e.Modules), got)
	}
	for _, f := range e.Fails {
		for _, test := range f.Tests {
			if module, _, _ := strings.Cut(test, " "); !slices.Contains(e.Modules, module) {
				t.Errorf("%q is listed as a failure, but the module is not run", test)
			}
		}
	}
}

func TestCompare(t *testing.T) {
	e := expectations{
		Fails: []failure{{Why: "known", Tests: []string{"test_a A.known", "test_a B.*", "test_gone"}}},
		Skips: []skip{{Why: "known", Says: []string{"needs [a/b]*"}}},
	}
	got := e.compare([]outcome{
		{Module: "test_a", Failed: map[string]string{"B.one": "", "A.new": "boom"}, Skipped: map[string]string{"C.x": "needs [a/b] or so", "C.y": "needs c"}},
		{Module: "test_b", Broken: "it was not done"},
	})
	want := []string{
		"unexpected failure: test_a A.new\n    boom",
		"unexpected failure: test_b\n    it was not done",
		"unexpected pass: test_a A.known",
		`unexpected skip: test_a C.y: "needs c"`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("the differences are %q, want %q", got, want)
	}
}
