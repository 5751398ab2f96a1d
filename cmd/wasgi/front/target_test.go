package front

import (
	"bufio"
	"bytes"
	"strings"
	"testing"
	"unicode"

	"github.com/valyala/fasthttp"
)

// readHead returns a context as fasthttp makes it of a request's head; nil where it
// refuses the head itself.
func readHead(head string) *fasthttp.RequestCtx {
	ctx := &fasthttp.RequestCtx{}
	if ctx.Request.Header.Read(bufio.NewReader(strings.NewReader(head))) != nil {
		return nil
	}
	return ctx
}

func TestParseTarget(t *testing.T) {
	for name, test := range map[string]struct {
		line, host string
		want       target
	}{
		"a path":                 {"/a/b", "h", target{"/a/b", "h", "h", "/a/b", ""}},
		"a query":                {"/a?b=%20&c?d", "h", target{"/a?b=%20&c?d", "h", "h", "/a", "b=%20&c?d"}},
		"an empty query":         {"/a?", "h", target{"/a?", "h", "h", "/a", ""}},
		"escapes":                {"/%E2%82%AC/%2F/%00", "h", target{"/%E2%82%AC/%2F/%00", "h", "h", "/\xe2\x82\xac///\x00", ""}},
		"no escapes":             {"/%/%4/%zz/%25", "h", target{"/%/%4/%zz/%25", "h", "h", "/%/%4/%zz/%", ""}},
		"kept as it is":          {"//a/./../b//", "h", target{"//a/./../b//", "h", "h", "//a/./../b//", ""}},
		"a fragment":             {"/a#b", "h", target{"/a#b", "h", "h", "/a#b", ""}},
		"bytes":                  {"/\xff", "h", target{"/\xff", "h", "h", "/\xff", ""}},
		"a port":                 {"/", "Blog.Example.COM.:8080", target{"/", "Blog.Example.COM.:8080", "blog.example.com", "/", ""}},
		"absolute":               {"http://Other:80/a?b", "h", target{"http://Other:80/a?b", "Other:80", "other", "/a", "b"}},
		"absolute without path":  {"http://other", "h", target{"http://other", "other", "other", "/", ""}},
		"absolute, only a query": {"HTTPS://other?b", "h", target{"HTTPS://other?b", "other", "other", "/", "b"}},
		"absolute and escaped":   {"http://o/%41", "h", target{"http://o/%41", "o", "o", "/A", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseTarget(readHead("GET " + test.line + " HTTP/1.1\r\nHost: " + test.host + "\r\n\r\n"))
			if got != test.want || err != nil {
				t.Errorf("got  %+v, %v\nwant %+v", got, err, test.want)
			}
		})
	}
}

func TestParseTargetRefuses(t *testing.T) {
	for name, test := range map[string]struct{ line, host string }{
		"an asterisk":              {"*", "h"},
		"an authority":             {"h:443", "h"},
		"another scheme":           {"ftp://h/", "h"},
		"a relative path":          {"a/b", "h"},
		"a query alone":            {"?a", "h"},
		"a user":                   {"http://user@h/", "h"},
		"a user and password":      {"http://user:80@h/", "h"},
		"a backslash in the host":  {"http://a\\b/", "h"},
		"a fragment in the host":   {"http://a#b/", "h"},
		"a space in Host":          {"/", "a b"},
		"a list in Host":           {"/", "a,b"},
		"a slash in Host":          {"/", "a/b"},
		"a port of letters":        {"/", "a:b"},
		"a port too long":          {"/", "a:123456"},
		"two ports":                {"/", "a:80:80"},
		"Unicode that lowers to k": {"/", "\u212Aelvin"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := readHead("GET " + test.line + " HTTP/1.1\r\nHost: " + test.host + "\r\n\r\n")
			if ctx == nil {
				return // refused before
			}
			if got, err := parseTarget(ctx); err == nil {
				t.Errorf("taken as %+v", got)
			}
		})
	}
}

func TestCanonicalHost(t *testing.T) {
	for authority, want := range map[string]string{
		"": "", "a": "a", "A.B": "a.b", "a.": "a", "a:": "a", "a:80": "a", "a.:80": "a", "a_b-c.d": "a_b-c.d", "1.2.3.4:5": "1.2.3.4",
		"[::1]": "[::1]", "[::1]:80": "[::1]", "xn--bcher-kva.example": "xn--bcher-kva.example", strings.Repeat("a", 253): strings.Repeat("a", 253),
	} {
		if got, ok := canonicalHost(authority); got != want || !ok {
			t.Errorf("canonicalHost(%q) = %q, %v, want %q", authority, got, ok, want)
		}
	}
	for _, authority := range []string{
		".", "..", "a..", "a..b", ".a", "a b", "a\tb", "a\x00", "a\n", "a/b", "a\\b", "a?b", "a#b", "a@b", "a%41", "ä", "\xff", "\u212A", "a:b", "a:-1",
		"a:123456", "::1", "[::1", "::1]", "[]", "[g]", "[::1]a", "[a]", "[::1%25eth0]", "a:80:80", "*", "*.a", "a,b", "<a>", "\"a\"", "a'",
		strings.Repeat("a", 254),
	} {
		if got, ok := canonicalHost(authority); ok {
			t.Errorf("canonicalHost(%q) = %q", authority, got)
		}
	}
}

func TestUnescape(t *testing.T) {
	for from, want := range map[string]string{
		"": "", "/": "/", "%41": "A", "%4a%4A": "JJ", "%": "%", "%%": "%%", "%4": "%4", "%4g": "%4g", "%g4": "%g4", "%25%34%31": "%41",
		"a%00b": "a\x00b", "%ff%FE": "\xff\xfe", "+": "+", "%2f": "/", "%%41": "%A", "%4%41": "%4A",
	} {
		if got := unescape(from); got != want {
			t.Errorf("unescape(%q) = %q, want %q", from, got, want)
		}
	}
}

// header keys and values of a request's raw head.
func environOf(lines string) map[string]string {
	got := map[string]string{}
	for _, h := range headers([]byte(lines), "authority") {
		got[string(h.name)] = string(h.value)
	}
	return got
}

func TestHeaders(t *testing.T) {
	for name, test := range map[string]struct {
		lines string
		want  map[string]string
	}{
		"none":                {"", map[string]string{}},
		"one":                 {"User-Agent: x\r\n", map[string]string{"HTTP_USER_AGENT": "x"}},
		"any case":            {"uSeR-aGENT: x\r\n", map[string]string{"HTTP_USER_AGENT": "x"}},
		"an empty value":      {"X-A:\r\n", map[string]string{"HTTP_X_A": ""}},
		"space around":        {"X-A: \t a b \t\r\n", map[string]string{"HTTP_X_A": "a b"}},
		"bytes":               {"X-A: \xe4\xff\r\n", map[string]string{"HTTP_X_A": "\xe4\xff"}},
		"a colon in it":       {"X-A: b:c\r\n", map[string]string{"HTTP_X_A": "b:c"}},
		"repeated":            {"X-A: 1\r\nX-B: 2\r\nx-a: 3\r\nX-A:\r\n", map[string]string{"HTTP_X_A": "1,3,", "HTTP_X_B": "2"}},
		"cookies":             {"Cookie: a=1\r\ncookie: b=2\r\n", map[string]string{"HTTP_COOKIE": "a=1; b=2"}},
		"the host":            {"Host: other\r\n", map[string]string{"HTTP_HOST": "authority"}},
		"two hosts":           {"Host: a\r\nHost: b\r\n", map[string]string{"HTTP_HOST": "authority"}},
		"content":             {"Content-Length: 5\r\nContent-Type: x\r\nContent-Encoding: gzip\r\n", map[string]string{"HTTP_CONTENT_ENCODING": "gzip"}},
		"a proxy":             {"Proxy: http://evil\r\nproxy: x\r\nProxy-Authorization: y\r\n", map[string]string{"HTTP_PROXY_AUTHORIZATION": "y"}},
		"underscores":         {"X_A: 1\r\nX-A: 2\r\n_: 3\r\nContent_Length: 4\r\n", map[string]string{"HTTP_X_A": "2"}},
		"no name":             {": x\r\n", map[string]string{}},
		"no colon":            {"X-A\r\n", map[string]string{}},
		"a bare end of line":  {"X-A: 1\nX-B: 2\n", map[string]string{"HTTP_X_A": "1", "HTTP_X_B": "2"}},
		"without the last":    {"X-A: 1", map[string]string{"HTTP_X_A": "1"}},
		"an internal request": {"wsgi.input: x\r\n", map[string]string{"HTTP_WSGI.INPUT": "x"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := environOf(test.lines)
			if len(got) != len(test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
			for key, value := range test.want {
				if have, ok := got[key]; !ok || have != value {
					t.Errorf("%s is %q, want %q", key, have, value)
				}
			}
		})
	}
}

func FuzzHeaders(f *testing.F) {
	f.Add([]byte("Host: a\r\nX-A: \xff\r\nx-a: b\r\nCookie: a\r\nCookie: b\r\nProxy: x\r\nX_B: c\r\n"))
	f.Add([]byte("A: b\n c: d\r\n:\r\nProxy : e\r\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		kept := bytes.Clone(raw)
		seen := map[string]bool{}
		for _, h := range headers(raw, "authority") {
			key := string(h.name)
			switch {
			case seen[key]:
				t.Errorf("%q stands twice", key)
			case !strings.HasPrefix(key, "HTTP_"):
				t.Errorf("%q has no HTTP_", key)
			case strings.ContainsFunc(key, func(r rune) bool { return r >= 'a' && r <= 'z' }):
				t.Errorf("%q has a small letter", key)
			case key == "HTTP_PROXY", key == "HTTP_CONTENT_LENGTH", key == "HTTP_CONTENT_TYPE":
				t.Errorf("%q is passed on", key)
			case key == "HTTP_HOST" && string(h.value) != "authority":
				t.Errorf("the host is %q", h.value)
			}
			seen[key] = true
		}
		if !bytes.Equal(raw, kept) {
			t.Error("the request was changed")
		}
		// A single header's value is passed on byte for byte.
		value := bytes.Trim(bytes.ReplaceAll(raw, []byte("\n"), nil), " \t\r")
		list := headers(append([]byte("X-Fuzz: "), value...), "")
		if bytes.IndexByte(value, '\r') < 0 && (len(list) != 1 || !bytes.Equal(list[0].value, value)) {
			t.Errorf("%q became %q", value, list)
		}
	})
}

func FuzzTarget(f *testing.F) {
	f.Add("GET", "/a%41?b", "Host: a:80")
	f.Add("GET", "http://a.b./x", "Host: [::1]:80\r\nHost: b")
	f.Add("OPTIONS", "*", "")
	f.Add("CONNECT", "a:443", "Host: \u212A")
	f.Fuzz(func(t *testing.T, method, line, head string) {
		ctx := readHead(method + " " + line + " HTTP/1.1\r\n" + head + "\r\n\r\n")
		if ctx == nil {
			return
		}
		got, err := parseTarget(ctx)
		if err != nil {
			return
		}
		if !strings.HasPrefix(got.path, "/") {
			t.Errorf("path %q", got.path)
		}
		for _, r := range got.host {
			if r > unicode.MaxASCII || r <= ' ' || strings.ContainsRune("/\\?#@%,<>\"'", r) || r >= 'A' && r <= 'Z' && got.host[0] != '[' {
				t.Errorf("host %q of %q", got.host, got.authority)
			}
		}
		if again, ok := canonicalHost(got.host); !ok || again != got.host {
			t.Errorf("%q is not its own spelling: %q, %v", got.host, again, ok)
		}
	})
}
