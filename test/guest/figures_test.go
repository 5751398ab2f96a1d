package guest

import (
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"wasgi/abi"
)

func (i *instance) get(t *testing.T, path string) string {
	t.Helper()
	i.body, i.report = "", ""
	environ := &abi.Pairs{}
	for _, p := range [][2]string{
		{"REQUEST_METHOD", "GET"}, {"SCRIPT_NAME", ""}, {"PATH_INFO", path}, {"QUERY_STRING", "name=You"},
		{"SERVER_NAME", "localhost"}, {"SERVER_PORT", "80"}, {"SERVER_PROTOCOL", "HTTP/1.1"}, {"wsgi.url_scheme", "http"},
		{"REMOTE_ADDR", "127.0.0.1"}, {"HTTP_HOST", "localhost"}, {"HTTP_USER_AGENT", "test"}, {"HTTP_ACCEPT", "*/*"},
	} {
		environ.Add(p[0], p[1])
	}
	if outcome, err := i.guest.Serve(i.ctx, environ); outcome != abi.OutcomeOK || err != nil {
		t.Fatalf("outcome %d, %v: %s\n%s", outcome, err, i.report, i.stderr.String())
	}
	return i.body
}

// TestFigures prints what snapshots cost, for the folders of apps in WASGI_GUEST_APPS.
func TestFigures(t *testing.T) {
	apps := os.Getenv("WASGI_GUEST_APPS")
	if apps == "" {
		t.Skip("WASGI_GUEST_APPS names no folder")
	}
	img := compile(t)
	timed := func(what string, f func()) {
		begin := time.Now()
		f()
		t.Logf("%-24s %v", what, time.Since(begin).Round(10*time.Microsecond))
	}
	for _, name := range []string{"hello", "flask"} {
		dir := apps + "/" + name
		if _, err := os.Stat(dir); err != nil {
			continue
		}
		t.Run(name, func(t *testing.T) {
			app := folder(t, dir)
			entry := map[string]string{"hello": "app:application", "flask": "app:app"}[name]
			for _, prepared := range []bool{false, true} {
				i := img.open(t, app)
				i.instantiate(t, img, "_initialize")
				timed("start", func() { i.must(t, "start", func() (abi.Outcome, error) { return i.guest.Start(i.ctx, 1) }) })
				if prepared {
					timed("prepare", func() { i.must(t, "prepare", func() (abi.Outcome, error) { return i.guest.Prepare(i.ctx) }) })
					base := i.capture(t)
					t.Logf("base: %d KiB, %d not zero", base.pages*4, i.nonzero()*4)
					i = img.clone(t, base, app)
					timed("restored", func() { i.restored(t, 7) })
					t.Logf("own pages after restored: %d", len(i.own(t)))
				}
				timed("load", func() { i.load(t, entry) })
				t.Logf("%s", i.stderr.String())
				for range 3 {
					i.get(t, "/")
				}
				if prepared {
					t.Logf("own pages after load and three requests: %d", len(i.own(t)))
				}
				timed("freeze", func() { i.must(t, "freeze", func() (abi.Outcome, error) { return i.guest.Freeze(i.ctx) }) })
				s := i.capture(t)
				t.Logf("snapshot: %d KiB, %d KiB not zero; warnings %q", s.pages*4, i.nonzero()*4, i.warnings)
				c := img.clone(t, s, app)
				timed("restored", func() { c.restored(t, 7) })
				t.Logf("own pages after restored: %d", len(c.own(t)))
				for n := range 5 {
					timed("a request", func() { c.get(t, "/") })
					t.Logf("own pages after request %d: %d", n+1, len(c.own(t)))
				}
				if os.Getenv("WASGI_GUEST_MAP") != "" {
					c.describe(t, s)
				}
			}
		})
	}
}

func (i *instance) nonzero() int {
	all, _ := i.mod.Memory().Read(0, i.mod.Memory().Size())
	n := 0
	for at := 0; at < len(all); at += 4096 {
		for _, b := range all[at : at+4096] {
			if b != 0 {
				n++
				break
			}
		}
	}
	return n
}

// describe prints which pages are the clone's own, and in how many words each differs.
func (i *instance) describe(t *testing.T, s snapshot) {
	own := i.own(t)
	before := make([]byte, 4096)
	all, _ := i.mod.Memory().Read(0, i.mod.Memory().Size())
	for page := range s.pages {
		if !own[page] {
			continue
		}
		if _, err := unix.Pread(s.file, before, int64(page)*4096); err != nil {
			t.Fatal(err)
		}
		var at []int
		for n := 0; n < 4096; n += 4 {
			if string(before[n:n+4]) != string(all[page*4096+n:page*4096+n+4]) {
				at = append(at, n)
			}
		}
		t.Logf("page %#x: %d words, %#x", page*4096, len(at), at[:min(len(at), 6)])
	}
}
