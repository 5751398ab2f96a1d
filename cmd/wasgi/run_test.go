package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"wasgi/tenants"
)

// command runs a command line in a folder of its own, without a Python runtime.
func command(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(context.Background(), args, strings.NewReader(""), &o, &e)
	return code, o.String(), e.String()
}

func TestMistakesOnTheCommandLine(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	bundle := filepath.Join(dir, "bundle")
	wrong := filepath.Join(dir, "apps", "wrong")
	greedy := filepath.Join(dir, "apps", "greedy")
	for _, folder := range []string{bundle, wrong, greedy, filepath.Join(dir, "empty")} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for file, text := range map[string]string{
		filepath.Join(bundle, "wasgi.toml"): "[app]\nentry = \"a:b\"\nhosts = [\"a\"]",
		filepath.Join(wrong, "wasgi.toml"):  "[app]\nentry = 1",
		filepath.Join(dir, "file"):          "",
		filepath.Join(dir, "server.toml"):   "[ceilings]\nmemory = \"64MiB\"",
		filepath.Join(dir, "bad.toml"):      "[ceilings]\nmemory = \"64\"",
		filepath.Join(dir, "great.toml"):    "[defaults]\nmemory = \"1GiB\"\n[ceilings]\nmemory = \"64MiB\"",
		filepath.Join(greedy, "wasgi.toml"): "[app]\nentry = \"a:b\"\nhosts = [\"a\"]\n[limits]\nmemory = \"128MiB\"",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"unknown command":     {[]string{"deploy"}, `unknown command "deploy" for "wasgi"`},
		"unknown flag":        {[]string{"serve", "--port", "80", "."}, "unknown flag: --port"},
		"unknown short flag":  {[]string{"-x"}, "unknown shorthand flag: 'x' in -x"},
		"a flag's value":      {[]string{"serve", "--access-log=maybe", "."}, `invalid argument "maybe" for "--access-log" flag`},
		"a flag's end":        {[]string{"run", "a:b", "--listen"}, "flag needs an argument: --listen"},
		"a flag of another":   {[]string{"check", "--listen", ":1", "."}, "unknown flag: --listen"},
		"run what":            {[]string{"run"}, "accepts 1 arg(s), received 0"},
		"run both":            {[]string{"run", "a:b", "c:d"}, "accepts 1 arg(s), received 2"},
		"serve what":          {[]string{"serve"}, "accepts 1 arg(s), received 0"},
		"check what":          {[]string{"check"}, "accepts 1 arg(s), received 0"},
		"version of what":     {[]string{"version", "x"}, "unknown command"},
		"no such folder":      {[]string{"serve", filepath.Join(dir, "nowhere")}, "nowhere: no such file or directory"},
		"a file":              {[]string{"serve", filepath.Join(dir, "file")}, "file is no folder: want one that holds bundles"},
		"a bundle":            {[]string{"serve", bundle}, "bundle is a bundle itself: want the folder that holds it, " + dir},
		"a kind of log":       {[]string{"serve", "--log", "xml", filepath.Join(dir, "empty")}, `--log is "xml", want text, json or auto`},
		"no entry":            {[]string{"run", "app"}, `app.entry = "app": want "module:callable" or "module:factory()"`},
		"check an empty one":  {[]string{"check", filepath.Join(dir, "empty")}, "empty is no bundle and holds none: want a folder with a wasgi.toml"},
		"check nothing":       {[]string{"check", filepath.Join(dir, "nowhere")}, "nowhere: no such file or directory"},
		"exec nowhere":        {[]string{"exec", "--app", filepath.Join(dir, "nowhere"), "--", "-c", "1"}, "nowhere: no such file or directory"},
		"exec a wrong bundle": {[]string{"exec", "--app", wrong, "--", "-c", "1"}, "wasgi.toml: app.entry = 1: want a string"},
		"no configuration":    {[]string{"serve", "--config", "nowhere.toml", dir}, "nowhere.toml: no such file or directory"},
		"a bad configuration": {[]string{"serve", "--config", "bad.toml", dir}, `bad.toml: ceilings.memory = "64": want a size like "128MiB"`},
		"the same for run":    {[]string{"run", "--config", "bad.toml", "a:b"}, `bad.toml: ceilings.memory = "64": want a size like "128MiB"`},
		"and for check":       {[]string{"check", "--config", "bad.toml", bundle}, `bad.toml: ceilings.memory = "64": want a size like "128MiB"`},
		"too high a default":  {[]string{"serve", "--config", "great.toml", dir}, `great.toml: defaults.memory = "1GiB": more than the ceiling 64MiB (great.toml, ceilings.memory)`},
		"above a ceiling":     {[]string{"exec", "--config", "server.toml", "--app", greedy}, `greedy/wasgi.toml: limits.memory = "128MiB": more than the ceiling 64MiB (server.toml, ceilings.memory)`},
		"logs of what":        {[]string{"logs", dir}, "accepts 2 arg(s), received 1"},
		"logs of nobody":      {[]string{"logs", "--state", dir, dir, "nobody"}, "no log of tenant nobody is kept in " + filepath.Join(dir, "nobody", "log")},
		"logs outside":        {[]string{"logs", "--state", dir, dir, "../apps"}, `"../apps" is no tenant: want the name of a bundle's folder`},
		"no runtime there":    {[]string{"version", "--pyruntime", filepath.Join(dir, "nowhere")}, "nowhere has no Python runtime (no python.wasm.zst): build it with \"make build\", or name its folder with --pyruntime"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errs := command(t, test.args...)
			if code != 1 || out != "" {
				t.Errorf("exit code %d, output %q", code, out)
			}
			if !strings.HasPrefix(errs, "wasgi: ") || !strings.Contains(errs, test.want) || strings.Count(errs, "\n") != 1 {
				t.Errorf("got %q, want one line with %q", errs, test.want)
			}
		})
	}
}

func TestHelp(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want []string
	}{
		"nothing":      {nil, []string{"Usage:", "run", "serve", "check", "exec", "version", "logs", "--pyruntime", "--state", "--config", "--log"}},
		"--help":       {[]string{"--help"}, []string{"Usage:", "serve"}},
		"help serve":   {[]string{"help", "serve"}, []string{"wasgi serve [flags] DIR", "--listen", "127.0.0.1:8080", "SIGHUP"}},
		"run --help":   {[]string{"run", "--help"}, []string{"wasgi run [flags] MODULE:CALLABLE", "--reload"}},
		"check --help": {[]string{"check", "--help"}, []string{"wasgi check DIR"}},
		"logs --help":  {[]string{"logs", "--help"}, []string{"wasgi logs [--follow] DIR NAME", "--follow", "log_keep"}},
		"exec --help":  {[]string{"exec", "--help"}, []string{"wasgi exec [--app DIR] -- -c CODE | -m MODULE | FILE [ARGS...]"}},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errs := command(t, test.args...)
			if code != 0 || errs != "" {
				t.Errorf("exit code %d, errors %q", code, errs)
			}
			for _, want := range test.want {
				if !strings.Contains(out, want) {
					t.Errorf("%q is not in\n%s", want, out)
				}
			}
		})
	}
}

func TestCompletion(t *testing.T) {
	if code, out, errs := command(t, "completion", "bash"); code != 0 || errs != "" || !strings.Contains(out, "wasgi") {
		t.Errorf("exit code %d, %d bytes, errors %q", code, len(out), errs)
	}
}

func TestTenantsThatAreNotServed(t *testing.T) {
	var out bytes.Buffer
	log, err := (&environment{std: streams{err: &out}, logFormat: "text"}).logger(&out)
	if err != nil {
		t.Fatal(err)
	}
	policy, err := tenants.ParsePolicy("tenants = {blog = {}, slip = {}}", "server.toml")
	if err != nil {
		t.Fatal(err)
	}
	tellUnserved(policy, []tenants.Bundle{{Name: "blog"}, {Name: "other"}}, log)
	if want := `msg="a tenant of the configuration is not served" tenant=slip file=server.toml`; strings.Count(out.String(), "\n") != 1 || !strings.Contains(out.String(), want) {
		t.Errorf("got %q", out.String())
	}
}

func TestStateFolder(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_STATE_HOME", "")
	a, err := (&environment{}).stateFolder("/srv/apps")
	if err != nil || !strings.HasPrefix(a, home+"/.local/state/wasgi/apps-") {
		t.Errorf("got %q, %v", a, err)
	}
	if b, err := (&environment{}).stateFolder("/other/apps"); err != nil || a == b {
		t.Errorf("two folders of one name share %q, %v", b, err)
	}
	t.Setenv("XDG_STATE_HOME", "/var/state")
	if c, err := (&environment{}).stateFolder("/srv/apps"); err != nil || !strings.HasPrefix(c, "/var/state/wasgi/apps-") {
		t.Errorf("got %q, %v", c, err)
	}
	if d, err := (&environment{state: "/x"}).stateFolder("/srv/apps"); err != nil || d != "/x" {
		t.Errorf("got %q, %v", d, err)
	}
}

func TestLogFormats(t *testing.T) {
	for format, want := range map[string]string{"json": `{"time":`, "auto": `{"time":`, "text": "time="} {
		var out bytes.Buffer
		log, err := (&environment{std: streams{err: &out}, logFormat: format}).logger(&out)
		if err != nil {
			t.Fatal(err)
		}
		log.Info("line\none", "key", "a\nlevel=ERROR")
		log.Debug("more")
		if !strings.HasPrefix(out.String(), want) || strings.Count(out.String(), "\n") != 1 {
			t.Errorf("%s: %q", format, out.String())
		}
	}
}
