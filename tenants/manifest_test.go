package tenants

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"wasgi/quotas"
)

// manifest is a good one but for what lines say, each under its table.
func manifest(app, env, limits string) string {
	text := "[app]\n"
	if !strings.Contains(app, "entry") {
		text += "entry = \"app:application\"\n"
	}
	if !strings.Contains(app, "hosts") {
		text += "hosts = [\"a.example\"]\n"
	}
	return text + app + "\n[env]\n" + env + "\n[limits]\n" + limits + "\n"
}

func TestParseManifestReadsAll(t *testing.T) {
	m, err := ParseManifest(`
[app]
entry = "pkg.app:create_app()"
hosts = ["blog.localhost", "*.example.com", "*"]
prefix = "/blog/v1"
path = [".", "lib", "a/b"]
[env]
DEBUG = "0"
"a.b" = "ümlaut"
EMPTY = ""
[limits]
memory = "256MiB"
timeout = "500ms"
instances = 2
max_requests = 7
data = "1GiB"
tmp = "1MiB"
log_rate = "2KiB/s"
stack = "4MiB"
cpu = "250ms"
cpu_share = 2
cpu_burst = "1s"
startup_cpu = "20s"
startup_timeout = "2m"
queue = 3
queue_timeout = "1s"
request_body = "2KiB"
response_body = "1MiB"
log_keep = "64KiB"

[environ]
"shop.currency" = "€"
REMOTE_USER = ""
`, "blog", Policy{})
	if err != nil {
		t.Fatal(err)
	}
	if m.Entry != "pkg.app:create_app()" || m.Prefix != "/blog/v1" || m.scriptName() != "/blog/v1" {
		t.Errorf("got %+v", m)
	}
	if !slices.Equal(m.Hosts, []string{"blog.localhost", "*.example.com", "*"}) || !slices.Equal(m.Path, []string{".", "lib", "a/b"}) {
		t.Errorf("got %q, %q", m.Hosts, m.Path)
	}
	if !maps.Equal(m.Environ, map[string]string{"shop.currency": "€", "REMOTE_USER": ""}) {
		t.Errorf("got %q", m.Environ)
	}
	if !maps.Equal(m.Env, map[string]string{"DEBUG": "0", "a.b": "ümlaut", "EMPTY": ""}) {
		t.Errorf("got %q", m.Env)
	}
	want := quotas.Default()
	want.Memory, want.Timeout, want.Instances, want.MaxRequests = 256*quotas.MiB, 500*time.Millisecond, 2, 7
	want.Data, want.Tmp, want.LogRate, want.LogKeep = quotas.GiB, quotas.MiB, 2*quotas.KiB, 64*quotas.KiB
	want.Stack, want.CPU, want.CPUShare, want.CPUBurst = 4*quotas.MiB, 250*time.Millisecond, 2, time.Second
	want.StartupCPU, want.StartupTimeout, want.Queue, want.QueueTimeout = 20*time.Second, 2*time.Minute, 3, time.Second
	want.RequestBody, want.ResponseBody = 2*quotas.KiB, quotas.MiB
	if m.Quota != want {
		t.Errorf("got %+v, want %+v", m.Quota, want)
	}
}

func TestParseManifestFillsInTheRest(t *testing.T) {
	m, err := ParseManifest(`app = {entry = "app:application", hosts = ["a"]}`, "blog", Policy{})
	if err != nil {
		t.Fatal(err)
	}
	if m.Prefix != "/" || m.scriptName() != "" || !slices.Equal(m.Path, []string{".", "site-packages"}) || len(m.Env) != 0 || m.Quota != quotas.Default() {
		t.Errorf("got %+v", m)
	}
}

func TestParseManifestTakes(t *testing.T) {
	for name, text := range map[string]string{
		"a dotted callable":   manifest(`entry = "a.b.c:d.e"`, "", ""),
		"a name of Unicode":   manifest(`entry = "äpp:großartig"`, "", ""),
		"an address":          manifest(`hosts = ["127.0.0.1"]`, "", ""),
		"an underscore":       manifest(`hosts = ["_a.b"]`, "", ""),
		"a long label":        manifest(`hosts = ["`+strings.Repeat("a", 63)+`.b"]`, "", ""),
		"a prefix of Unicode": manifest(`prefix = "/ä"`, "", ""),
		"no path at all":      manifest(`path = []`, "", ""),
		"a path with a dot":   manifest(`path = ["./lib"]`, "", ""),
		"the least memory":    manifest("", "", `memory = "48MiB"`),
		"the longest time":    manifest("", "", `timeout = "24h"`),
	} {
		if _, err := ParseManifest(text, "blog", Policy{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func limitNames() []string {
	var names []string
	q := quotas.Default()
	for _, f := range q.Fields() {
		names = append(names, f.Name)
	}
	return names
}

// Each names the key and, where there is one, the value.
const warmWant = `: want a path like "/" or "/list?page=1", in ASCII, of at most 2048 bytes`

func TestParseManifestRefuses(t *testing.T) {
	const hostWant = `: want a lower-case host name without port, "*.example.com" or "*"`
	const entryWant = `: want "module:callable" or "module:factory()"`
	const prefixWant = `: want "/", or a path like "/blog" without a "/" at its end`
	long := strings.Repeat("x", 200)
	for name, test := range map[string]struct{ text, want string }{
		"nothing":       {"", `app.entry is missing: want "module:callable", like "app:application"`},
		"no entry":      {"[app]\nhosts = [\"a\"]", `app.entry is missing: want "module:callable", like "app:application"`},
		"no hosts":      {"[app]\nentry = \"a:b\"", `app.hosts is missing: want a list of hosts like ["blog.localhost"]`},
		"no host in it": {manifest("hosts = []", "", ""), `app.hosts is missing: want a list of hosts like ["blog.localhost"]`},

		"unknown table":     {"[apps]\nentry = \"a:b\"", `apps = map[string]interface {}{"entry":"a:b"}: unknown key, known are app, env, limits, static, errors, environ`},
		"unknown key":       {manifest(`entrypoint = "x"`, "", ""), `app.entrypoint = "x": unknown key, known are entry, hosts, prefix, path, isolation, warm, idle, https, hsts, compress, streaming`},
		"unknown limit":     {manifest("", "", `processors = 1`), `limits.processors = 1: unknown key, known are ` + strings.Join(limitNames(), ", ")},
		"a key at the top":  {"entry = \"a:b\"\n" + manifest("", "", ""), `entry = "a:b": unknown key, known are app, env, limits, static, errors, environ`},
		"share of words":    {manifest("", "", `cpu_share = "1"`), `limits.cpu_share = "1": want a number like 1 or 0.5`},
		"share of nothing":  {manifest("", "", `cpu_share = 0`), `limits.cpu_share is 0, want 0.01 to 1024`},
		"negative share":    {manifest("", "", `cpu_share = -0.5`), `limits.cpu_share is -0.5, want 0.01 to 1024`},
		"no number":         {manifest("", "", `cpu_share = nan`), `limits.cpu_share is NaN, want 0.01 to 1024`},
		"infinite share":    {manifest("", "", `cpu_share = inf`), `limits.cpu_share is +Inf, want 0.01 to 1024`},
		"rate without /s":   {manifest("", "", `log_rate = "64KiB"`), `limits.log_rate = "64KiB": want an amount per second like "64KiB/s"`},
		"size per second":   {manifest("", "", `log_keep = "64KiB/s"`), `limits.log_keep = "64KiB/s": want a size like "128MiB"`},
		"no queue":          {manifest("", "", `queue = 0`), `limits.queue is 0, want 1 to 65536`},
		"isolation":         {manifest(`isolation = "process"`, "", ""), `app.isolation = "process": want "instance" or "request"`},
		"a header's key":    {manifest("", "", "") + "[environ]\nHTTP_HOST = \"x\"", `environ.HTTP_HOST = "x": want a string, under a name that the server does not use itself`},
		"a wsgi key":        {manifest("", "", "") + "[environ]\n\"wsgi.input\" = \"x\"", `environ.wsgi.input = "x": want a string, under a name that the server does not use itself`},
		"a server's key":    {manifest("", "", "") + "[environ]\nREQUEST_METHOD = \"x\"", `environ.REQUEST_METHOD = "x": want a string, under a name that the server does not use itself`},
		"a number in it":    {manifest("", "", "") + "[environ]\nX = 1", `environ.X = 1: want a string, under a name that the server does not use itself`},
		"another case":      {manifest(`Prefix = "/"`, "", ""), `app.Prefix = "/": unknown key, known are entry, hosts, prefix, path, isolation, warm, idle, https, hsts, compress, streaming`},
		"a table in app":    {manifest("", "", "") + "[app.more]\nx = 1", `app.more = map[string]interface {}{"x":1}: unknown key, known are entry, hosts, prefix, path, isolation, warm, idle, https, hsts, compress, streaming`},
		"a long value":      {manifest(`x = "`+long+`"`, "", ""), `app.x = "` + long[:76] + `...: unknown key, known are entry, hosts, prefix, path, isolation, warm, idle, https, hsts, compress, streaming`},
		"app is no table":   {`app = "a:b"`, `app = "a:b": want a table: [app]`},
		"env is no table":   {"env = 1\n" + "[app]\nentry = \"a:b\"", `env = 1: want a table: [env]`},
		"limits are a list": {"limits = []\n", `limits = []interface {}{}: want a table: [limits]`},

		"entry is a number":       {manifest(`entry = 1`, "", ""), `app.entry = 1: want a string`},
		"hosts is a string":       {manifest(`hosts = "a"`, "", ""), `app.hosts = "a": want a list of strings`},
		"hosts has a number":      {manifest(`hosts = ["a", 1]`, "", ""), `app.hosts = []interface {}{"a", 1}: want a list of strings`},
		"prefix is a bool":        {manifest(`prefix = true`, "", ""), `app.prefix = true: want a string`},
		"path is a string":        {manifest(`path = "."`, "", ""), `app.path = ".": want a list of strings`},
		"memory is a number":      {manifest("", "", `memory = 128`), `limits.memory = 128: want a size like "128MiB"`},
		"timeout is a number":     {manifest("", "", `timeout = 30`), `limits.timeout = 30: want a time like "30s" or "500ms"`},
		"timeout is a time":       {manifest("", "", `timeout = 00:00:30`), `want a time like "30s" or "500ms"`},
		"instances is a float":    {manifest("", "", `instances = 1.5`), `limits.instances = 1.5: want a whole number`},
		"instances is a string":   {manifest("", "", `instances = "4"`), `limits.instances = "4": want a whole number`},
		"max_requests is a float": {manifest("", "", `max_requests = 1e3`), `limits.max_requests = 1000: want a whole number`},
		"env has a number":        {manifest("", "DEBUG = 0", ""), `env.DEBUG = 0: want a string without NUL, its name without "="`},
		"env has a table":         {manifest("", "", "") + "[env.x]\ny = \"\"", `env.x = map[string]interface {}{"y":""}: want a string without NUL, its name without "="`},
		"env has a NUL":           {manifest("", `A = "a\u0000b"`, ""), `env.A = "a\x00b": want a string without NUL, its name without "="`},
		"env's name has a NUL":    {manifest("", `"A\u0000" = ""`, ""), `want a string without NUL, its name without "="`},
		"env's name has =":        {manifest("", `"A=B" = "c"`, ""), `env.A=B = "c": want a string without NUL, its name without "="`},
		"env without a name":      {manifest("", `"" = "c"`, ""), `env. = "c": want a string without NUL, its name without "="`},

		"a size of words":     {manifest("", "", `memory = "much"`), `limits.memory = "much": want a size like "128MiB"`},
		"an empty size":       {manifest("", "", `memory = ""`), `limits.memory = "": want a size like "128MiB"`},
		"too little memory":   {manifest("", "", `memory = "1MiB"`), `limits.memory is 1MiB, want 48MiB to 4194240KiB`},
		"negative memory":     {manifest("", "", `memory = "-128MiB"`), `limits.memory is -128MiB, want 48MiB to 4194240KiB`},
		"too much memory":     {manifest("", "", `memory = "4GiB"`), `limits.memory is 4GiB, want 48MiB to 4194240KiB`},
		"a size that wraps":   {manifest("", "", `memory = "17179869184GiB"`), `limits.memory = "17179869184GiB": want a size like "128MiB"`},
		"a time of words":     {manifest("", "", `timeout = "long"`), `limits.timeout = "long": want a time like "30s" or "500ms"`},
		"a time without unit": {manifest("", "", `timeout = "30"`), `limits.timeout = "30": want a time like "30s" or "500ms"`},
		"no time":             {manifest("", "", `timeout = "0s"`), `limits.timeout is 0s, want 1ms to 24h0m0s`},
		"negative time":       {manifest("", "", `timeout = "-1s"`), `limits.timeout is -1s, want 1ms to 24h0m0s`},
		"too long a time":     {manifest("", "", `timeout = "25h"`), `limits.timeout is 25h0m0s, want 1ms to 24h0m0s`},
		"no instances":        {manifest("", "", `instances = 0`), `limits.instances is 0, want 1 to 1024`},
		"negative instances":  {manifest("", "", `instances = -1`), `limits.instances is -1, want 1 to 1024`},
		"too many instances":  {manifest("", "", `instances = 1025`), `limits.instances is 1025, want 1 to 1024`},
		"no requests":         {manifest("", "", `max_requests = 0`), `limits.max_requests is 0, want 1 to 1099511627776`},
		"too many requests":   {manifest("", "", `max_requests = 9223372036854775807`), `limits.max_requests is 9223372036854775807, want 1 to 1099511627776`},

		"no callable":          {manifest(`entry = "app"`, "", ""), `app.entry = "app"` + entryWant},
		"an empty callable":    {manifest(`entry = "app:"`, "", ""), `app.entry = "app:"` + entryWant},
		"an empty module":      {manifest(`entry = ":app"`, "", ""), `app.entry = ":app"` + entryWant},
		"an empty part":        {manifest(`entry = "a..b:c"`, "", ""), `app.entry = "a..b:c"` + entryWant},
		"an argument":          {manifest(`entry = "a:b(1)"`, "", ""), `app.entry = "a:b(1)"` + entryWant},
		"a file":               {manifest(`entry = "app.py:../x"`, "", ""), `app.entry = "app.py:../x"` + entryWant},
		"code":                 {manifest(`entry = "a:b;import os"`, "", ""), `app.entry = "a:b;import os"` + entryWant},
		"two calls":            {manifest(`entry = "a:b()()"`, "", ""), `app.entry = "a:b()()"` + entryWant},
		"a line end in it":     {manifest(`entry = "a:b\n"`, "", ""), `app.entry = "a:b\n"` + entryWant},
		"a host with a port":   {manifest(`hosts = ["a:80"]`, "", ""), `app.hosts has "a:80"` + hostWant},
		"a host of capitals":   {manifest(`hosts = ["ok", "Blog"]`, "", ""), `app.hosts has "Blog"` + hostWant},
		"an empty host":        {manifest(`hosts = [""]`, "", ""), `app.hosts has ""` + hostWant},
		"a host with a slash":  {manifest(`hosts = ["a/b"]`, "", ""), `app.hosts has "a/b"` + hostWant},
		"a final dot":          {manifest(`hosts = ["a."]`, "", ""), `app.hosts has "a."` + hostWant},
		"an empty label":       {manifest(`hosts = ["a..b"]`, "", ""), `app.hosts has "a..b"` + hostWant},
		"a host of Unicode":    {manifest(`hosts = ["ä"]`, "", ""), `app.hosts has "ä"` + hostWant},
		"a star in the middle": {manifest(`hosts = ["a.*.b"]`, "", ""), `app.hosts has "a.*.b"` + hostWant},
		"two stars":            {manifest(`hosts = ["*.*.b"]`, "", ""), `app.hosts has "*.*.b"` + hostWant},
		"a star alone":         {manifest(`hosts = ["*."]`, "", ""), `app.hosts has "*."` + hostWant},
		"part of a label":      {manifest(`hosts = ["*a.b"]`, "", ""), `app.hosts has "*a.b"` + hostWant},
		"too long a label":     {manifest(`hosts = ["`+strings.Repeat("a", 64)+`"]`, "", ""), hostWant},
		"too long a host":      {manifest(`hosts = ["`+strings.Repeat("a.", 127)+`"]`, "", ""), hostWant},
		"an empty prefix":      {manifest(`prefix = ""`, "", ""), `app.prefix = ""` + prefixWant},
		"a relative prefix":    {manifest(`prefix = "blog"`, "", ""), `app.prefix = "blog"` + prefixWant},
		"a final slash":        {manifest(`prefix = "/blog/"`, "", ""), `app.prefix = "/blog/"` + prefixWant},
		"two slashes":          {manifest(`prefix = "//"`, "", ""), `app.prefix = "//"` + prefixWant},
		"a prefix going up":    {manifest(`prefix = "/a/../b"`, "", ""), `app.prefix = "/a/../b"` + prefixWant},
		"a query":              {manifest(`prefix = "/a?b"`, "", ""), `app.prefix = "/a?b"` + prefixWant},
		"an escape":            {manifest(`prefix = "/a%20b"`, "", ""), `app.prefix = "/a%20b"` + prefixWant},
		"a line end":           {manifest(`prefix = "/a\r\nb"`, "", ""), `app.prefix = "/a\r\nb"` + prefixWant},
		"a path going up":      {manifest(`path = [".", "../x"]`, "", ""), `app.path has "../x": want a folder inside the bundle`},
		"a path hiding it":     {manifest(`path = ["a/../../x"]`, "", ""), `app.path has "a/../../x": want a folder inside the bundle`},
		"idle too short":       {manifest(`idle = "999ms"`, "", ""), `app.idle = "999ms": want a time from 1s to 24h0m0s`},
		"idle too long":        {manifest(`idle = "24h1ms"`, "", ""), `app.idle = "24h0m0.001s": want a time from 1s to 24h0m0s`},
		"idle is no time":      {manifest(`idle = 60`, "", ""), `app.idle = 60: want a time like "30s" or "500ms"`},
		"warm is no list":      {manifest(`warm = "/"`, "", ""), `app.warm = "/": want a list of strings`},
		"warm is no path":      {manifest(`warm = ["/", "list"]`, "", ""), `app.warm has "list"` + warmWant},
		"warm has two lines":   {manifest(`warm = ["/ HTTP/1.1\r\nHost: x"]`, "", ""), `app.warm has "/ HTTP/1.1\r\nHost: x"` + warmWant},
		"warm is not ASCII":    {manifest(`warm = ["/ä"]`, "", ""), `app.warm has "/ä"` + warmWant},
		"warm is long":         {manifest(`warm = ["/`+strings.Repeat("a", 2048)+`"]`, "", ""), warmWant},
		"warm is many":         {manifest(`warm = [`+strings.Repeat(`"/",`, 33)+`]`, "", ""), `app.warm has 33 paths: want at most 32`},
		"an absolute path":     {manifest(`path = ["/etc"]`, "", ""), `app.path has "/etc": want a folder inside the bundle`},
		"an empty path":        {manifest(`path = [""]`, "", ""), `app.path has "": want a folder inside the bundle`},

		"no TOML":       {"[app]\nentry = \"a:b\"\nhosts = [", "line 3: "},
		"no string":     {"[app]\n\nentry = app", "line 3: "},
		"a key twice":   {"[app]\nentry = \"a\"\nentry = \"b\"", "line 3: "},
		"a table twice": {"[app]\n[app]\n", "line 2: "},
		"control bytes": {"[app]\nentry = \"\x01\"", "line 2: "},
		"no UTF-8":      {"[app]\nentry = \"\xff\"", "line 2: "},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseManifest(test.text, "blog", Policy{})
			exact := !strings.HasPrefix(test.want, "line ") && test.want != warmWant && !strings.HasPrefix(test.want, "want ") && !strings.HasPrefix(test.want, ": ")
			switch {
			case err == nil:
				t.Error("no error")
			case exact && err.Error() != test.want:
				t.Errorf("got  %v\nwant %v", err, test.want)
			case !strings.Contains(err.Error(), test.want):
				t.Errorf("got  %v\nwant %v in it", err, test.want)
			}
		})
	}
}

func FuzzParseManifest(f *testing.F) {
	f.Add(manifest("", "A = \"b\"", "memory = \"64MiB\""))
	f.Add(manifest(`hosts = ["*.a", "*"]`, "", "timeout = \"1s\"\ninstances = 3"))
	f.Add("app = 1")
	f.Add("[app]\nentry = [[1, {a = 2}], 1979-05-27]")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := ParseManifest(text, "blog", Policy{})
		if err != nil {
			if err.Error() == "" {
				t.Error("an error without a word")
			}
			return
		}
		if err := m.Validate(); err != nil {
			t.Errorf("what was accepted is not valid: %v", err)
		}
		if m.Prefix == "" || m.Prefix[0] != '/' || m.scriptName() == "/" {
			t.Errorf("prefix %q", m.Prefix)
		}
		for _, dir := range (Bundle{Manifest: m}).sysPath() {
			if dir != appDir && !strings.HasPrefix(dir, appDir+"/") {
				t.Errorf("a path outside the bundle: %q", dir)
			}
		}
	})
}
