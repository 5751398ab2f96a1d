// Package trace watches, from outside, which files of the host package wasi touches: it
// runs the test of random hostile calls under strace and looks at every path that the
// kernel is asked to resolve. "make stress" runs it; strace is a Debian package.
package trace

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestNoPathOfTheHostOutsideTheMounts allows a guest's calls one form of path: a single
// name, below a folder that is open already. All others must be the test's own, in its
// folder for temporary files, or the Go runtime's at its start.
func TestNoPathOfTheHostOutsideTheMounts(t *testing.T) {
	if os.Getenv("WASGI_STRESS") == "" {
		t.Skip("needs strace and some minutes: run \"make stress\", which sets WASGI_STRESS")
	}
	dir := t.TempDir()
	binary, log := filepath.Join(dir, "wasi.test"), filepath.Join(dir, "trace")
	command(t, "env", "CGO_ENABLED=0", "go", "test", "-c", "-o", binary, "wasgi/wasi")
	cmd := exec.Command("strace", "-f", "-qq", "-s", "5000", "-e", "trace=%file", "-o", log, binary, "-test.run", "^TestHostileCalls$")
	cmd.Dir = filepath.Join("..", "..", "..", "wasi")
	cmd.Env = append(os.Environ(), "WASI_HOSTILE_CALLS=200000", "TMPDIR="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
	file, err := os.Open(log)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	below, others := 0, 0
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		for _, p := range pathsOf(lines.Text()) {
			switch {
			case p.below && plain(p.name):
				below++
			case !p.below && allowed(p.name, dir):
				others++
			default:
				t.Errorf("resolved %q: %s", p.name, lines.Text())
			}
		}
	}
	if below < 1000 {
		t.Errorf("saw %d names below open folders, want thousands: is this a trace?", below)
	}
	t.Logf("%d names below open folders, %d paths of the test itself", below, others)
}

func command(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

// path is one that the kernel was asked to resolve.
type path struct {
	name  string
	below bool // a folder that is open
}

// pathsOf returns the paths of one line of strace. What a link says is no path yet, nor
// is what readlinkat has read.
func pathsOf(line string) []path {
	call := regexp.MustCompile(`^\d+ +(\w+)\(`).FindStringSubmatch(line)
	if call == nil {
		return nil // the end of a call that another thread cut in two, or a signal
	}
	var found []path
	arg := regexp.MustCompile(`(?:(AT_FDCWD|\d+), )?"((?:[^"\\]|\\.)*)"`)
	for i, m := range arg.FindAllStringSubmatch(line, -1) {
		text := call[1] == "symlinkat" && i == 0 || call[1] == "readlinkat" && i == 1 || call[1] == "execve" && i > 0
		if !text {
			found = append(found, path{m[2], m[1] != "" && m[1] != "AT_FDCWD"})
		}
	}
	return found
}

// plain tells whether a name leads nowhere but into its folder.
func plain(name string) bool { return name != ".." && !strings.Contains(name, "/") }

// allowed tells whether a path is the test's own.
func allowed(name, dir string) bool {
	for _, start := range []string{dir, "/proc/", "/sys/", "/dev/", "/etc/", "/usr/share/zoneinfo"} {
		if strings.HasPrefix(name, start) {
			return true
		}
	}
	return name == "" || name == "."
}
