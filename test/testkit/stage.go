package testkit

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// App is a sample app, a folder of test/apps, as it is to be staged.
type App struct {
	Name string
	As   string // name of the bundle; "": Name
	Host string // the one host; "": those of its manifest
	Site string // set of packages for its site-packages; "": none
	// Validated wraps the app in the checker of the standard library,
	// wsgiref.validate, which raises AssertionError at a server's breach of PEP 3333.
	Validated bool
	Files     map[string]string // further files, or other contents
}

// Files are a bundle written in a test: contents by name.
type Files map[string]string

// StageAll returns a new folder with a bundle of each app.
func StageAll(t testing.TB, apps ...App) string {
	t.Helper()
	dir := t.TempDir()
	for _, app := range apps {
		Stage(t, dir, app)
	}
	return dir
}

// Stage makes a bundle of app in dir and returns its folder.
func Stage(t testing.TB, dir string, app App) string {
	t.Helper()
	if app.As == "" {
		app.As = app.Name
	}
	bundle := filepath.Join(dir, app.As)
	check(t, copyTree(bundle, filepath.Join(Checkout(t), "test", "apps", app.Name), "site-packages"))
	if app.Site != "" {
		check(t, linkTree(filepath.Join(bundle, "site-packages"), site(t, app.Site)))
	}
	if app.Validated {
		validate(t, bundle)
	}
	if app.Host != "" {
		EditManifest(t, bundle, `(?m)^hosts = .*$`, fmt.Sprintf("hosts = [%q]", app.Host))
	}
	Write(t, bundle, app.Files)
	return bundle
}

// Write puts files below dir; their folders are made.
func Write(t testing.TB, dir string, files Files) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		check(t, os.MkdirAll(filepath.Dir(path), 0o755))
		check(t, os.WriteFile(path, []byte(text), 0o644))
	}
}

// EditManifest replaces what pattern matches, which must be there, in a bundle's
// wasgi.toml.
func EditManifest(t testing.TB, bundle, pattern, with string) {
	t.Helper()
	file := filepath.Join(bundle, "wasgi.toml")
	text, err := os.ReadFile(file)
	check(t, err)
	re := regexp.MustCompile(pattern)
	if !re.Match(text) {
		t.Fatalf("testkit: nothing in %s matches %q", file, pattern)
	}
	check(t, os.WriteFile(file, re.ReplaceAllLiteral(text, []byte(with)), 0o644))
}

// validate makes the bundle's entry a module that wraps the app.
func validate(t testing.TB, bundle string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(bundle, "wasgi.toml"))
	check(t, err)
	entry := regexp.MustCompile(`(?m)^entry = "(.+):(.+)"$`).FindStringSubmatch(string(text))
	if entry == nil {
		t.Fatalf("testkit: %s/wasgi.toml has no entry", bundle)
	}
	folder := "."
	if path := regexp.MustCompile(`(?m)^path = \["(.+?)"`).FindStringSubmatch(string(text)); path != nil {
		folder = path[1]
	}
	Write(t, bundle, Files{folder + "/validated.py": fmt.Sprintf(
		"import %[1]s\nfrom wsgiref.validate import validator\n\napplication = validator(%[1]s.%[2]s)\n", entry[1], entry[2])})
	EditManifest(t, bundle, `(?m)^entry = .*$`, `entry = "validated:application"`)
}

// site returns a site-packages folder with a set of pyruntime/build's packages.
func site(t testing.TB, set string) string {
	t.Helper()
	checkout := Checkout(t)
	return shared(t, "site-"+set, func(dir string) error {
		cmd := exec.Command("go", append([]string{"run", "./pyruntime/build", "site"}, append(strings.Fields(set), "--out", dir)...)...)
		cmd.Dir = checkout
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("stage the packages of %s: %w\n%s", set, err, out)
		}
		return nil
	})
}

// copyTree copies the files below from, but for those in a folder named skip.
func copyTree(to, from, skip string) error {
	return walkTree(to, from, skip, func(to, from string) error {
		text, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		return os.WriteFile(to, text, 0o644)
	})
}

// linkTree is copyTree with hard links, for what no test changes.
func linkTree(to, from string) error {
	return walkTree(to, from, "", func(to, from string) error { return os.Link(from, to) })
}

func walkTree(to, from, skip string, file func(to, from string) error) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		switch target := filepath.Join(to, rel); {
		case d.IsDir() && (rel == skip || d.Name() == "__pycache__"):
			return fs.SkipDir
		case d.IsDir():
			return os.MkdirAll(target, 0o755)
		default:
			return file(target, path)
		}
	})
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("testkit: %v", err)
	}
}
