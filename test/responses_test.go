package test

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"wasgi/test/testkit"
)

const responsesHost = "responses.localhost"

// TestResponses asks for every way to answer that PEP 3333 allows.
func TestResponses(t *testing.T) {
	t.Parallel()
	server := testkit.Start(t, testkit.Options{Dir: testkit.StageAll(t,
		testkit.App{Name: "responses"},
		testkit.App{Name: "responses", As: "validated", Host: "validated.localhost", Validated: true})})
	t.Run("bodies", func(t *testing.T) { responseBodies(t, server.Browser(t, responsesHost), false) })
	t.Run("bodies, validated", func(t *testing.T) { responseBodies(t, server.Browser(t, "validated.localhost"), true) })
	t.Run("headers", func(t *testing.T) { responseHeaders(t, server.Browser(t, responsesHost)) })
	t.Run("framing", func(t *testing.T) { responseFraming(t, server) })
	t.Run("bare", func(t *testing.T) { responseBare(t, server) })
	t.Run("lengths", func(t *testing.T) { responseLengths(t, server) })
	t.Run("exc_info", func(t *testing.T) { responseExcInfo(t, server) })
	t.Run("stream", func(t *testing.T) { responseStream(t, server.Browser(t, responsesHost)) })
	t.Run("close", func(t *testing.T) { responseClose(t, server) })
}

// responseBodies leaves out what wsgiref.validate does not allow, though the PEP does.
func responseBodies(t *testing.T, b *testkit.Browser, validated bool) {
	for path, want := range map[string]string{
		"/one-block":    "one block",
		"/many-blocks":  "abcdef",
		"/empty-list":   "",
		"/empty-blocks": "",
		"/plain-bytes":  "tuple",
		"/late-start":   "started late",
		"/write":        "written, twice, and returned",
		"/write-only":   "written only",
		"/large":        strings.Repeat("x", 64*65536),
		"/file-wrapper": strings.Repeat("file", 10000),
	} {
		if validated && path == "/late-start" {
			continue
		}
		if got := b.Get(path); got.StatusCode != http.StatusOK || got.Text != want || got.Err != nil {
			t.Errorf("%s: status %d, %d bytes %.100q, %v; want %d bytes %.100q", path, got.StatusCode, len(got.Text), got.Text, got.Err, len(want), want)
		}
	}
}

func responseHeaders(t *testing.T, b *testkit.Browser) {
	got := b.Get("/cookies").Want(t, http.StatusOK, "cookies")
	if cookies := got.Header.Values("Set-Cookie"); len(cookies) != 2 || cookies[0] != "a=1" || cookies[1] != "b=2" {
		t.Errorf("Set-Cookie is %q, want both in their order", cookies)
	}
	if got.Header.Get("X-Latin") != "na\xefve" {
		t.Errorf("X-Latin is %q, want the byte of latin-1", got.Header.Get("X-Latin"))
	}
	if empty, there := got.Header["X-Empty"]; !there || empty[0] != "" {
		t.Errorf("X-Empty is %q, want an empty one", empty)
	}
	if got := b.Get("/reason"); got.Status != "299 Mostly Harmless" {
		t.Errorf("the status is %q, want 299 Mostly Harmless", got.Status)
	}
	if got := b.Get("/by-name"); got.Text != "by name" {
		t.Errorf("start_response with exc_info by name gives %q", got.Text)
	}
}

// responseFraming looks at what tells the client where a body ends.
func responseFraming(t *testing.T, server *testkit.Server) {
	ask := func(path, version, more string) testkit.Response {
		t.Helper()
		c := server.Dial(t)
		c.Say("GET " + path + " HTTP/" + version + "\r\nHost: " + responsesHost + "\r\n" + more + "\r\n")
		got, err := c.Hear(http.MethodGet)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := ask("/one-block", "1.1", ""); got.ContentLength != 9 || got.TransferEncoding != nil {
		t.Errorf("one block: length %d and encoding %q, want 9 and none", got.ContentLength, got.TransferEncoding)
	}
	if got := ask("/many-blocks", "1.1", ""); len(got.TransferEncoding) != 1 || got.Text != "abcdef" {
		t.Errorf("many blocks: encoding %q and %q, want chunked", got.TransferEncoding, got.Text)
	}
	if got := ask("/many-blocks", "1.0", "Connection: keep-alive\r\n"); got.TransferEncoding != nil || !got.Close || got.Text != "abcdef" {
		t.Errorf("many blocks in HTTP/1.0: encoding %q, close %t and %q, want none and true", got.TransferEncoding, got.Close, got.Text)
	}
	if got := ask("/empty-list", "1.1", ""); got.ContentLength != 0 {
		t.Errorf("an empty list: length %d, want 0", got.ContentLength)
	}
}

// responseBare asks where no body may follow: what follows on the connection must be
// the next answer.
func responseBare(t *testing.T, server *testkit.Server) {
	c := server.Dial(t)
	tests := []struct {
		method, path string
		status       int
		length       string
	}{
		{"HEAD", "/one-block", 200, "9"},
		{"HEAD", "/many-blocks", 200, ""},
		{"HEAD", "/large", 200, ""},
		{"HEAD", "/short-length", 200, "5"},
		{"HEAD", "/endless", 200, ""},
		{"GET", "/no-content", 204, ""},
		{"GET", "/not-modified", 304, ""},
		{"HEAD", "/no-content", 204, ""},
		{"GET", "/one-block", 200, "9"},
	}
	for _, test := range tests {
		c.Say(test.method + " " + test.path + " HTTP/1.1\r\nHost: " + responsesHost + "\r\n\r\n")
		got, err := c.Hear(test.method)
		if err != nil {
			t.Fatalf("%s %s: %v", test.method, test.path, err)
		}
		if got.StatusCode != test.status || got.Header.Get("Content-Length") != test.length && test.length != "" {
			t.Errorf("%s %s: status %d, length %q, want %d and %q", test.method, test.path, got.StatusCode, got.Header.Get("Content-Length"), test.status, test.length)
		}
		if test.status == 204 && (got.Header.Get("Content-Length") != "" || got.TransferEncoding != nil) {
			t.Errorf("204 has a length %q or an encoding %q", got.Header.Get("Content-Length"), got.TransferEncoding)
		}
	}
}

// responseLengths asks for bodies that are not as long as their Content-Length.
func responseLengths(t *testing.T, server *testkit.Server) {
	c := server.Dial(t)
	mark := server.Log.Mark()
	c.Say(testkit.Head(responsesHost, "/long-length"))
	if got, err := c.Hear(http.MethodGet); err != nil || got.StatusCode == http.StatusOK && got.Err == nil {
		t.Errorf("5 of 10 bytes: status %d, %q, %v; want an end that tells the client", got.StatusCode, got.Text, err)
	}
	server.Log.Wait(t, mark, testkit.Match{Text: "Content-Length"})
	c = server.Dial(t)
	c.Say(testkit.Head(responsesHost, "/short-length") + testkit.Head(responsesHost, "/one-block"))
	if got, err := c.Hear(http.MethodGet); err != nil || got.Text != "12345" {
		t.Errorf("9 of 5 bytes: %q, %v; want the first five", got.Text, err)
	}
	if got, err := c.Hear(http.MethodGet); err == nil && got.Text != "one block" {
		t.Errorf("the answer after it is %q", got.Text)
	}
}

func responseExcInfo(t *testing.T, server *testkit.Server) {
	b := server.Browser(t, responsesHost)
	got := b.Get("/replaced").Want(t, http.StatusServiceUnavailable, "<p>later")
	if got.Header.Get("X-Old") != "" || got.Header.Get("X-New") != "1" || len(got.Header.Values("Content-Type")) != 1 {
		t.Errorf("the headers are %v, want the new ones alone", got.Header)
	}
	mark := server.Log.Mark()
	if got := b.Get("/replaced-late"); got.Err == nil {
		t.Errorf("an error after the head gives %d %q, whole", got.StatusCode, got.Text)
	}
	server.Log.Wait(t, mark, testkit.Match{Tenant: "responses", Text: "ValueError: too late to replace"})
}

// responseStream reads the first block of a stream before the app has made the last.
func responseStream(t *testing.T, b *testkit.Browser) {
	start := time.Now()
	in := bufio.NewReader(b.Open(b.Request(http.MethodGet, "/stream", nil)).Body)
	line, err := in.ReadString('\n')
	first := time.Since(start)
	if err != nil || line != "0\n" {
		t.Fatalf("the first block is %q, %v", line, err)
	}
	if rest, err := io.ReadAll(in); err != nil || string(rest) != "1\n2\n3\n4\n" {
		t.Errorf("the rest is %q, %v", rest, err)
	}
	if whole := time.Since(start); first > whole*3/4 {
		t.Errorf("the first block came after %v of %v: it was held back", first, whole)
	}
}

// responseClose counts the calls of close. The app has one instance, so that its list
// is the list of all.
func responseClose(t *testing.T, server *testkit.Server) {
	b := server.Browser(t, responsesHost)
	before := b.Get("/show-closed").Text
	b.Get("/close-normal")
	b.Get("/close-after-error")
	b.Get("/close-no-content")
	b.Do(b.Request(http.MethodHead, "/close-normal", nil))
	gone := server.Dial(t)
	gone.Say(testkit.Head(responsesHost, "/close-gone"))
	if _, err := http.ReadResponse(bufio.NewReader(gone), nil); err != nil {
		t.Fatal(err)
	}
	gone.Close()
	want := before + ",close-normal,close-after-error,close-no-content,close-normal,close-gone"
	if got := b.Get("/show-closed").Text; got != strings.TrimPrefix(want, ",") {
		t.Errorf("closed were %q, want %q", got, want)
	}
}
