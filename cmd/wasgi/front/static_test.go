package front

import (
	"crypto/sha256"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// hour is when the files of newStatic were changed.
const hour = "Sat, 01 Nov 2025 10:00:00 GMT"

// newStatic serves a bundle with static files; the folder is the bundle's.
func newStatic(t *testing.T) (*fixture, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "site")
	write(t, filepath.Join(dir, "wasgi.toml"), `
[app]
entry = "site:app"
hosts = ["site"]
[static]
"/static" = "public"
"/static/deep" = "other"
"/favicon.ico" = "public/icon.ico"
cache_control = "public, max-age=60"
[errors]
404 = "errors/404.html"
"5xx" = "errors/5xx.txt"
`)
	for name, text := range map[string]string{
		"public/a.txt": "0123456789", "public/page.html": "<p>page", "public/icon.ico": "icon", "public/index.html": "<p>index", "public/sub/index.html": "<p>sub",
		"public/app.js": strings.Repeat("plain ", 100), "public/app.js.br": "in brotli", "public/app.js.gz": "in gzip", "public/app.js.zst": "in zstd",
		"public/.hidden": "hidden", "public/.git/config": "hidden", "public/empty.css": "", "public/ä b.txt": "umlaut",
		"public/long.bin": long(200_000), "other/file.xyz": "other", "secret.py": "secret", "errors/404.html": "<h1>mine: 404", "errors/5xx.txt": "mine: 5xx",
	} {
		write(t, filepath.Join(dir, name), text)
		touch(t, filepath.Join(dir, name), hour)
	}
	for link, to := range map[string]string{"public/out": "../../..", "public/up.py": "../secret.py", "public/passwd": "/etc/passwd", "public/in.txt": "a.txt"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "public/pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	return newServedFrom(t, filepath.Dir(dir), echoImage(t)), dir
}

func long(n int) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		b.WriteString(strconv.Itoa(i) + " ")
	}
	return b.String()[:n]
}

func touch(t *testing.T, name, when string) {
	t.Helper()
	at, err := http.ParseTime(when)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(name, at, at); err != nil {
		t.Fatal(err)
	}
}

// get sends one request on a connection of its own.
func (f *fixture) get(method, target string, headers ...string) (*http.Response, string) {
	f.t.Helper()
	c := f.dial()
	defer c.Close()
	c.send(strings.Join(append([]string{method + " " + target + " HTTP/1.1\nHost: site"}, headers...), "\n"), "")
	resp, text, err := c.read(method)
	if err != nil {
		f.t.Errorf("%s %s: %v", method, target, err)
	}
	return resp, text
}

func TestStaticFiles(t *testing.T) {
	f, _ := newStatic(t)
	for target, want := range map[string]struct {
		status     int
		text, kind string
	}{
		"/static/a.txt":                         {200, "0123456789", "text/plain; charset=utf-8"},
		"/static/a.txt?v=1":                     {200, "0123456789", "text/plain; charset=utf-8"},
		"/static/%61.txt":                       {200, "0123456789", "text/plain; charset=utf-8"},
		"/static/page.html":                     {200, "<p>page", "text/html; charset=utf-8"},
		"/static/":                              {200, "<p>index", "text/html; charset=utf-8"},
		"/static/sub/":                          {200, "<p>sub", "text/html; charset=utf-8"},
		"/static/empty.css":                     {200, "", "text/css; charset=utf-8"},
		"/static/%C3%A4%20b.txt":                {200, "umlaut", "text/plain; charset=utf-8"},
		"/static/long.bin":                      {200, long(200_000), "application/octet-stream"},
		"/static/deep/file.xyz":                 {200, "other", "application/octet-stream"},
		"/static/in.txt":                        {200, "0123456789", "text/plain; charset=utf-8"},
		"/favicon.ico":                          {200, "icon", "image/vnd.microsoft.icon"},
		"/static":                               {404, "<h1>mine: 404", "text/html; charset=utf-8"},
		"/static/sub":                           {404, "<h1>mine: 404", "text/html; charset=utf-8"},
		"/static/none.txt":                      {404, "<h1>mine: 404", "text/html; charset=utf-8"},
		"/static/deep/":                         {404, "<h1>mine: 404", "text/html; charset=utf-8"},
		"/favicon.ico/x":                        {404, "<h1>mine: 404", "text/html; charset=utf-8"},
		"/static/.hidden":                       {404, "<h1>mine: 404", "text/html; charset=utf-8"},
		"/static/.git/config":                   {404, "<h1>mine: 404", "text/html; charset=utf-8"},
		"/static/%2ehidden":                     {404, "<h1>mine: 404", "text/html; charset=utf-8"},
		"/static/../secret.py":                  {404, "<h1>mine: 404", "text/html; charset=utf-8"},
		"/static/%2e%2e/secret.py":              {404, "<h1>mine: 404", "text/html; charset=utf-8"},
		"/static/..%2fsecret.py":                {404, "<h1>mine: 404", "text/html; charset=utf-8"},
		"/static/sub/..%2f..%2fx":               {404, "<h1>mine: 404", "text/html; charset=utf-8"},
		"/static//a.txt":                        {404, "<h1>mine: 404", "text/html; charset=utf-8"},
		"/static/./a.txt":                       {404, "<h1>mine: 404", "text/html; charset=utf-8"},
		"/static/a.txt/":                        {404, "<h1>mine: 404", "text/html; charset=utf-8"},
		"/static/a.txt%00":                      {404, "<h1>mine: 404", "text/html; charset=utf-8"},
		`/static/..%5csecret.py`:                {404, "<h1>mine: 404", "text/html; charset=utf-8"},
		"/static/out/etc/passwd":                {404, "<h1>mine: 404", "text/html; charset=utf-8"},
		"/static/up.py":                         {404, "<h1>mine: 404", "text/html; charset=utf-8"},
		"/static/passwd":                        {404, "<h1>mine: 404", "text/html; charset=utf-8"},
		"/static/pipe":                          {404, "<h1>mine: 404", "text/html; charset=utf-8"},
		"/staticx":                              {200, "site:app", ""},
		"/":                                     {200, "site:app", ""},
		"/static/" + strings.Repeat("a/", 2000): {404, "<h1>mine: 404", "text/html; charset=utf-8"},
	} {
		for range 2 { // as it is looked at, and as it is kept
			resp, text := f.get("GET", target)
			if resp.StatusCode != want.status || text != want.text || resp.Header.Get("Content-Type") != want.kind {
				t.Errorf("GET %.60s: %d, %q, %.80q", target, resp.StatusCode, resp.Header.Get("Content-Type"), text)
			}
			if want.text != "site:app" && resp.Header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("GET %.60s: may be sniffed", target)
			}
			head, text := f.get("HEAD", target)
			if head.StatusCode != want.status || text != "" || want.kind != "" && head.ContentLength != int64(len(want.text)) || head.Header.Get("ETag") != resp.Header.Get("ETag") {
				t.Errorf("HEAD %.60s: %d, %d bytes, %q", target, head.StatusCode, head.ContentLength, text)
			}
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "BREW"} {
		if resp, _ := f.get(method, "/static/a.txt"); resp.StatusCode != 405 || resp.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d", method, resp.StatusCode)
		}
	}
}

func TestStaticValidatorsAndRanges(t *testing.T) {
	f, _ := newStatic(t)
	for _, name := range []string{"a.txt", "long.bin"} {
		first, whole := f.get("GET", "/static/"+name)
		etag, last := first.Header.Get("ETag"), first.Header.Get("Last-Modified")
		if !strings.HasPrefix(etag, `"`) || last != hour || first.Header.Get("Accept-Ranges") != "bytes" || first.Header.Get("Cache-Control") != "public, max-age=60" {
			t.Errorf("%s: %v", name, first.Header)
		}
		n := len(whole)
		size := strconv.Itoa(n)
		for headers, want := range map[string]struct {
			status int
			text   string
			ranged string
		}{
			"If-None-Match: " + etag:                                    {304, "", ""},
			"If-None-Match: \"x\", W/" + etag:                           {304, "", ""},
			"If-None-Match: *":                                          {304, "", ""},
			"If-None-Match: \"x\"":                                      {200, whole, ""},
			"If-None-Match: \"x\"\nIf-Modified-Since: " + last:          {200, whole, ""},
			"If-None-Match: " + etag + "\nRange: bytes=0-1":             {304, "", ""},
			"If-Modified-Since: " + last:                                {304, "", ""},
			"If-Modified-Since: Sat Nov  1 10:00:00 2025":               {304, "", ""},
			"If-Modified-Since: Saturday, 01-Nov-25 10:00:00 GMT":       {304, "", ""},
			"If-Modified-Since: Sat, 01 Nov 2025 09:59:59 GMT":          {200, whole, ""},
			"If-Modified-Since: yesterday":                              {200, whole, ""},
			"If-Match: " + etag:                                         {200, whole, ""},
			"If-Match: \"x\"":                                           {412, "", ""},
			"If-Match: W/" + etag:                                       {412, "", ""},
			"If-Unmodified-Since: " + last:                              {200, whole, ""},
			"If-Unmodified-Since: Sat, 01 Nov 2025 09:59:59 GMT":        {412, "", ""},
			"Range: bytes=0-0":                                          {206, whole[:1], "bytes 0-0/" + size},
			"Range: bytes=2-5":                                          {206, whole[2:6], "bytes 2-5/" + size},
			"Range: Bytes=7-":                                           {206, whole[7:], "bytes 7-" + strconv.Itoa(n-1) + "/" + size},
			"Range: bytes=-3":                                           {206, whole[n-3:], "bytes " + strconv.Itoa(n-3) + "-" + strconv.Itoa(n-1) + "/" + size},
			"Range: bytes=-999999999999999999999999":                    {206, whole, "bytes 0-" + strconv.Itoa(n-1) + "/" + size},
			"Range: bytes=5-999999999999999999999999":                   {206, whole[5:], "bytes 5-" + strconv.Itoa(n-1) + "/" + size},
			"Range: bytes=" + size + "-":                                {416, "", "bytes */" + size},
			"Range: bytes=999999999999999999999999-":                    {416, "", "bytes */" + size},
			"Range: bytes=-0":                                           {416, "", "bytes */" + size},
			"Range: bytes=5-2":                                          {200, whole, ""},
			"Range: bytes=0-1,3-4":                                      {200, whole, ""},
			"Range: bytes=a-b":                                          {200, whole, ""},
			"Range: lines=0-1":                                          {200, whole, ""},
			"Range: bytes=-":                                            {200, whole, ""},
			"Range: bytes=0-1\nIf-Range: " + etag:                       {206, whole[:2], "bytes 0-1/" + size},
			"Range: bytes=0-1\nIf-Range: \"x\"":                         {200, whole, ""},
			"Range: bytes=0-1\nIf-Range: W/" + etag:                     {200, whole, ""},
			"Range: bytes=0-1\nIf-Range: " + last:                       {206, whole[:2], "bytes 0-1/" + size},
			"Range: bytes=0-1\nIf-Range: Sat, 01 Nov 2025 10:00:01 GMT": {200, whole, ""},
			"Range: bytes=0-1\nIf-Match: \"x\"":                         {412, "", ""},
		} {
			resp, text := f.get("GET", "/static/"+name, headers)
			if resp.StatusCode != want.status || text != want.text || resp.Header.Get("Content-Range") != want.ranged {
				t.Errorf("%s, %s: %d, %q, %.80q", name, headers, resp.StatusCode, resp.Header.Get("Content-Range"), text)
			}
			if resp.StatusCode < 400 && resp.Header.Get("ETag") != etag {
				t.Errorf("%s, %s: ETag %q", name, headers, resp.Header.Get("ETag"))
			}
		}
		if resp, _ := f.get("HEAD", "/static/"+name, "Range: bytes=0-1"); resp.StatusCode != 200 || resp.ContentLength != int64(n) {
			t.Errorf("HEAD with Range: %d, %d", resp.StatusCode, resp.ContentLength)
		}
	}
}

func TestStaticCodings(t *testing.T) {
	f, _ := newStatic(t)
	tags := map[string]string{}
	for accept, want := range map[string]string{
		"": "", "gzip": "gzip", "x-gzip": "gzip", "GZIP;Q=0.1": "gzip", "br": "br", "zstd": "zstd", "gzip, br": "br", "gzip, zstd, br": "br", "*": "br", "gzip;q=0.9, br;q=0.8": "gzip",
		"br;q=0": "", "br;q=0, *": "zstd", "br;q=0.0, gzip;q=0.001": "gzip", "deflate": "", "identity": "", "identity;q=1, gzip;q=0.5": "",
		"gzip;q=2": "", "gzip;q=x": "", "gzip;q=": "", "gzip ; q=1": "gzip", ",,gzip,": "gzip", "*;q=0": "",
	} {
		headers := []string{}
		if accept != "" {
			headers = append(headers, "Accept-Encoding: "+accept)
		}
		resp, text := f.get("GET", "/static/app.js", headers...)
		body := map[string]string{"": strings.Repeat("plain ", 100), "gzip": "in gzip", "br": "in brotli", "zstd": "in zstd"}[want]
		if resp.StatusCode != 200 || text != body || resp.Header.Get("Content-Encoding") != want {
			t.Errorf("%q: %d, %q, %.40q", accept, resp.StatusCode, resp.Header.Get("Content-Encoding"), text)
		}
		if resp.Header.Get("Vary") != "Accept-Encoding" || resp.Header.Get("Content-Type") != "text/javascript; charset=utf-8" {
			t.Errorf("%q: %v", accept, resp.Header)
		}
		tags[resp.Header.Get("ETag")] = want
		part, text := f.get("GET", "/static/app.js", append(headers, "Range: bytes=3-4")...)
		if part.StatusCode != 206 || text != body[3:5] {
			t.Errorf("%q: part %d, %q", accept, part.StatusCode, text)
		}
	}
	if len(tags) != 4 {
		t.Errorf("tags %v, want one for each coding", tags)
	}
	if resp, _ := f.get("GET", "/static/a.txt", "Accept-Encoding: br"); resp.Header.Get("Vary") != "" {
		t.Errorf("a file with one variant varies: %v", resp.Header)
	}
}

// A file that is written, exchanged or removed is seen so soon, whatever was kept of it.
func TestStaticFilesThatChange(t *testing.T) {
	f, dir := newStatic(t)
	for _, name := range []string{"a.txt", "long.bin"} {
		file := filepath.Join(dir, "public", name)
		_, before := f.get("GET", "/static/"+name)
		text := strings.Repeat("x", len(before))
		write(t, file+".new", text)
		touch(t, file+".new", hour) // as long, as old: another file all the same
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
		shows := func(want string) func() bool {
			return func() bool {
				resp, got := f.get("GET", "/static/"+name)
				if got != want && got != before {
					t.Fatalf("%s: a mixture, %d, %.60q", name, resp.StatusCode, got)
				}
				return got == want
			}
		}
		eventually(t, "the new file", shows(text))
		before = text
		write(t, file, text[1:]+"y")
		eventually(t, "the file as written", shows(text[1:]+"y"))
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		eventually(t, "no file", func() bool { resp, _ := f.get("GET", "/static/"+name); return resp.StatusCode == 404 })
		write(t, file, "again")
		eventually(t, "a file again", func() bool { _, got := f.get("GET", "/static/"+name); return got == "again" })
	}
}

func TestALongFileReachesASlowClientWhole(t *testing.T) {
	f, dir := newStatic(t)
	text := long(9 << 20)
	write(t, filepath.Join(dir, "public/movie.mp4"), text)
	c := f.dial()
	c.send("GET /static/movie.mp4 HTTP/1.1\nHost: site", "")
	time.Sleep(50 * time.Millisecond)
	resp, got, err := c.read("GET")
	if err != nil || resp.StatusCode != 200 || sha256.Sum256([]byte(got)) != sha256.Sum256([]byte(text)) {
		t.Errorf("%d, %d bytes, %v", resp.StatusCode, len(got), err)
	}
	c.send("GET /static/a.txt HTTP/1.1\nHost: site", "")
	if resp, got, err := c.read("GET"); err != nil || got != "0123456789" {
		t.Errorf("on the same connection: %d, %q, %v", resp.StatusCode, got, err)
	}
}

// What the server answers for a tenant is on the tenant's page; what its app answers is
// the app's own.
func TestErrorPages(t *testing.T) {
	dir := t.TempDir()
	manifest := "[app]\nentry = \"ENTRY:app\"\nhosts = [\"HOST\"]\n[limits]\nrequest_body = \"1KiB\"\n[errors]\n\"5xx\" = \"errors/5xx.html\"\n413 = \"errors/long.txt\"\n"
	for host, entry := range map[string]string{"good": "good", "broken": "bad"} {
		write(t, filepath.Join(dir, host, "wasgi.toml"), strings.NewReplacer("ENTRY", entry, "HOST", host).Replace(manifest))
		write(t, filepath.Join(dir, host, "errors/5xx.html"), "<h1>we are sorry")
		write(t, filepath.Join(dir, host, "errors/long.txt"), strings.Repeat("x", shortFile+1))
	}
	f := newServedFrom(t, dir, echoImage(t))
	c := f.dial()
	c.send("GET / HTTP/1.1\nHost: broken", "")
	if resp, text, _ := c.read("GET"); resp.StatusCode != 503 || text != "<h1>we are sorry" || resp.Header.Get("Content-Type") != "text/html; charset=utf-8" || resp.Header.Get("Retry-After") == "" {
		t.Errorf("%d, %q, %v", resp.StatusCode, text, resp.Header)
	}
	c.send("POST / HTTP/1.1\nHost: good\nContent-Length: 2000", strings.Repeat("b", 2000))
	if resp, text, _ := c.read("GET"); resp.StatusCode != 413 || !strings.HasPrefix(text, "Request Entity Too Large") {
		t.Errorf("a page that is too long: %d, %.60q", resp.StatusCode, text)
	}
	if err := os.Remove(filepath.Join(dir, "broken/errors/5xx.html")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the server's own text", func() bool {
		c := f.dial()
		defer c.Close()
		c.send("GET / HTTP/1.1\nHost: broken", "")
		resp, text, _ := c.read("GET")
		return resp.StatusCode == 503 && strings.HasPrefix(text, "Service Unavailable")
	})
}

func TestHTTPSIsTheOnlyWay(t *testing.T) {
	f := newServed(t, map[string]string{"blog": "[app]\nentry = \"blog:app\"\nhosts = [\"blog.example\"]\nhttps = \"redirect\"\nhsts = \"max-age=60; includeSubDomains\""})
	for head, want := range map[string]string{
		"GET /a/b?c=d&e HTTP/1.1\nHost: BLOG.example:8080":       "301 https://blog.example/a/b?c=d&e",
		"POST //evil.example/ HTTP/1.1\nHost: blog.example":      "308 https://blog.example//evil.example/",
		"GET http://blog.example?q HTTP/1.1\nHost: blog.example": "301 https://blog.example/?q",
		"GET http://blog.example HTTP/1.1\nHost: blog.example":   "301 https://blog.example/",
		"HEAD /%0d%0aX:\xff\"<> HTTP/1.1\nHost: blog.example":    "301 https://blog.example/%0d%0aX:%FF%22%3C%3E",
	} {
		c := f.dial()
		c.send(head, "")
		resp, text, err := c.read("HEAD")
		if got := strconv.Itoa(resp.StatusCode) + " " + resp.Header.Get("Location"); got != want || text != "" || err != nil {
			t.Errorf("%q: got %q, %q, %v, want %q", head, got, text, err, want)
		}
		if resp.Header.Get("Strict-Transport-Security") != "" {
			t.Errorf("%q: HSTS over http", head)
		}
	}
	for port, want := range map[int]string{0: "", 443: "", 8443: ":8443"} {
		if got := (&Server{cfg: Config{HTTPSPort: port}}).httpsPort(); got != want {
			t.Errorf("port %d: %q, want %q", port, got, want)
		}
	}
}
