package tenants

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// edgeManifest is a good manifest with lines in [app], and tables after it.
func edgeManifest(app, tables string) string {
	return "[app]\nentry = \"a:b\"\nhosts = [\"a\"]\n" + app + "\n" + tables
}

func TestParseManifestReadsTheEdge(t *testing.T) {
	m, err := ParseManifest(edgeManifest("https = \"redirect\"\nhsts = \"max-age=60; includeSubDomains; preload\"\ncompress = false", `
[static]
"/" = "public"
"/static" = "a/b"
"/static/deep" = "c.txt"
cache_control = "no-cache"
[errors]
404 = "e/404.html"
"5xx" = "e/5xx.html"
503 = "e/503.html"
`), "a", Policy{})
	if err != nil {
		t.Fatal(err)
	}
	e := m.Edge
	if !slices.Equal(e.Static, []Static{{"/static/deep", "c.txt"}, {"/static", "a/b"}, {"/", "public"}}) || e.CacheControl != "no-cache" ||
		e.HTTPS != RedirectHTTPS || e.HSTS != "max-age=60; includeSubDomains; preload" || e.Compress {
		t.Errorf("got %+v", e)
	}
	if !maps.Equal(e.Errors, map[string]string{"404": "e/404.html", "5xx": "e/5xx.html", "503": "e/503.html"}) {
		t.Errorf("errors %v", e.Errors)
	}
	for status, want := range map[int]string{404: "e/404.html", 405: "", 500: "e/5xx.html", 503: "e/503.html"} {
		if got := e.ErrorPage(status); got != want {
			t.Errorf("the page of %d is %q, want %q", status, got, want)
		}
	}
	for path, want := range map[string][2]string{
		"/x": {"/", "x"}, "/": {"/", ""}, "/static": {"/static", ""}, "/static/": {"/static", ""}, "/static/x/y": {"/static", "x/y"},
		"/staticx": {"/", "staticx"}, "/static/deep": {"/static/deep", ""}, "/static/deeper": {"/static", "deeper"}, "//x": {"/", "/x"},
	} {
		if s, rest, ok := e.Find(path); !ok || s.Path != want[0] || rest != want[1] {
			t.Errorf("%q is %q below %q", path, rest, s.Path)
		}
	}
	if _, _, ok := new(Edge).Find("/static"); ok {
		t.Error("a bundle without static files has some")
	}
	if m, err := ParseManifest(edgeManifest("", ""), "a", Policy{}); err != nil || !m.Edge.Compress || m.Edge.HTTPS != "" || m.Quota.Cache != 0 {
		t.Errorf("by default %+v, %v", m.Edge, err)
	}
}

func TestParseManifestRefusesAnEdge(t *testing.T) {
	for text, want := range map[string]string{
		edgeManifest("https = \"on\"", ""):                      `app.https = "on": want "redirect", or no such key`,
		edgeManifest("compress = 1", ""):                        `app.compress = 1: want true or false`,
		edgeManifest("hsts = \"60\"", ""):                       `app.hsts = "60": want "max-age=SECONDS", and after it, if at all, "; includeSubDomains" and "; preload"`,
		edgeManifest("hsts = \"max-age=60\\r\\nX: y\"", ""):     `app.hsts = "max-age=60\r\nX: y": want "max-age=SECONDS", and after it, if at all, "; includeSubDomains" and "; preload"`,
		edgeManifest("hsts = \"max-age=60; x\"", ""):            `app.hsts = "max-age=60; x": want "max-age=SECONDS", and after it, if at all, "; includeSubDomains" and "; preload"`,
		edgeManifest("", "[static]\nstatic = \"x\""):            `static has "static": want "/", or a path like "/static" without a "/" at its end`,
		edgeManifest("", "[static]\n\"/static/\" = \"x\""):      `static has "/static/": want "/", or a path like "/static" without a "/" at its end`,
		edgeManifest("", "[static]\n\"/s\" = 1"):                `static./s = 1: want a string`,
		edgeManifest("", "[static]\n\"/s\" = \".\""):            `static."/s" = ".": want a folder or file inside the bundle, not all of it, and not hidden`,
		edgeManifest("", "[static]\n\"/s\" = \"\""):             `static."/s" = "": want a folder or file inside the bundle, not all of it, and not hidden`,
		edgeManifest("", "[static]\n\"/s\" = \"..\""):           `static."/s" = "..": want a folder or file inside the bundle, not all of it, and not hidden`,
		edgeManifest("", "[static]\n\"/s\" = \"x/../../y\""):    `static."/s" = "x/../../y": want a folder or file inside the bundle, not all of it, and not hidden`,
		edgeManifest("", "[static]\n\"/s\" = \"/etc\""):         `static."/s" = "/etc": want a folder or file inside the bundle, not all of it, and not hidden`,
		edgeManifest("", "[static]\n\"/s\" = \"a/.git\""):       `static."/s" = "a/.git": want a folder or file inside the bundle, not all of it, and not hidden`,
		edgeManifest("", "[static]\ncache_control = \"a\\nb\""): `static.cache_control = "a\nb": want the value of a header`,
		edgeManifest("", "[errors]\n200 = \"x\""):               `errors has "200": want a status like "404", or a class of them, "4xx" or "5xx"`,
		edgeManifest("", "[errors]\n\"50x\" = \"x\""):           `errors has "50x": want a status like "404", or a class of them, "4xx" or "5xx"`,
		edgeManifest("", "[errors]\n404 = \"../x\""):            `errors.404 = "../x": want a file inside the bundle that is not hidden`,
		edgeManifest("", "[limits]\ncache = \"17GiB\""):         `limits.cache is 17GiB, want 0B to 16GiB`,
	} {
		if _, err := ParseManifest(text, "a", Policy{}); errorText(err) != want {
			t.Errorf("%s\ngot  %v\nwant %s", text, err, want)
		}
	}
}

// A bundle whose files are not there, or lead out of it, is told so when it is opened.
func TestOpenBundleLooksForItsFiles(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink("/etc", filepath.Join(dir, "out")); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, ManifestName)
	for tables, want := range map[string]string{
		"[static]\n\"/s\" = \"none\"": file + `: static."/s" = "none": no such file or directory`,
		"[static]\n\"/s\" = \"out\"":  file + `: static."/s" = "out": path escapes from parent`,
		"[errors]\n404 = \"none\"":    file + `: errors.404 = "none": no such file or directory`,
	} {
		if err := os.WriteFile(file, []byte(edgeManifest("", tables)), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenBundle(dir, Policy{}); errorText(err) != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

func TestParsePolicyReadsTheEdge(t *testing.T) {
	p, err := ParsePolicy("[server]\ncache = \"2MiB\"\nhttps_port = 8443\n[server.access_log]\nformat = \"combined\"\nfile = \"-\"", "s.toml")
	if err != nil || p.Cache != 2<<20 || p.HTTPSPort != 8443 || p.Access != (AccessLog{AccessCombined, "-"}) {
		t.Errorf("got %+v, %v", p, err)
	}
	for text, want := range map[string]string{
		"[server.access_log]\nformat = \"xml\"": `s.toml: server.access_log.format = "xml": want "log", "json" or "combined"`,
		"[server.access_log]\nfile = \"x\"":     `s.toml: server.access_log.file = "x": want a format, "json" or "combined", with it`,
		"[server]\nhttps_port = 0":              `s.toml: server.https_port is 0, want 1 to 65535`,
		"[server]\ncache = \"1KiB\"":            `s.toml: server.cache is 1KiB, want 1MiB to 1048576GiB`,
	} {
		if _, err := ParsePolicy(text, "s.toml"); errorText(err) != want {
			t.Errorf("%s\ngot  %v\nwant %s", text, err, want)
		}
	}
}
