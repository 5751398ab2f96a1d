package fuel

import (
	"os"
	"testing"
	"time"

	"wasgi/pyruntime"
)

// python returns CPython's module, from the file that WASGI_PYTHON_WASM names or from
// the checkout's artefact.
func python(t testing.TB) []byte {
	t.Helper()
	if file := os.Getenv("WASGI_PYTHON_WASM"); file != "" {
		wasm, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return wasm
	}
	artefact, err := pyruntime.Open("")
	if err != nil {
		t.Skip(err)
	}
	wasm, err := artefact.Wasm()
	if err != nil {
		t.Fatal(err)
	}
	return wasm
}

// CPython is taken, passes, and does not grow by more than a tenth.
func TestPython(t *testing.T) {
	wasm := python(t)
	begin := time.Now()
	out, err := Instrument(wasm, Options{})
	if err != nil {
		t.Fatal(err)
	}
	made := time.Since(begin)
	if err := Check(out, Options{}); err != nil {
		t.Error(err)
	}
	if err := CheckWhole(out); err != nil {
		t.Error(err)
	}
	t.Logf("instrumented in %v, checked in %v", made, time.Since(begin)-made)
	if len(out) > len(wasm)*11/10 {
		t.Errorf("%d bytes become %d", len(wasm), len(out))
	}
	validate(t, out)
}
