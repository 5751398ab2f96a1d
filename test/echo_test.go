package test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"wasgi/test/testkit"
)

const echoHost = "echo.localhost"

// seen is what the echo app saw of a request.
type seen struct {
	Type           string            // of the environ
	Values, Others map[string]string // of those that are str, and the repr of the others
}

// TestEnviron asks what of a request comes to the app. PEP 3333, "environ Variables".
func TestEnviron(t *testing.T) {
	t.Parallel()
	server := testkit.Start(t, testkit.Options{Dir: testkit.StageAll(t,
		testkit.App{Name: "echo"},
		testkit.App{Name: "echo", As: "validated", Host: "validated.localhost", Validated: true})})
	tests := []struct {
		name, request string
		want          map[string]string // "-" stands for none
	}{
		{"plain", "GET / HTTP/1.1\r\nHost: echo.localhost\r\n\r\n", map[string]string{
			"REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": "/", "QUERY_STRING": "", "SERVER_PROTOCOL": "HTTP/1.1",
			"SERVER_NAME": "echo.localhost", "HTTP_HOST": "echo.localhost", "REMOTE_ADDR": "127.0.0.1", "wsgi.url_scheme": "http",
			"CONTENT_LENGTH": "-", "CONTENT_TYPE": "-", "REMOTE_USER": "-", "HTTP_USER_AGENT": "-"}},
		{"path is bytes", "GET /%E2%82%AC/%00%2F//a%25?x=%20&y+z HTTP/1.1\r\nHost: echo.localhost\r\n\r\n", map[string]string{
			"PATH_INFO": "/\u00e2\u0082\u00ac/\x00///a%", "QUERY_STRING": "x=%20&y+z", "REQUEST_URI": "/%E2%82%AC/%00%2F//a%25?x=%20&y+z"}},
		{"dots stay", "GET /a/../b/./c HTTP/1.1\r\nHost: echo.localhost\r\n\r\n", map[string]string{"PATH_INFO": "/a/../b/./c"}},
		{"port and case", "GET / HTTP/1.1\r\nHost: ECHO.localhost:8080\r\n\r\n", map[string]string{
			"HTTP_HOST": "ECHO.localhost:8080", "SERVER_NAME": "echo.localhost"}},
		{"absolute form", "GET http://echo.localhost/a?b HTTP/1.1\r\nHost: ECHO.localhost.\r\n\r\n", map[string]string{
			"PATH_INFO": "/a", "QUERY_STRING": "b", "HTTP_HOST": "echo.localhost"}},
		{"HTTP/1.0", "GET / HTTP/1.0\r\nHost: echo.localhost\r\n\r\n", map[string]string{"SERVER_PROTOCOL": "HTTP/1.0"}},
		{"content", "POST / HTTP/1.1\r\nHost: echo.localhost\r\nContent-Type: text/x; a=b\r\nContent-Length: 3\r\n\r\nabc", map[string]string{
			"REQUEST_METHOD": "POST", "CONTENT_TYPE": "text/x; a=b", "CONTENT_LENGTH": "3", "HTTP_CONTENT_TYPE": "-", "HTTP_CONTENT_LENGTH": "-"}},
		{"repeated", "GET / HTTP/1.1\r\nHost: echo.localhost\r\nX-A: 1\r\nCookie: a=1\r\nx-a: 2\r\ncookie: b=2\r\n\r\n", map[string]string{
			"HTTP_X_A": "1,2", "HTTP_COOKIE": "a=1; b=2"}},
		{"latin-1 value", "GET / HTTP/1.1\r\nHost: echo.localhost\r\nX-A: na\xefve \r\nX-Empty:\r\n\r\n", map[string]string{
			"HTTP_X_A": "na\u00efve", "HTTP_X_EMPTY": ""}},
		{"httpoxy", "GET / HTTP/1.1\r\nHost: echo.localhost\r\nProxy: http://evil\r\n\r\n", map[string]string{"HTTP_PROXY": "-"}},
		{"no forged keys", "GET / HTTP/1.1\r\nHost: echo.localhost\r\nwsgi.input: x\r\nREMOTE-USER: root\r\nScript-Name: x\r\n\r\n", map[string]string{
			"REMOTE_USER": "-", "SCRIPT_NAME": ""}},
		{"unknown method", "BREW / HTTP/1.1\r\nHost: echo.localhost\r\n\r\n", map[string]string{"REQUEST_METHOD": "BREW"}},
		{"wildcard host", "GET / HTTP/1.1\r\nHost: a.b.echo.localhost\r\n\r\n", map[string]string{"SERVER_NAME": "a.b.echo.localhost"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { environHas(t, ask(t, server, test.request), test.want) })
	}
	t.Run("underscore", func(t *testing.T) { environUnderscore(t, server) })
	t.Run("expect", func(t *testing.T) { bodyExpected(t, server) })
	t.Run("objects", func(t *testing.T) { environObjects(t, server) })
	for _, host := range []string{echoHost, "validated.localhost"} {
		t.Run("body of "+host, func(t *testing.T) { readBodies(t, server, host) })
	}
}

// TestParallel sends many requests at once: each gets its own answer.
func TestParallel(t *testing.T) {
	t.Parallel()
	server := testkit.Start(t, testkit.Options{Dir: testkit.StageAll(t, testkit.App{Name: "echo"}, testkit.App{Name: "hello"})})
	var group sync.WaitGroup
	for client := range 20 {
		echo, hello := server.Browser(t, echoHost), server.Browser(t, helloHost)
		group.Go(func() {
			for n := range 20 {
				word := fmt.Sprintf("client %d request %d ", client, n)
				body := strings.Repeat(word, 1+n*100)
				if got := readBody(t, echo, "/sizes?size=1000000", body, n%2 == 0); len(got) != 1 || got[0] != body {
					t.Errorf("%q got %s", word, brief(got))
				}
				name := fmt.Sprintf("%d-%d", client, n)
				hello.Get("/?name="+name).Want(t, http.StatusOK, "Hello, "+name+"!")
			}
		})
	}
	group.Wait()
}

// ask sends a request as it stands and returns what the app saw of it.
func ask(t *testing.T, server *testkit.Server, request string) seen {
	t.Helper()
	c := server.Dial(t)
	c.Say(request)
	got, err := c.Hear(http.MethodGet)
	if err != nil {
		t.Fatal(err)
	}
	var page seen
	if err := json.Unmarshal([]byte(got.Text), &page); err != nil {
		t.Fatalf("status %d, %q: %v", got.StatusCode, got.Text, err)
	}
	return page
}

func environHas(t *testing.T, page seen, want map[string]string) {
	t.Helper()
	for name, value := range want {
		got, there := page.Values[name]
		if !there {
			got = "-"
		}
		if got != value {
			t.Errorf("%s is %q, want %q", name, got, value)
		}
	}
}

// environUnderscore sends X_A, which would become X-A's key: it may be refused or left
// out, but not passed on.
func environUnderscore(t *testing.T, server *testkit.Server) {
	got := server.Raw(t, "GET / HTTP/1.1\r\nHost: echo.localhost\r\nX_A: forged\r\nConnection: close\r\n\r\n")
	if strings.Contains(got, "forged") {
		t.Errorf("the app saw the header X_A: %q", got)
	}
}

// bodyExpected asks before it sends a body: it is told to go on, if the app reads it.
func bodyExpected(t *testing.T, server *testkit.Server) {
	for _, size := range []int{5, 100_000} {
		body := strings.Repeat("x", size)
		c := server.Dial(t)
		c.Say(fmt.Sprintf("POST /read HTTP/1.1\r\nHost: %s\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", echoHost, size))
		if got, err := c.Hear(http.MethodPost); err != nil || got.StatusCode != http.StatusContinue {
			t.Fatalf("the first answer is %v, %v; want 100", got.Response, err)
		}
		c.Say(body)
		if got, err := c.Hear(http.MethodPost); err != nil || got.StatusCode != http.StatusOK || !strings.Contains(got.Text, body) {
			t.Errorf("the answer is %v, %v", got.Response, err)
		}
	}
}

// environObjects looks at what is no str: the wsgi.* keys, and wasgi.limits.
func environObjects(t *testing.T, server *testkit.Server) {
	page := ask(t, server, "GET / HTTP/1.1\r\nHost: echo.localhost\r\n\r\n")
	if page.Type != "dict" {
		t.Errorf("the environ is a %s, want dict", page.Type)
	}
	for name, want := range map[string]string{
		"wsgi.version": "(1, 0)", "wsgi.multithread": "False", "wsgi.multiprocess": "True",
		"wsgi.run_once": "False", "wsgi.input_terminated": "True",
	} {
		if page.Others[name] != want {
			t.Errorf("%s is %s, want %s", name, page.Others[name], want)
		}
	}
	for name := range page.Others {
		if !strings.HasPrefix(name, "wsgi.") && name != "wasgi.limits" {
			t.Errorf("%s is no str but %s", name, page.Others[name])
		}
	}
	for _, name := range []string{"SERVER_PORT", "REMOTE_PORT", "wasgi.request_id"} {
		if page.Values[name] == "" {
			t.Errorf("%s is missing", name)
		}
	}
}

// readBodies reads bodies of each size in each way that a stream has, as sent with a
// length and in chunks.
func readBodies(t *testing.T, server *testkit.Server, host string) {
	lines := "first\nsecond, longer\n\nlast without an end"
	bodies := map[string]string{
		"none": "", "lines": lines, "binary": "\x00\xff\r\n\x80",
		"large": strings.Repeat(strings.Repeat("0123456789", 12)+"\n", 3000),
	}
	b := server.Browser(t, host)
	for name, body := range bodies {
		for _, how := range []string{"/read", "/sizes?size=4093", "/lines", "/short-lines?size=100", "/all-lines", "/iterate", "/past-end", "/nothing"} {
			if host != echoHost && (how == "/read" || how == "/past-end") {
				continue // wsgiref.validate forbids read without a size
			}
			for _, chunked := range []bool{false, true} {
				if got, want := readBody(t, b, how, body, chunked), wantBlocks(how, body); !slices.Equal(got, want) {
					t.Errorf("%s of body %s, chunked %t: %s, want %s", how, name, chunked, brief(got), brief(want))
				}
			}
		}
	}
}

func brief(blocks []string) string { return fmt.Sprintf("%d blocks %.300q", len(blocks), blocks) }

func readBody(t *testing.T, b *testkit.Browser, how, body string, chunked bool) []string {
	t.Helper()
	r := b.Request(http.MethodPost, how, strings.NewReader(body))
	if chunked {
		r.ContentLength = -1
		r.TransferEncoding = []string{"chunked"}
	}
	var page struct {
		Blocks []string
		Length *string
	}
	if err := json.Unmarshal([]byte(b.Do(r).Want(t, http.StatusOK, "").Text), &page); err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprint(len(body)); !chunked && body != "" && (page.Length == nil || *page.Length != want) {
		t.Errorf("CONTENT_LENGTH is %v, want %s", page.Length, want)
	}
	for i := range page.Blocks {
		page.Blocks[i] = fromLatin1(page.Blocks[i])
	}
	return page.Blocks
}

// fromLatin1 turns each code point into the byte it stands for.
func fromLatin1(s string) string {
	b := make([]byte, 0, len(s))
	for _, r := range s {
		b = append(b, byte(r))
	}
	return string(b)
}

// wantBlocks returns what the way of reading must give.
func wantBlocks(how, body string) []string {
	how, argument, _ := strings.Cut(how, "?size=")
	size := 0
	fmt.Sscan(argument, &size)
	switch how {
	case "/read":
		return []string{body}
	case "/past-end":
		return []string{body, "", "", "", ""}
	case "/sizes":
		return pieces([]string{body}, size)
	case "/short-lines":
		return pieces(linesOf(body), size)
	case "/nothing":
		return nil
	}
	return linesOf(body)
}

func linesOf(text string) []string {
	lines := strings.SplitAfter(text, "\n")
	return slices.DeleteFunc(lines, func(line string) bool { return line == "" })
}

// pieces cuts each text into pieces of at most size bytes.
func pieces(texts []string, size int) []string {
	var all []string
	for _, text := range texts {
		for len(text) > size {
			all, text = append(all, text[:size]), text[size:]
		}
		if text != "" {
			all = append(all, text)
		}
	}
	return all
}
