package front

import (
	"errors"
	"maps"
	"regexp"
	"strings"
	"testing"

	"wasgi/tenants"
)

// readHead returns what the gate makes of a request's head, or of the first of several.
func readHead(text string) (*request, error) {
	h := tenants.DefaultHTTP()
	var in head
	whole, err := in.next([]byte(text), &h)
	if err != nil {
		return nil, err
	}
	if !whole {
		return nil, errors.New("the head is not whole")
	}
	r := &request{}
	return r, r.read(&in, []byte(text), peer{scheme: schemeHTTP}, trust{http: &h})
}

func TestParseTarget(t *testing.T) {
	for name, test := range map[string]struct {
		line, host string
		want       target
	}{
		"a path":                 {"/a/b", "h", target{"/a/b", "h", "h", "/a/b", "", "/a/b"}},
		"a query":                {"/a?b=%20&c?d%", "h", target{"/a?b=%20&c?d%", "h", "h", "/a", "b=%20&c?d%", "/a?b=%20&c?d%"}},
		"an empty query":         {"/a?", "h", target{"/a?", "h", "h", "/a", "", "/a?"}},
		"escapes":                {"/%E2%82%AC/%2F/%00", "h", target{"/%E2%82%AC/%2F/%00", "h", "h", "/\xe2\x82\xac///\x00", "", "/%E2%82%AC/%2F/%00"}},
		"kept as it is":          {"//a/./../b//", "h", target{"//a/./../b//", "h", "h", "//a/./../b//", "", "//a/./../b//"}},
		"a fragment":             {"/a#b", "h", target{"/a#b", "h", "h", "/a#b", "", "/a#b"}},
		"bytes":                  {"/\xff", "h", target{"/\xff", "h", "h", "/\xff", "", "/\xff"}},
		"a port":                 {"/", "Blog.Example.COM.:8080", target{"/", "Blog.Example.COM.:8080", "blog.example.com", "/", "", "/"}},
		"absolute":               {"http://Other:80/a?b", "other", target{"http://Other:80/a?b", "Other:80", "other", "/a", "b", "/a?b"}},
		"absolute without path":  {"http://other", "other", target{"http://other", "other", "other", "/", "", "/"}},
		"absolute, only a query": {"HTTPS://other?b", "other.", target{"HTTPS://other?b", "other", "other", "/", "b", "?b"}},
		"absolute and escaped":   {"http://o/%41", "O:80", target{"http://o/%41", "o", "o", "/A", "", "/%41"}},
		"a user":                 {"http://user:p%20w@h:80/", "h:80", target{"http://user:p%20w@h:80/", "h:80", "h", "/", "", "/"}},
		"an address":             {"http://[0::1]:80/", "[::1]:80", target{"http://[0::1]:80/", "[0::1]:80", "[::1]", "/", "", "/"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := readHead("GET " + test.line + " HTTP/1.1\r\nHost: " + test.host + "\r\n\r\n")
			if err != nil || got.target != test.want {
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
		"two users":                {"http://user@user@h/", "h"},
		"a bracket in the user":    {"http://[@h/", "h"},
		"a backslash in the path":  {"/a\\b", "h"},
		"no escape":                {"/%", "h"},
		"half an escape":           {"/%4", "h"},
		"an escape of letters":     {"/%zz", "h"},
		"another host":             {"http://other/", "h"},
		"another port":             {"http://h:81/", "h:80"},
		"a host, then none":        {"http://h/", "a b"},
		"no host":                  {"http:///", "h"},
		"an empty Host":            {"/", ""},
		"a port alone":             {"/", ":80"},
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
			got, err := readHead("GET " + test.line + " HTTP/1.1\r\nHost: " + test.host + "\r\n\r\n")
			var no refusal
			if !errors.As(err, &no) || no.status != 400 {
				t.Errorf("taken as %+v, %v", got, err)
			}
		})
	}
}

func TestCanonicalHost(t *testing.T) {
	for authority, want := range map[string]string{
		"": "", "a": "a", "A.B": "a.b", "a.": "a", "a:": "a", "a:80": "a", "a.:80": "a", "a_b-c.d": "a_b-c.d", "1.2.3.4:5": "1.2.3.4", "0.0.0.0=5000": "0.0.0.0=5000",
		"[::1]": "[::1]", "[::1]:80": "[::1]", "[0:0::1]": "[::1]", "[::FFFF:1.2.3.4]": "[::ffff:1.2.3.4]", "xn--bcher-kva.example": "xn--bcher-kva.example", strings.Repeat("a", 253): strings.Repeat("a", 253),
	} {
		if got, ok := canonicalHost(authority); got != want || !ok {
			t.Errorf("canonicalHost(%q) = %q, %v, want %q", authority, got, ok, want)
		}
	}
	for _, authority := range []string{
		".", "..", "a..", "a..b", ".a", "a b", "a\tb", "a\x00", "a\n", "a/b", "a\\b", "a?b", "a#b", "a@b", "a%41", "ä", "\xff", "\u212A", "a:b", "a:-1",
		"a:123456", "::1", "[::1", "::1]", "[]", "[g]", "[::1]a", "[a]", "[::1%25eth0]", "[::1%eth0]", "[1.2.3.4]", "a:80:80", "*", "*.a", "a,b", "<a>", "\"a\"",
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
		got, ok := unescape(from)
		if got != want || ok != !strings.Contains(regexp.MustCompile("%[0-9a-fA-F]{2}").ReplaceAllString(from, ""), "%") {
			t.Errorf("unescape(%q) = %q, %v, want %q", from, got, ok, want)
		}
	}
}

// environOf returns the keys of a request with those header lines.
func environOf(t *testing.T, lines string) map[string]string {
	r, err := readHead("POST / HTTP/1.1\r\nHost: Authority\r\n" + lines + "\r\n")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, h := range headers(r) {
		if _, twice := got[h.key]; twice {
			t.Errorf("%s stands twice", h.key)
		}
		got[h.key] = h.value
	}
	if got["HTTP_HOST"] != "Authority" {
		t.Errorf("the host is %q", got["HTTP_HOST"])
	}
	delete(got, "HTTP_HOST")
	return got
}

func TestHeaders(t *testing.T) {
	for name, test := range map[string]struct {
		lines string
		want  map[string]string
	}{
		"none":           {"", map[string]string{}},
		"one":            {"User-Agent: x\r\n", map[string]string{"HTTP_USER_AGENT": "x"}},
		"any case":       {"uSeR-aGENT: x\r\n", map[string]string{"HTTP_USER_AGENT": "x"}},
		"an empty value": {"X-A:\r\n", map[string]string{"HTTP_X_A": ""}},
		"space around":   {"X-A: \t a b \t\r\n", map[string]string{"HTTP_X_A": "a b"}},
		"bytes":          {"X-A: \xe4\xff\r\n", map[string]string{"HTTP_X_A": "\xe4\xff"}},
		"a colon in it":  {"X-A: b:c\r\n", map[string]string{"HTTP_X_A": "b:c"}},
		"repeated":       {"X-A: 1\r\nX-B: 2\r\nx-a: 3\r\nX-A:\r\n", map[string]string{"HTTP_X_A": "1,3,", "HTTP_X_B": "2"}},
		"cookies":        {"Cookie: a=1\r\ncookie: b=2\r\n", map[string]string{"HTTP_COOKIE": "a=1; b=2"}},
		"content": {"Content-Length: 05\r\nContent-Type: x\r\nContent-Encoding: gzip\r\n",
			map[string]string{"CONTENT_LENGTH": "5", "CONTENT_TYPE": "x", "HTTP_CONTENT_ENCODING": "gzip"}},
		"a proxy":     {"Proxy: http://evil\r\nproxy: x\r\n", map[string]string{}},
		"underscores": {"X_A: 1\r\nX-A: 2\r\n_: 3\r\nContent_Length: 4\r\n", map[string]string{"HTTP_X_A": "2"}},
		"the connection's": {"Connection: keep-alive, X-B\r\nKeep-Alive: 3\r\nTE: trailers\r\nTrailer: X\r\nUpgrade: h2c\r\nProxy-Connection: close\r\n" +
			"Proxy-Authorization: x\r\nExpect: 100-continue\r\n", map[string]string{}},
		"chunks":              {"Transfer-Encoding: chunked\r\n", map[string]string{}},
		"chunks of codings":   {"Transfer-Encoding: GZIP\r\nTransfer-Encoding: identity, chunked\r\n", map[string]string{"HTTP_TRANSFER_ENCODING": "gzip"}},
		"nobody's word":       {"X-Forwarded-For: 1.2.3.4\r\nForwarded: for=1.2.3.4\r\nX-Forwarded-Anything: x\r\n", map[string]string{}},
		"an internal request": {"wsgi.input: x\r\n", map[string]string{"HTTP_WSGI.INPUT": "x"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := environOf(t, test.lines); !maps.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
