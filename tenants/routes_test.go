package tenants

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestRoutes(t *testing.T) {
	r := &routes{byHost: map[string][]route{}}
	tenant := map[string]*Tenant{}
	for _, add := range []struct{ host, prefix, name string }{
		{"blog.example.com", "/shop", "shop"}, {"blog.example.com", "", "blog"}, {"blog.example.com", "/shop/admin", "admin"},
		{"only.example.com", "/app", "only"}, {"*.example.com", "", "any"}, {"*.deep.example.com", "", "deep"},
		{"*", "", "rest"}, {"*", "/rest", "rest2"}, {"a_b", "/\xc3\xa4", "umlaut"},
	} {
		if tenant[add.name] == nil {
			tenant[add.name] = &Tenant{Name: add.name}
		}
		r.add(add.host, route{tenant: tenant[add.name], prefix: add.prefix})
	}
	for _, test := range []struct{ host, path, name, script string }{
		{"blog.example.com", "/", "blog", ""},
		{"blog.example.com", "", "blog", ""},
		{"blog.example.com", "/shop", "shop", "/shop"},
		{"blog.example.com", "/shop/", "shop", "/shop"},
		{"blog.example.com", "/shop/x", "shop", "/shop"},
		{"blog.example.com", "/shopping", "blog", ""},
		{"blog.example.com", "/Shop", "blog", ""},
		{"blog.example.com", "//shop", "blog", ""},
		{"blog.example.com", "/shop/admin", "admin", "/shop/admin"},
		{"blog.example.com", "/shop/admin/x", "admin", "/shop/admin"},
		{"blog.example.com", "/shop/administrator", "shop", "/shop"},
		{"blog.example.com", "/shop\x00/x", "blog", ""},
		// An exact host hides the wildcard, even where it has no such path.
		{"only.example.com", "/app/x", "only", "/app"},
		{"only.example.com", "/", "", ""},
		{"www.example.com", "/app", "any", ""},
		{"a.b.example.com", "/", "any", ""},
		{"x.deep.example.com", "/", "deep", ""},
		{"deep.example.com", "/", "any", ""},
		{"example.com", "/", "rest", ""},
		{"notexample.com", "/", "rest", ""},
		{"other", "/rest/x", "rest2", "/rest"},
		{"", "/", "rest", ""},
		{"*", "/", "rest", ""},
		{"*.example.com", "/", "any", ""},
		{"a_b", "/\xc3\xa4/x", "umlaut", "/\xc3\xa4"},
		{"a_b", "/\xc3\xa4\xc3", "", ""},
	} {
		got, script := r.find(test.host, test.path)
		if got != tenant[test.name] || script != test.script {
			t.Errorf("%s%s goes to %v with %q, want %s with %q", test.host, test.path, got, script, test.name, test.script)
		}
	}
}

func TestNoRoutes(t *testing.T) {
	if got, script := NewRegistry(Host{}).Route("a", "/"); got != nil || script != "" {
		t.Errorf("got %v, %q", got, script)
	}
}

// write makes a file with the folders it needs.
func write(t *testing.T, text string, path ...string) {
	t.Helper()
	name := filepath.Join(path...)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestFingerprint(t *testing.T) {
	dir := t.TempDir()
	write(t, "x", dir, "app.py")
	write(t, "x", dir, "lib", "m.py")
	write(t, "x", dir, ".git", "HEAD")
	write(t, "x", dir, "lib", "__pycache__", "m.pyc")
	look := func() string {
		t.Helper()
		print, err := fingerprint(dir)
		if err != nil {
			t.Fatal(err)
		}
		return print
	}
	last := look()
	for _, step := range []struct {
		name    string
		do      func()
		changes bool
	}{
		{"nothing", func() {}, false},
		{"a longer file", func() { write(t, "xy", dir, "app.py") }, true},
		{"a touched file", func() {
			if err := os.Chtimes(filepath.Join(dir, "app.py"), time.Time{}, time.Unix(1, 5)); err != nil {
				t.Fatal(err)
			}
		}, true},
		{"a new file", func() { write(t, "", dir, "lib", "new", "n.py") }, true},
		{"a hidden file", func() { write(t, "", dir, ".env") }, true},
		{"a removed file", func() { os.Remove(filepath.Join(dir, "lib", "m.py")) }, true},
		{"version control", func() { write(t, "longer", dir, ".git", "HEAD") }, false},
		{"bytecode", func() { write(t, "longer", dir, "lib", "__pycache__", "m.pyc") }, false},
		{"a link", func() {
			if err := os.Symlink("nowhere", filepath.Join(dir, "link")); err != nil {
				t.Fatal(err)
			}
		}, true},
	} {
		step.do()
		if now := look(); (now != last) != step.changes {
			t.Errorf("%s: changed %v, want %v", step.name, now != last, step.changes)
		} else {
			last = now
		}
	}
	if _, err := fingerprint(filepath.Join(dir, "nowhere")); err == nil {
		t.Error("a folder that is not there has a fingerprint")
	}
}

// Folders are often put in force by pointing a link at them.
func TestFingerprintOfALinkedFolderSeesItsFiles(t *testing.T) {
	dir := t.TempDir()
	write(t, "x", dir, "v1", "app.py")
	link := filepath.Join(dir, "current")
	if err := os.Symlink("v1", link); err != nil {
		t.Fatal(err)
	}
	before, err := fingerprint(link)
	if err != nil {
		t.Fatal(err)
	}
	write(t, "longer", dir, "v1", "app.py")
	if after, err := fingerprint(link); err != nil || after == before {
		t.Errorf("a changed file is not seen (%v)", err)
	}
}

func TestBundleOf(t *testing.T) {
	f := Folder{Dir: "/srv/apps"}
	for name, want := range map[string]string{
		"/srv/apps": "", "/srv": "", "/": "", "/srv/apps2/x": "", "/srv/apps/../x": "", "relative": "",
		"/srv/apps/blog": "blog", "/srv/apps/blog/": "blog", "/srv/apps/blog/app.py": "blog", "/srv/apps/blog/a/b/c": "blog",
		"/srv/apps/..data/x": "..data",
	} {
		if got := f.bundleOf(name); got != want {
			t.Errorf("%s is of %q, want %q", name, got, want)
		}
	}
}

func TestOpenBundle(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "blog")
	if _, err := OpenBundle(dir, Policy{}); !os.IsNotExist(err) {
		t.Errorf("no folder: %v", err)
	}
	write(t, "[app]\nentry = 1", dir, ManifestName)
	if _, err := OpenBundle(dir, Policy{}); err == nil || err.Error() != dir+"/wasgi.toml: app.entry = 1: want a string" {
		t.Errorf("got %v", err)
	}
	write(t, manifest("", "", ""), dir, ManifestName)
	b, err := OpenBundle(dir+"/.", Policy{})
	if err != nil {
		t.Fatal(err)
	}
	if b.Name != "blog" || b.Dir != dir {
		t.Errorf("got %+v", b)
	}
	if err := os.Truncate(filepath.Join(dir, ManifestName), 2<<20); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenBundle(dir, Policy{}); err == nil {
		t.Error("a manifest of 2 MiB is read")
	}
	if err := os.Remove(filepath.Join(dir, ManifestName)); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, ManifestName), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenBundle(dir, Policy{}); err == nil {
		t.Error("a manifest that is a folder is read")
	}
}
