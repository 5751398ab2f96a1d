package testkit

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"
)

// Result is what a command came to.
type Result struct {
	Code        int
	Out, Errors string
}

// Command runs wasgi with these words to its end, with in as its standard input.
func Command(t testing.TB, in string, words ...string) Result {
	t.Helper()
	cmd := exec.Command(Binary(t), words...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(in), &out, &errs
	err := cmd.Run()
	if cmd.ProcessState == nil {
		t.Fatalf("wasgi %q: %v", words, err)
	}
	return Result{Code: cmd.ProcessState.ExitCode(), Out: out.String(), Errors: errs.String()}
}

// Exec runs wasgi exec for the app in bundle and fails the test unless it exits with 0.
func Exec(t testing.TB, state, bundle string, words ...string) Result {
	t.Helper()
	r := Command(t, "", append([]string{"exec", "--state", state, "--app", bundle, "--"}, words...)...)
	if r.Code != 0 {
		t.Fatalf("wasgi exec %q: exit code %d\n%s%s", words, r.Code, r.Out, r.Errors)
	}
	return r
}
