package fuel

import (
	"strings"
	"testing"
)

func TestCheckWhole(t *testing.T) {
	for name, want := range map[string]string{
		"calls": "", "loops": "", "bulk": "instruction 0xfc 0x0009", "start": "instruction 0x26",
	} {
		out, err := Instrument(wat(t, name), Options{})
		if err != nil {
			t.Fatal(err)
		}
		switch err := CheckWhole(out); {
		case want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	if CheckWhole([]byte("\x00asm")) == nil {
		t.Error("what is no module is whole")
	}
}
