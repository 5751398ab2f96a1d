package tenants

import (
	"os"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"testing"
	"time"

	"wasgi/quotas"
)

const serverFile = "wasgi-server.toml"

func TestParsePolicyReadsAll(t *testing.T) {
	p, err := ParsePolicy(`
[server]
memory = "8GiB"
cpus = 2
[defaults]
memory = "64MiB"
cpu_share = 0.5
[ceilings]
memory = "512MiB"
timeout = "10s"
[tenants.blog]
weight = 2.5
[tenants.blog.ceilings]
memory = "1GiB"
cpu_share = 4
[tenants."a shop"]
`, serverFile)
	if err != nil {
		t.Fatal(err)
	}
	if p.File != serverFile || p.Memory != 8*quotas.GiB || p.CPUs != 2 || len(p.Tenants) != 2 {
		t.Errorf("got %+v", p)
	}
	defaults, ceilings := quotas.Default(), quotas.Most()
	defaults.Memory, defaults.CPUShare, defaults.Timeout = 64*quotas.MiB, 0.5, 10*time.Second // the built-in 30s is lowered
	ceilings.Memory, ceilings.Timeout = 512*quotas.MiB, 10*time.Second
	if p.Defaults != defaults || p.Ceilings != ceilings {
		t.Errorf("got %+v\n%+v", p.Defaults, p.Ceilings)
	}
	ceilings.Memory, ceilings.CPUShare = quotas.GiB, 4
	if got := p.Tenant("blog"); got != (TenantPolicy{2.5, ceilings}) {
		t.Errorf("got %+v", got)
	}
	for _, name := range []string{"a shop", "nobody"} {
		if got := p.Tenant(name); got != (TenantPolicy{1, p.Ceilings}) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestReadPolicyFillsInTheRest(t *testing.T) {
	file := filepath.Join(t.TempDir(), serverFile)
	if err := os.WriteFile(file, []byte("[server]\ncpus = 1"), 0o600); err != nil {
		t.Fatal(err)
	}
	machine, err := quotas.MachineMemory()
	if err != nil {
		t.Fatal(err)
	}
	for file, cpus := range map[string]int{"": goruntime.GOMAXPROCS(0), file: 1} {
		p, err := ReadPolicy(file)
		if err != nil || p.Memory != machine/4*3 || p.CPUs != cpus || p.Defaults != quotas.Default() || p.Ceilings != quotas.Most() {
			t.Errorf("%q: %+v, %v", file, p, err)
		}
	}
	if _, err := ReadPolicy(file + "x"); !os.IsNotExist(err) {
		t.Errorf("a file that is not there: %v", err)
	}
	if _, err := ReadPolicy(filepath.Dir(file)); err == nil || !strings.Contains(err.Error(), "want a regular file") {
		t.Errorf("a folder: %v", err)
	}
}

// Each names the file, the key and, where there is one, the value.
func TestParsePolicyRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"[server]\nmemory = 8":              `server.memory = 8: want a size like "128MiB"`,
		"[server]\nmemory = \"8\"":          `server.memory = "8": want a size like "128MiB"`,
		"[server]\nmemory = \"0B\"":         `server.memory is 0B, want 48MiB to 1048576GiB`,
		"[server]\nmemory = \"-8GiB\"":      `server.memory is -8GiB, want 48MiB to 1048576GiB`,
		"[server]\nmemory = \"1048577GiB\"": `server.memory is 1048577GiB, want 48MiB to 1048576GiB`,
		"[server]\ncpus = 0":                `server.cpus is 0, want 1 to 1024`,
		"[server]\ncpus = -1":               `server.cpus is -1, want 1 to 1024`,
		"[server]\ncpus = 1025":             `server.cpus is 1025, want 1 to 1024`,
		"[server]\ncpus = 1.5":              `server.cpus = 1.5: want a whole number`,
		"[server]\ncpu = 1":                 `server.cpu = 1: unknown key, known are memory, snapshots, cpus, cache, https_port, access_log`,
		"server = 1":                        `server = 1: want a table: [server]`,
		"[limits]":                          `limits = map[string]interface {}{}: unknown key, known are server, http, tls, ceilings, defaults, tenants`,
		"[defaults]\nmemory = \"1MiB\"":     `defaults.memory is 1MiB, want 48MiB to 4194240KiB`,
		"[defaults]\ncpu = \"0s\"":          `defaults.cpu is 0s, want 1ms to 24h0m0s`,
		"[defaults]\ncpu = \"-1s\"":         `defaults.cpu is -1s, want 1ms to 24h0m0s`,
		"[defaults]\ntimeout = \"30\"":      `defaults.timeout = "30": want a time like "30s" or "500ms"`,
		"[defaults]\nentry = \"a:b\"":       `defaults.entry = "a:b": unknown key, known are ` + strings.Join(limitNames(), ", "),
		"[ceilings]\nmemory = \"0B\"":       `ceilings.memory is 0B, want 48MiB to 4194240KiB`,
		"[ceilings]\nmemory = \"5GiB\"":     `ceilings.memory is 5GiB, want 48MiB to 4194240KiB`,
		"[ceilings]\ninstances = \"4\"":     `ceilings.instances = "4": want a whole number`,
		"[ceilings]\nweight = 1":            `ceilings.weight = 1: unknown key, known are ` + strings.Join(limitNames(), ", "),
		"[defaults]\nmemory = \"1GiB\"\n[ceilings]\nmemory = \"512MiB\"":       `defaults.memory = "1GiB": more than the ceiling 512MiB (wasgi-server.toml, ceilings.memory)`,
		"[defaults]\nlog_rate = \"2KiB/s\"\n[ceilings]\nlog_rate = \"1KiB/s\"": `defaults.log_rate = "2KiB/s": more than the ceiling 1KiB/s (wasgi-server.toml, ceilings.log_rate)`,
		"tenants = 1":                                `tenants = 1: want a table: [tenants]`,
		"[tenants]\nblog = 1":                        `tenants.blog = 1: want a table: [tenants.blog]`,
		"[tenants.blog]\nweight = 0":                 `tenants.blog.weight is 0, want 0.01 to 1000`,
		"[tenants.blog]\nweight = -1":                `tenants.blog.weight is -1, want 0.01 to 1000`,
		"[tenants.blog]\nweight = nan":               `tenants.blog.weight is NaN, want 0.01 to 1000`,
		"[tenants.blog]\nweight = inf":               `tenants.blog.weight is +Inf, want 0.01 to 1000`,
		"[tenants.blog]\nweight = \"2\"":             `tenants.blog.weight = "2": want a number like 1 or 0.5`,
		"[tenants.blog]\nmemory = \"1GiB\"":          `tenants.blog.memory = "1GiB": unknown key, known are weight, ceilings`,
		"[tenants.blog.ceilings]\nmemory = \"1MiB\"": `tenants.blog.ceilings.memory is 1MiB, want 48MiB to 4194240KiB`,
		"[tenants.blog.ceilings]\nmemory = true":     `tenants.blog.ceilings.memory = true: want a size like "128MiB"`,
		"[tenants.\"../x\"]":                         `tenants.../x = map[string]interface {}{}: want the name of a bundle's folder`,
		"[tenants.\"\"]":                             `tenants. = map[string]interface {}{}: want the name of a bundle's folder`,
		"[server]\nmemory = ":                        `line 2: `,
	} {
		_, err := ParsePolicy(text, serverFile)
		want = serverFile + ": " + want
		if err == nil || err.Error() != want && !(strings.HasSuffix(want, "line 2: ") && strings.HasPrefix(err.Error(), want)) {
			t.Errorf("%q:\ngot  %v\nwant %s", text, err, want)
		}
	}
}

// A bundle may lower a limit, and raise it up to its ceiling.
func TestCeilingsHoldABundle(t *testing.T) {
	p, err := ParsePolicy(`
[ceilings]
memory = "512MiB"
timeout = "20s"
cpu_share = 1.5
[tenants.blog.ceilings]
memory = "1GiB"
[tenants.small.ceilings]
memory = "64MiB"
`, serverFile)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ tenant, limits, want string }{
		"nothing":              {"any", ``, ""},
		"the ceiling":          {"any", `memory = "512MiB"`, ""},
		"above":                {"any", `memory = "513MiB"`, `limits.memory = "513MiB": more than the ceiling 512MiB (wasgi-server.toml, ceilings.memory)`},
		"above, as written":    {"any", `timeout = "1m"`, `limits.timeout = "1m": more than the ceiling 20s (wasgi-server.toml, ceilings.timeout)`},
		"above, a number":      {"any", `cpu_share = 2`, `limits.cpu_share = 2: more than the ceiling 1.5 (wasgi-server.toml, ceilings.cpu_share)`},
		"lower":                {"any", `memory = "48MiB"`, ""},
		"too low":              {"any", `memory = "1MiB"`, `limits.memory is 1MiB, want 48MiB to 4194240KiB`},
		"no ceiling":           {"any", `data = "1024GiB"`, ""},
		"beyond all sense":     {"any", `data = "1025GiB"`, `limits.data is 1025GiB, want 64KiB to 1024GiB`},
		"its own, higher":      {"blog", `memory = "1GiB"`, ""},
		"above its own":        {"blog", `memory = "2GiB"`, `limits.memory = "2GiB": more than the ceiling 1GiB (wasgi-server.toml, tenants.blog.ceilings.memory)`},
		"above the others'":    {"blog", `timeout = "21s"`, `limits.timeout = "21s": more than the ceiling 20s (wasgi-server.toml, ceilings.timeout)`},
		"its own, lower":       {"small", `memory = "64MiB"`, ""},
		"above its own, lower": {"small", `memory = "65MiB"`, `limits.memory = "65MiB": more than the ceiling 64MiB (wasgi-server.toml, tenants.small.ceilings.memory)`},
	} {
		_, err := ParseManifest(manifest("", "", test.limits), test.tenant, p)
		if got := errorText(err); got != test.want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, test.want)
		}
	}
	for tenant, want := range map[string]quotas.Bytes{"any": 128 * quotas.MiB, "blog": 128 * quotas.MiB, "small": 64 * quotas.MiB} {
		if m := DefaultManifest(tenant, p); m.Quota.Memory != want || m.Quota.Timeout != 20*time.Second {
			t.Errorf("%s gets %+v", tenant, m.Quota)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// A bundle's error names its own file and the operator's.
func TestOpenBundleKeepsToThePolicy(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "blog")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, ManifestName)
	if err := os.WriteFile(file, []byte(manifest("", "", `memory = "1GiB"`)), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := ParsePolicy("[ceilings]\nmemory = \"512MiB\"", serverFile)
	if err != nil {
		t.Fatal(err)
	}
	want := file + `: limits.memory = "1GiB": more than the ceiling 512MiB (wasgi-server.toml, ceilings.memory)`
	if _, err := OpenBundle(dir, p); errorText(err) != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if _, err := OpenApp(dir, "a:b", p); errorText(err) != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestNamesOfTenants(t *testing.T) {
	for dir, want := range map[string]string{"/srv/apps/blog": "blog", "/": "app", "/srv/..x": "..x", "/srv/a b": "a b"} {
		if got := tenantName(dir); got != want {
			t.Errorf("%s is %q, want %q", dir, got, want)
		}
	}
	for _, name := range []string{"", ".", "..", "/", "a/b", "../a", "a/", "a\x00"} {
		if validName(name) {
			t.Errorf("%q is a name", name)
		}
	}
}

// FuzzParsePolicy holds that what is accepted keeps its promises: valid, and the
// defaults of each tenant within its ceilings.
func FuzzParsePolicy(f *testing.F) {
	f.Add("[server]\nmemory = \"8GiB\"\ncpus = 2\n[defaults]\ncpu_share = 0.5\n[ceilings]\nmemory = \"512MiB\"", `memory = "1GiB"`)
	f.Add("[tenants.blog]\nweight = 2.0\n[tenants.blog.ceilings]\nmemory = \"64MiB\"\ncpu_share = 1", "cpu_share = 1.5")
	f.Add("[ceilings]\ntimeout = \"1s\"\nlog_rate = \"1KiB/s\"\nqueue = 1", "timeout = \"1s\"\nqueue = 2")
	f.Add("tenants = {a = {ceilings = 1}, \"../b\" = {}}", "")
	f.Fuzz(func(t *testing.T, text, limits string) {
		p, err := ParsePolicy(text, serverFile)
		if err != nil {
			if !strings.HasPrefix(err.Error(), serverFile+": ") || len(err.Error()) < len(serverFile)+3 {
				t.Errorf("got %q", err)
			}
			return
		}
		if p.CPUs < 1 || p.Memory < 0 || p.Defaults.Validate() != nil || p.Ceilings.Validate() != nil || p.Defaults != p.Defaults.Within(p.Ceilings) {
			t.Fatalf("accepted: %+v", p)
		}
		p.Tenants["other"] = TenantPolicy{Weight: 1, Ceilings: p.Ceilings}
		for name := range p.Tenants {
			tenant := p.Tenant(name)
			if !(tenant.Weight >= leastWeight && tenant.Weight <= mostWeight) || tenant.Ceilings.Validate() != nil || !validName(name) {
				t.Errorf("%q is accepted with %+v", name, tenant)
			}
			if q := p.quota(name); q.Validate() != nil || q != q.Within(tenant.Ceilings) {
				t.Errorf("%q gets %+v", name, q)
			}
			if m, err := ParseManifest(manifest("", "", limits), name, p); err == nil && m.Quota != m.Quota.Within(tenant.Ceilings) {
				t.Errorf("%q may have %+v, its ceilings are %+v", name, m.Quota, tenant.Ceilings)
			}
		}
	})
}
