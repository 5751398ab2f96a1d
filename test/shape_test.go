package test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"wasgi/test/testkit"
)

// module is the name of this module, as in go.mod.
const module = "wasgi"

// goFile is a parsed file of this module.
type goFile struct {
	name    string // from the checkout's top
	syntax  *ast.File
	imports []string
}

func (f goFile) folder() string  { return path.Dir(f.name) }
func (f goFile) isTest() bool    { return strings.HasSuffix(f.name, "_test.go") }
func (f goFile) inTests() bool   { return strings.HasPrefix(f.name, "test/") }
func (f goFile) isProduct() bool { return !f.isTest() && !f.inTests() }

// TestShape holds what the design says of the tree as a whole.
func TestShape(t *testing.T) {
	t.Parallel()
	checkout := testkit.Checkout(t)
	names := projectFiles(t, checkout)
	files := parseAll(t, checkout, names)
	t.Run("imports", func(t *testing.T) { shapeImports(t, files) })
	t.Run("modules", func(t *testing.T) { shapeModules(t, checkout, files) })
	t.Run("declarations", func(t *testing.T) { shapeDeclarations(t, files) })
	t.Run("documents", func(t *testing.T) { shapeDocuments(t, checkout, names) })
	t.Run("places", func(t *testing.T) { shapePlaces(t, checkout, names) })
}

// projectFiles returns what git has, or would take.
func projectFiles(t *testing.T, checkout string) []string {
	t.Helper()
	cmd := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	cmd.Dir = checkout
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	var names []string
	for name := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		if info, err := os.Lstat(filepath.Join(checkout, name)); err == nil && info.Mode().IsRegular() {
			names = append(names, name)
		}
	}
	return names
}

func parseAll(t *testing.T, checkout string, names []string) []goFile {
	t.Helper()
	var files []goFile
	for _, name := range names {
		if path.Ext(name) != ".go" {
			continue
		}
		syntax, err := parser.ParseFile(token.NewFileSet(), filepath.Join(checkout, name), nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		f := goFile{name: name, syntax: syntax}
		for _, spec := range syntax.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			f.imports = append(f.imports, imported)
		}
		files = append(files, f)
	}
	return files
}

// mayImport returns what of this module a package may import: all that stands below it.
func mayImport(folder string) (below []string, known bool) {
	layers := []string{"cmd/wasgi", "cmd/wasgi/front", "tenants", "runtime"}
	if folder == "runtime" {
		return []string{"abi", "wasi", "quotas", "quotas/fuel"}, true
	}
	leaves := []string{"abi", "wasi", "quotas", "pyruntime"}
	if i := slices.Index(layers, folder); i >= 0 {
		below = append(below, layers[i+1:]...)
		if folder == "cmd/wasgi" {
			return append(below, leaves...), true
		}
		return append(below, "abi", "wasi", "quotas"), true
	}
	top, _, _ := strings.Cut(folder, "/")
	return nil, slices.Contains(leaves, top)
}

// shapeImports holds the arrows: cmd → front → tenants → runtime → {abi, wasi, quotas}.
func shapeImports(t *testing.T, files []goFile) {
	for _, f := range files {
		if !f.isProduct() {
			continue
		}
		below, known := mayImport(f.folder())
		if !known {
			t.Errorf("%s: the design has no package here", f.name)
		}
		for _, imported := range f.imports {
			ours, is := strings.CutPrefix(imported, module+"/")
			if is && !slices.Contains(below, ours) {
				t.Errorf("%s imports %s, which does not stand below it", f.name, ours)
			}
		}
	}
}

// shapeModules holds that each module of others is behind one package of ours. The
// engine is behind those that make its parts.
func shapeModules(t *testing.T, checkout string, files []goFile) {
	importers := map[string][]string{}
	modules := requiredModules(t, checkout)
	for _, f := range files {
		for _, imported := range f.imports {
			required := moduleOf(imported, modules)
			if required == "" && strings.Contains(strings.Split(imported, "/")[0], ".") {
				t.Errorf("%s imports %s, which go.mod does not have", f.name, imported)
			}
			if required == "github.com/valyala/fasthttp" && f.folder() != "cmd/wasgi/front" {
				t.Errorf("%s imports fasthttp, which only cmd/wasgi/front may", f.name)
			}
			if required != "" && f.isProduct() && !slices.Contains(importers[required], f.folder()) {
				importers[required] = append(importers[required], f.folder())
			}
		}
	}
	for required, folders := range importers {
		if required == "github.com/tetratelabs/wazero" {
			folders = slices.DeleteFunc(folders, func(folder string) bool {
				top, _, _ := strings.Cut(folder, "/")
				return slices.Contains([]string{"runtime", "abi", "wasi", "quotas"}, top)
			})
		}
		if required == "github.com/klauspost/compress" { // read in one place, and written in another that must not know it
			folders = slices.DeleteFunc(folders, func(folder string) bool { return folder == "pyruntime" })
		}
		if len(runtimeOnly(folders)) > 1 && required != "golang.org/x/sys" { // the system's calls, as syscall
			t.Errorf("module %s is imported by %v, want one package", required, folders)
		}
	}
}

// runtimeOnly leaves out the program that builds the Python runtime: nothing of it is in
// wasgi.
func runtimeOnly(folders []string) []string {
	return slices.DeleteFunc(slices.Clone(folders), func(folder string) bool { return folder == "pyruntime/build" })
}

// requiredModules returns the modules that go.mod names.
func requiredModules(t *testing.T, checkout string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(checkout, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	var modules []string
	for _, found := range regexp.MustCompile(`(?m)^(?:require )?\s*(\S+) v\d`).FindAllStringSubmatch(string(text), -1) {
		modules = append(modules, found[1])
	}
	return modules
}

func moduleOf(imported string, modules []string) string {
	longest := ""
	for _, m := range modules {
		if (imported == m || strings.HasPrefix(imported, m+"/")) && len(m) > len(longest) {
			longest = m
		}
	}
	return longest
}

// shapeDeclarations holds that no package does or keeps anything by itself.
func shapeDeclarations(t *testing.T, files []goFile) {
	for _, f := range files {
		if name := f.syntax.Name.Name; strings.HasPrefix(name, "util") || strings.HasSuffix(name, "util") || strings.HasSuffix(name, "utils") {
			t.Errorf("%s: a package is not called %s", f.name, name)
		}
		for _, decl := range f.syntax.Decls {
			if problem := forbidden(decl); problem != "" {
				t.Errorf("%s: %s", f.name, problem)
			}
		}
	}
}

// forbidden says what is wrong with a declaration at the top of a file.
func forbidden(decl ast.Decl) string {
	if f, ok := decl.(*ast.FuncDecl); ok {
		if f.Recv == nil && f.Name.Name == "init" {
			return "an init function: the caller cannot choose not to have it"
		}
		return ""
	}
	vars, ok := decl.(*ast.GenDecl)
	if !ok || vars.Tok != token.VAR {
		return ""
	}
	for _, spec := range vars.Specs {
		value := spec.(*ast.ValueSpec) // of a var declaration each spec is one
		for _, name := range value.Names {
			if name.Name != "_" && !embeds(vars.Doc) && !embeds(value.Doc) {
				return fmt.Sprintf("variable %s of the package: state has an owner, and a table is made by a function", name.Name)
			}
		}
	}
	return ""
}

func embeds(doc *ast.CommentGroup) bool {
	return doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//go:embed ") })
}

// shapeDocuments holds that what the documents point to is there: each path between
// backticks, and each name of a source file.
func shapeDocuments(t *testing.T, checkout string, names []string) {
	quoted := regexp.MustCompile("`([^`\n]+)`")
	isPath := regexp.MustCompile(`^[\w.][\w.-]*(/[\w.*-]+)+/?$`)
	for _, document := range []string{"README.md", "ARCHITECTURE.md"} {
		text, err := os.ReadFile(filepath.Join(checkout, document))
		if err != nil {
			t.Error(err)
			continue
		}
		for _, found := range quoted.FindAllStringSubmatch(outsideFences(string(text)), -1) {
			switch name := found[1]; {
			case isPath.MatchString(name) && isOurs(checkout, name):
				if matches, err := filepath.Glob(filepath.Join(checkout, name)); err != nil || len(matches) == 0 {
					t.Errorf("%s names %s, which is not there", document, name)
				}
			case isSourceName(name):
				if !slices.ContainsFunc(names, func(file string) bool { return path.Base(file) == name }) {
					t.Errorf("%s names %s, and no file is called so", document, name)
				}
			}
		}
	}
}

func isSourceName(name string) bool {
	return regexp.MustCompile(`^[\w-]+\.(go|c|h|py|md|txtar|wat)$`).MatchString(name)
}

// isOurs tells a path of this tree, as it is or as it is meant, from a package's name and
// from what a build makes.
func isOurs(checkout, name string) bool {
	top, _, _ := strings.Cut(name, "/")
	_, err := os.Stat(filepath.Join(checkout, top))
	return top != "bin" && (err == nil || isSourceName(path.Base(name)))
}

// outsideFences returns a document's text without its blocks of code.
func outsideFences(text string) string {
	return regexp.MustCompile("(?ms)^```.*?^```").ReplaceAllString(text, "")
}

// shapePlaces holds that nothing in the tree is of one machine: no folder of somebody's
// home, and no host that packages come from.
func shapePlaces(t *testing.T, checkout string, names []string) {
	places := regexp.MustCompile(`/(home|Users)/[a-z][\w-]*/|/root/[\w.]|` + strings.Join([]string{
		`\bpypi` + `\.org`, `pythonhosted` + `\.org`, `\bdeb` + `\.debian\.org`, `security` + `\.debian\.org`, `snapshot` + `\.debian\.org`,
		`ftp\.[a-z.]*debian` + `\.org`, `proxy` + `\.golang\.org`, `sum` + `\.golang\.org`, `registry` + `\.npmjs\.org`,
		`crates` + `\.io`, `docker` + `\.io`, `\bghcr` + `\.io`, `\bquay` + `\.io`,
	}, "|"))
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(checkout, name))
		if err != nil {
			t.Fatal(err)
		}
		if found := places.Find(text); found != nil {
			t.Errorf("%s has %q", name, found)
		}
	}
}
