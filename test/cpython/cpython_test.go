package cpython

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"wasgi/test/testkit"
)

const (
	// testsEnv names the folder with the package test: pyruntime/build's "tests".
	testsEnv = "WASGI_CPYTHON_TESTS"
	// onlyEnv names modules to run instead of all, with blanks between them.
	onlyEnv = "WASGI_CPYTHON_ONLY"
	// atOnce is how many modules run at a time.
	atOnce = 2
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

// TestCPython runs CPython's own test modules in the sandbox, each in a Python of its
// own, and compares what fails and what is skipped with expectations.toml.
func TestCPython(t *testing.T) {
	tests := os.Getenv(testsEnv)
	if tests == "" {
		t.Skip("run it with \"make test-cpython\"")
	}
	expected, err := loadExpectations("expectations.toml")
	if err != nil {
		t.Fatal(err)
	}
	script, err := os.ReadFile("module.py")
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := os.ReadFile("wasgi.toml")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(tests, "wasgi.toml"), manifest, 0o644); err != nil {
		t.Fatal(err)
	}
	modules := expected.Modules
	if only := strings.Fields(os.Getenv(onlyEnv)); len(only) > 0 {
		modules = only
	}
	h := harness{bin: testkit.Binary(t), tests: tests, state: t.TempDir(), script: string(script), start: time.Now()}
	outcomes := h.runAll(t.Context(), modules, expected)
	if problems := expected.compare(outcomes); len(problems) > 0 {
		t.Errorf("%d differences from expectations.toml:\n%s", len(problems), strings.Join(problems, "\n"))
	}
}

// harness runs test modules with wasgi exec.
type harness struct {
	bin, tests, state, script string
	start                     time.Time
}

// runAll runs the modules, atOnce at a time, with a line for each on standard output.
func (h harness) runAll(ctx context.Context, modules []string, expected expectations) []outcome {
	outcomes := make([]outcome, len(modules))
	queue := make(chan int)
	var group sync.WaitGroup
	var print sync.Mutex
	done := 0
	for range atOnce {
		group.Go(func() {
			for i := range queue {
				outcomes[i] = h.run(ctx, modules[i], expected)
				print.Lock()
				done++
				fmt.Printf("[%3d/%d] %s\n", done, len(modules), outcomes[i])
				print.Unlock()
			}
		})
	}
	for i := range modules {
		queue <- i
	}
	close(queue)
	group.Wait()
	fmt.Println(summary(outcomes, time.Since(h.start)))
	return outcomes
}

// run runs one module, for at most as long as is expected.
func (h harness) run(ctx context.Context, module string, expected expectations) outcome {
	limit := expected.limit(module)
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	start := time.Now()
	words := []string{"exec", "--state", filepath.Join(h.state, module), "--app", h.tests, "--", "-c", h.script}
	cmd := exec.CommandContext(ctx, h.bin, append(words, expected.arguments(module)...)...)
	cmd.WaitDelay = time.Second
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	err := cmd.Run()
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = fmt.Errorf("it was not done after %v", limit)
	}
	o := outcome{Module: module, took: time.Since(start)}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if problem := json.Unmarshal([]byte(lines[len(lines)-1]), &o); err == nil && problem != nil {
		err = fmt.Errorf("no result (%w)", problem)
	}
	if err != nil {
		o.Broken = fmt.Sprintf("%v: %s", err, tail(complaint.String()))
	}
	return o
}

// tail returns the end of a text, where it is long.
func tail(text string) string {
	const longest = 1500
	text = strings.TrimSpace(text)
	if len(text) > longest {
		text = "…" + text[len(text)-longest:]
	}
	return text
}
