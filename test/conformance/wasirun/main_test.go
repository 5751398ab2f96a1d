package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// exit42 is a command module whose _start calls proc_exit with 42.
func exit42() []byte {
	return []byte("\x00asm\x01\x00\x00\x00" +
		"\x01\x08\x02\x60\x01\x7f\x00\x60\x00\x00" + // types (i32) -> (), () -> ()
		"\x02\x24\x01\x16wasi_snapshot_preview1\x09proc_exit\x00\x00" +
		"\x03\x02\x01\x01" +
		"\x05\x03\x01\x00\x01" +
		"\x07\x13\x02\x06memory\x02\x00\x06_start\x00\x01" +
		"\x0a\x08\x01\x06\x00\x41\x2a\x10\x00\x0b")
}

func TestRun(t *testing.T) {
	dir := t.TempDir()
	module := filepath.Join(dir, "m.wasm")
	if err := os.WriteFile(module, exit42(), 0o600); err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(dir, "bad.wasm")
	if err := os.WriteFile(bad, []byte("no module"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		args []string
		code int
		says string
	}{
		{[]string{module}, 42, ""},
		{[]string{"--dir", dir + "::/", "--env=A=b", module, "x"}, 42, ""},
		{[]string{"--dir", dir + "/none::/", module}, 1, "no such file"},
		{[]string{bad}, 1, "magic"},
		{[]string{dir + "/none"}, 1, "no such file"},
		{[]string{}, 1, "no module given"},
		{[]string{"--dir"}, 1, "needs a value"},
		{[]string{"--what", "x", module}, 1, "unknown option --what"},
	}
	for _, tt := range tests {
		var out, errs bytes.Buffer
		code := run(context.Background(), tt.args, nil, &out, &errs)
		if code != tt.code || !strings.Contains(errs.String(), tt.says) {
			t.Errorf("%q: code %d, %q, want %d, %q", tt.args, code, errs.String(), tt.code, tt.says)
		}
	}
}

func TestParse(t *testing.T) {
	o, err := parse(strings.Fields("--dir a::b --dir=c --env X=1 m.wasm --dir arg"))
	if err != nil || !slices.Equal(o.dirs, []string{"a::b", "c"}) || !slices.Equal(o.env, []string{"X=1"}) ||
		o.module != "m.wasm" || !slices.Equal(o.args, []string{"--dir", "arg"}) {
		t.Errorf("parsed %+v, %v", o, err)
	}
}
