package cpython

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
)

// defaultLimit is how long a module may take.
const defaultLimit = 2 * time.Minute

// expectations are what expectations.toml says.
type expectations struct {
	Modules []string            `toml:"modules"`
	Allow   map[string][]string `toml:"allow"` // modules by the argument of module.py with which they run
	Slow    map[string]int      `toml:"slow"`  // seconds that a module may take, in place of defaultLimit
	Fails   []failure           `toml:"fails"`
	Skips   []skip              `toml:"skips"`
}

// failure is a reason for which tests fail.
type failure struct {
	Why   string   `toml:"why"`
	Tests []string `toml:"tests"` // "module Class.method"; "*" stands for any letters but "/"; the module alone: it is broken
}

// skip is a reason for which CPython's tests skip themselves.
type skip struct {
	Why  string   `toml:"why"`
	Says []string `toml:"says"` // what the tests say, with "*" as in a failure
}

// loadExpectations reads the file and checks that it gives a reason for all it lists.
func loadExpectations(file string) (expectations, error) {
	var e expectations
	meta, err := toml.DecodeFile(file, &e)
	if err != nil {
		return e, err
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return e, fmt.Errorf("%s: unknown key %s", file, unknown[0])
	}
	for _, f := range e.Fails {
		if f.Why == "" {
			return e, fmt.Errorf("%s: no reason why %s fail", file, f.Tests)
		}
	}
	for _, s := range e.Skips {
		if s.Why == "" {
			return e, fmt.Errorf("%s: no reason why tests are skipped that say %q", file, s.Says)
		}
	}
	return e, nil
}

// limit is how long the module may take.
func (e expectations) limit(module string) time.Duration {
	if seconds, ok := e.Slow[module]; ok {
		return time.Duration(seconds) * time.Second
	}
	return defaultLimit
}

// arguments are those of module.py.
func (e expectations) arguments(module string) []string {
	words := []string{module}
	for _, allowed := range slices.Sorted(maps.Keys(e.Allow)) {
		if slices.Contains(e.Allow[allowed], module) {
			words = append(words, allowed)
		}
	}
	return words
}

// compare returns the differences between what was expected and what came.
func (e expectations) compare(outcomes []outcome) []string {
	var problems []string
	ran, failed := map[string]bool{}, map[string]bool{}
	for _, o := range outcomes {
		ran[o.Module] = true
		for name, text := range failuresOf(o) {
			failed[name] = true
			if !e.fails(name) {
				problems = append(problems, fmt.Sprintf("unexpected failure: %s\n%s", name, indent(text)))
			}
		}
		problems = append(problems, e.unexpectedSkips(o)...)
	}
	problems = append(problems, e.unexpectedPasses(ran, failed)...)
	slices.Sort(problems)
	return problems
}

// failuresOf returns the text of each failure by "module Class.method".
func failuresOf(o outcome) map[string]string {
	all := map[string]string{}
	if o.Broken != "" {
		all[o.Module] = o.Broken
	}
	for name, text := range o.Failed {
		all[o.Module+" "+name] = text
	}
	return all
}

// unexpectedSkips returns what was skipped for a reason that is not listed.
func (e expectations) unexpectedSkips(o outcome) []string {
	said := maps.Clone(o.Skipped)
	if o.Whole != "" {
		said = map[string]string{"all of it": o.Whole}
	}
	var problems []string
	for name, reason := range said {
		if !e.skips(reason) {
			problems = append(problems, fmt.Sprintf("unexpected skip: %s %s: %q", o.Module, name, reason))
		}
	}
	return problems
}

// unexpectedPasses returns the tests listed as failures, of modules that ran, that did
// not fail.
func (e expectations) unexpectedPasses(ran, failed map[string]bool) []string {
	var problems []string
	for _, f := range e.Fails {
		for _, pattern := range f.Tests {
			module, _, _ := strings.Cut(pattern, " ")
			hit := func(name string) bool { return matches(pattern, name) }
			if ran[module] && !slices.ContainsFunc(slices.Collect(maps.Keys(failed)), hit) {
				problems = append(problems, "unexpected pass: "+pattern)
			}
		}
	}
	return problems
}

func (e expectations) fails(name string) bool {
	return slices.ContainsFunc(e.Fails, func(f failure) bool {
		return slices.ContainsFunc(f.Tests, func(pattern string) bool { return matches(pattern, name) })
	})
}

func (e expectations) skips(reason string) bool {
	return slices.ContainsFunc(e.Skips, func(s skip) bool {
		return slices.ContainsFunc(s.Says, func(pattern string) bool { return matches(pattern, reason) })
	})
}

// matches reports whether text is what the pattern says; "*" in it stands for anything.
func matches(pattern, text string) bool {
	if pattern == text {
		return true
	}
	plain := strings.NewReplacer("/", "\x00", "[", `\[`, "?", `\?`, `\`, `\\`)
	ok, err := path.Match(plain.Replace(pattern), strings.ReplaceAll(text, "/", "\x00"))
	return err == nil && ok
}

func indent(text string) string {
	return "    " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n    ")
}
