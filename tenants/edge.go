package tenants

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Edge is what a server does in front of an app, as its bundle says.
type Edge struct {
	Static       []Static // by path, the longest first
	CacheControl string   // of static files, "" for none
	// Errors are files of the bundle by status: "404", or "5xx" for those of a class.
	Errors   map[string]string
	HTTPS    string // "", or RedirectHTTPS
	HSTS     string // value of Strict-Transport-Security, "" for none
	Compress bool   // responses of the app
}

// RedirectHTTPS, as an Edge's HTTPS, sends clients of http to https.
const RedirectHTTPS = "redirect"

// Static is a path under which the server gives out files of the bundle.
type Static struct {
	Path string // below the app's prefix: "/static", or "/" for all
	File string // folder or file in the bundle
}

// mostErrorPages is how many files a bundle may have for errors: each status, each class.
const mostErrorPages = 202

// edge takes the keys of [app] that are the server's business.
func (t *table) edge(e *Edge) {
	t.str("https", &e.HTTPS)
	t.str("hsts", &e.HSTS)
	t.boolean("compress", &e.Compress)
}

// static takes [static]: a path for each folder, and what holds for all.
func (t *table) static(e *Edge) {
	t.str("cache_control", &e.CacheControl)
	for path, file := range t.files() {
		e.Static = append(e.Static, Static{path, file})
	}
	slices.SortFunc(e.Static, func(a, b Static) int {
		return cmp.Or(len(b.Path)-len(a.Path), strings.Compare(a.Path, b.Path))
	})
}

// files takes all that is left of t, each value the name of a file.
func (t *table) files() map[string]string {
	files := make(map[string]string, len(t.values))
	for _, key := range slices.Sorted(maps.Keys(t.values)) {
		name := ""
		t.str(key, &name)
		files[key] = name
	}
	return files
}

// Validate returns an error that names the first key whose value cannot be.
func (e Edge) Validate() error {
	for _, s := range e.Static {
		if !validPrefix(s.Path) {
			return fmt.Errorf(`static has %q: want "/", or a path like "/static" without a "/" at its end`, s.Path)
		}
		if !validFile(s.File) {
			return fmt.Errorf("static.%q = %q: want a folder or file inside the bundle, not all of it, and not hidden", s.Path, s.File)
		}
	}
	if !validHeader(e.CacheControl) {
		return fmt.Errorf("static.cache_control = %q: want the value of a header", e.CacheControl)
	}
	if len(e.Errors) > mostErrorPages {
		return fmt.Errorf("errors has %d files, want at most %d", len(e.Errors), mostErrorPages)
	}
	for _, status := range slices.Sorted(maps.Keys(e.Errors)) {
		if !validErrorStatus(status) {
			return fmt.Errorf(`errors has %q: want a status like "404", or a class of them, "4xx" or "5xx"`, status)
		}
		if !validFile(e.Errors[status]) {
			return fmt.Errorf("errors.%s = %q: want a file inside the bundle that is not hidden", status, e.Errors[status])
		}
	}
	if e.HTTPS != "" && e.HTTPS != RedirectHTTPS {
		return fmt.Errorf("app.https = %q: want %q, or no such key", e.HTTPS, RedirectHTTPS)
	}
	if !validHSTS(e.HSTS) {
		return fmt.Errorf(`app.hsts = %q: want "max-age=SECONDS", and after it, if at all, "; includeSubDomains" and "; preload"`, e.HSTS)
	}
	return nil
}

// validFile tells whether a name can be that of a file, or of a folder, in the bundle that
// everyone may see.
func validFile(name string) bool {
	if !filepath.IsLocal(name) || path.Clean(name) == "." || strings.Contains(name, "\x00") {
		return false
	}
	for part := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(part, ".") {
			return false
		}
	}
	return true
}

func validErrorStatus(status string) bool {
	return len(status) == 3 && (status[0] == '4' || status[0] == '5') &&
		(status[1:] == "xx" || strings.Trim(status[1:], "0123456789") == "")
}

// validHSTS tells whether value is "", or what RFC 6797, section 6.1, has for the header.
func validHSTS(value string) bool {
	if value == "" {
		return true
	}
	seconds, rest, _ := strings.Cut(value, ";")
	seconds, ok := strings.CutPrefix(seconds, "max-age=")
	if !ok || seconds == "" || len(seconds) > 10 || strings.Trim(seconds, "0123456789") != "" {
		return false
	}
	for part := range strings.SplitSeq(rest, ";") {
		if part = strings.TrimSpace(part); rest != "" && part != "includeSubDomains" && part != "preload" {
			return false
		}
	}
	return true
}

func validHeader(value string) bool {
	return !strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' })
}

// present returns an error that names the first file of e that is not in the bundle.
func (e Edge) present(dir string) error {
	if len(e.Static) == 0 && len(e.Errors) == 0 {
		return nil
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, s := range e.Static {
		if _, err := root.Stat(s.File); err != nil {
			return fmt.Errorf("static.%q = %q: %w", s.Path, s.File, reason(err))
		}
	}
	for _, status := range slices.Sorted(maps.Keys(e.Errors)) {
		if _, err := root.Stat(e.Errors[status]); err != nil {
			return fmt.Errorf("errors.%s = %q: %w", status, e.Errors[status], reason(err))
		}
	}
	return nil
}

// reason returns what is wrong with a file, without the name that is told already.
func reason(err error) error {
	var at *os.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

// ErrorPage returns the file of the bundle for a status, "" where it has none.
func (e *Edge) ErrorPage(status int) string {
	text := fmt.Sprint(status)
	return cmp.Or(e.Errors[text], e.Errors[text[:1]+"xx"])
}

// Find returns which static path a path of the app's lies under, and the rest of it: ""
// where it is the path itself.
func (e *Edge) Find(path string) (s Static, rest string, ok bool) {
	for _, s := range e.Static {
		rest, ok := strings.CutPrefix(path, strings.TrimSuffix(s.Path, "/"))
		if ok && (rest == "" || rest[0] == '/') {
			return s, strings.TrimPrefix(rest, "/"), true
		}
	}
	return Static{}, "", false
}

// AccessLog says how, and where, a server writes a line for each request.
type AccessLog struct {
	// Format is "log", a line of the server's log; "json", the same in a file of its own;
	// or "combined", Apache's. "" is the first.
	Format string
	File   string // "" or "-": standard output
}

// Values of an AccessLog's Format.
const (
	AccessServerLog = "log"
	AccessJSON      = "json"
	AccessCombined  = "combined"
)

func (t *table) accessLog(a *AccessLog) {
	section := t.section("access_log")
	section.str("format", &a.Format)
	section.str("file", &a.File)
	section.done()
	if err := a.Validate(); err != nil {
		t.fail(fmt.Errorf("%s.%w", section.name, err))
	}
}

// Validate returns an error that names the field that makes no sense.
func (a AccessLog) Validate() error {
	switch {
	case a.Format != "" && a.Format != AccessServerLog && a.Format != AccessJSON && a.Format != AccessCombined:
		return fmt.Errorf("format = %q: want %q, %q or %q", a.Format, AccessServerLog, AccessJSON, AccessCombined)
	case a.File != "" && (a.Format == "" || a.Format == AccessServerLog):
		return fmt.Errorf("file = %q: want a format, %q or %q, with it", a.File, AccessJSON, AccessCombined)
	}
	return nil
}
