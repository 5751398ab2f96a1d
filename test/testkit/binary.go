package testkit

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Binary returns the wasgi to test: the one that WASGI_BIN names, or one built from
// this checkout. A binary without its Python runtime fails the test.
func Binary(t testing.TB) string {
	t.Helper()
	return filepath.Join(BinaryFolder(t), "wasgi")
}

// BinaryFolder returns a folder, fit for PATH, whose one program is the binary.
func BinaryFolder(t testing.TB) string {
	t.Helper()
	checkout := Checkout(t)
	return shared(t, "bin", func(dir string) error {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		bin := filepath.Join(dir, "wasgi")
		if err := provide(bin, checkout); err != nil {
			return err
		}
		if out, err := exec.Command(bin, "version").CombinedOutput(); err != nil {
			return fmt.Errorf("the wasgi to test does not work; run \"make build\" first: %w\n%s", err, out)
		}
		return nil
	})
}

// provide puts a binary at path.
func provide(path, checkout string) error {
	if given := os.Getenv(binEnv); given != "" {
		given, err := filepath.Abs(given)
		if err != nil {
			return err
		}
		return os.Symlink(given, path)
	}
	args, cgo := []string{"build", "-o", path}, "CGO_ENABLED=0"
	if os.Getenv(raceEnv) == "1" {
		args, cgo = append(args, "-race"), "CGO_ENABLED=1"
	}
	cmd := exec.Command("go", append(args, "./cmd/wasgi")...)
	cmd.Dir = checkout
	cmd.Env = append(os.Environ(), cgo)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build wasgi: %w\n%s", err, out)
	}
	return nil
}
