// Package testkit starts the real wasgi for tests: it builds the binary and stages
// bundles once per test process (binary.go, stage.go), runs servers and commands
// (server.go, command.go), reads what the servers log (log.go), and speaks HTTP to
// them, as a browser does (client.go) or byte by byte (raw.go). Benchmarks tell their figures
// with what was promised of them (report.go).
//
// A test package that uses it says so in its TestMain:
//
//	func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }
package testkit

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Names of environment variables. The first two are for who runs the tests.
const (
	binEnv     = "WASGI_BIN"          // the binary to test; else one is built
	raceEnv    = "WASGI_RACE"         // "1": build it with the race detector
	scratchEnv = "WASGI_TEST_SCRATCH" // the folder that Main made
)

// Main runs the tests of a package with a folder for what they share.
func Main(m *testing.M) int {
	dir, err := os.MkdirTemp("", "wasgi-test-")
	if err == nil {
		err = os.Setenv(scratchEnv, dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "testkit:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	return m.Run()
}

// shared returns the file or folder of that name in the shared folder, which fill makes
// where it is missing. Tests that ask at once wait for the first.
func shared(t testing.TB, name string, fill func(path string) error) string {
	t.Helper()
	scratch := os.Getenv(scratchEnv)
	if scratch == "" {
		t.Fatal("testkit: this package's TestMain does not call testkit.Main")
	}
	path := filepath.Join(scratch, name)
	if err := lockedFill(path, fill); err != nil {
		t.Fatalf("testkit: %v", err)
	}
	return path
}

func lockedFill(path string, fill func(path string) error) error {
	lock, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("lock %s: %w", lock.Name(), err)
	}
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	if err := fill(path + ".new"); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// Checkout returns the folder that holds go.mod.
func Checkout(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("testkit: no go.mod above the current folder")
		}
		dir = parent
	}
}
