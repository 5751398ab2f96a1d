package testkit

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// Response is an answer with its body read.
type Response struct {
	*http.Response
	Text string
	Err  error // why the body is not whole
}

// RequestID returns the id in the text of the server's own failures, "" where there is
// none.
func (r Response) RequestID() string {
	found := regexp.MustCompile(`(?m)^Request ([0-9a-f]+)$`).FindStringSubmatch(r.Text)
	if found == nil {
		return ""
	}
	return found[1]
}

// Transport connects to the server, whatever host a URL names.
func (s *Server) Transport() *http.Transport {
	return &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, s.network, s.address)
		},
	}
}

// Browser keeps cookies and one connection or a few. It does not follow redirects.
type Browser struct {
	t      testing.TB
	client *http.Client
	host   string
}

// Browser returns one that asks the server for pages of host.
func (s *Server) Browser(t testing.TB, host string) *Browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	check(t, err)
	transport := s.Transport()
	t.Cleanup(transport.CloseIdleConnections)
	return &Browser{t: t, host: host, client: &http.Client{
		Transport: transport, Jar: jar, Timeout: patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Get asks for a page.
func (b *Browser) Get(path string) Response {
	b.t.Helper()
	return b.Do(b.Request(http.MethodGet, path, nil))
}

// Post sends a form.
func (b *Browser) Post(path string, form url.Values) Response {
	b.t.Helper()
	r := b.Request(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Referer", "http://"+b.host+path)
	return b.Do(r)
}

// Send sends a body of any type.
func (b *Browser) Send(method, path, kind, body string) Response {
	b.t.Helper()
	r := b.Request(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", kind)
	return b.Do(r)
}

// Request returns one to add to.
func (b *Browser) Request(method, path string, body io.Reader) *http.Request {
	b.t.Helper()
	r, err := http.NewRequest(method, "http://"+b.host+path, body)
	check(b.t, err)
	return r
}

// Do sends a request. No answer at all fails the test.
func (b *Browser) Do(r *http.Request) Response {
	b.t.Helper()
	got, err := b.client.Do(r)
	if err != nil {
		b.t.Fatalf("%s %s: %v", r.Method, r.URL, err)
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	return Response{Response: got, Text: string(text), Err: err}
}

// Open sends a request and leaves the body to be read.
func (b *Browser) Open(r *http.Request) *http.Response {
	b.t.Helper()
	got, err := b.client.Do(r)
	if err != nil {
		b.t.Fatalf("%s %s: %v", r.Method, r.URL, err)
	}
	b.t.Cleanup(func() { got.Body.Close() })
	return got
}

// Want fails the test unless the answer has that status and its text that part.
func (r Response) Want(t testing.TB, status int, part string) Response {
	t.Helper()
	if problem := r.differs(status, part); problem != "" {
		t.Errorf("%s %s: %s", r.Request.Method, r.Request.URL, problem)
	}
	return r
}

func (r Response) differs(status int, part string) string {
	switch {
	case r.StatusCode != status:
		return fmt.Sprintf("status %d, want %d; the text is %.400q", r.StatusCode, status, r.Text)
	case !strings.Contains(r.Text, part):
		return fmt.Sprintf("%q is not in the text: %.2000q", part, r.Text)
	case r.Err != nil:
		return fmt.Sprintf("body: %v", r.Err)
	}
	return ""
}
