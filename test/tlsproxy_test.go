package test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"wasgi/test/testkit"
)

// proxyV2 is a header of the PROXY protocol, version 2, of a client at 192.0.2.1:99.
const proxyV2 = "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x01\xc0\x00\x02\x02\x00\x63\x01\xbb"

const proxyV1 = "PROXY TCP4 192.0.2.1 192.0.2.2 99 443\r\n"

// newProxied starts a site that trusts those networks.
func newProxied(t *testing.T, trusted, protocol string) *tlsSite {
	t.Helper()
	dir, ca := t.TempDir(), testkit.NewAuthority(t)
	ca.Put(t, dir, "one", "one.example.com", "also.one.example.com")
	ca.Put(t, dir, "two", "two.example.com", "also.two.example.com")
	return newTLSSite(t, ca.Pool, dir, fmt.Sprintf("[http]\ntrusted = [%q]\nproxy_protocol = %s\n%s", trusted, protocol, twoCertificates), testkit.Options{})
}

// The PROXY protocol comes before TLS, whether the handshake is sent with it or later.
func TestTLSBehindProxyProtocol(t *testing.T) {
	t.Parallel()
	s := newProxied(t, "127.0.0.1", "true")
	for _, preface := range []string{proxyV1, proxyV2} {
		s.preface = preface
		e := s.environ(t, "one.example.com")
		if e["REMOTE_ADDR"] != "192.0.2.1" || e["REMOTE_PORT"] != "99" || e["wsgi.url_scheme"] != "https" || e["SSL_PROTOCOL"] != "TLSv1.3" {
			t.Errorf("%.10q: %v", preface, e)
		}
		// The client's own TLS, which is for one host only.
		if r, _ := s.ask(t, "one.example.com", testkit.Head("two.example.com", "/")); r.StatusCode != http.StatusMisdirectedRequest {
			t.Errorf("%.10q, another host: %d", preface, r.StatusCode)
		}
		upload := "POST /length HTTP/1.1\r\nHost: one.example.com\r\nContent-Length: 300000\r\n\r\n" + strings.Repeat("z", 300000)
		if _, body := s.ask(t, "one.example.com", upload); body != "300000" {
			t.Errorf("%.10q: %q", preface, body)
		}
	}
	for _, preface := range []string{"", "PROXY TCP4 nobody 192.0.2.2 99 443\r\n", proxyV1 + proxyV1, proxyV2[:15] + "\x13" + proxyV2[16:]} {
		s.preface = preface
		if c, err := s.dial("one.example.com"); err == nil {
			c.Close()
			t.Errorf("%q is taken", preface)
		}
	}
	s.preface = proxyV1
	s.environ(t, "one.example.com") // it serves as before
}

// Nobody else may send it.
func TestTLSProxyProtocolOfStrangers(t *testing.T) {
	t.Parallel()
	s := newProxied(t, "192.0.2.0/24", "true")
	for _, preface := range []string{proxyV1, proxyV2} {
		s.preface = preface
		if c, err := s.dial("one.example.com"); err == nil {
			c.Close()
			t.Errorf("%.10q is taken of a stranger", preface)
		}
	}
	s.preface = ""
	if e := s.environ(t, "one.example.com"); e["REMOTE_ADDR"] != "127.0.0.1" {
		t.Errorf("%v", e)
	}
}

// A proxy that speaks TLS may ask for all hosts by one connection; it is trusted to say whom
// its clients ask for.
func TestTLSOfTrustedProxy(t *testing.T) {
	t.Parallel()
	s := newProxied(t, "127.0.0.1", "false")
	c, err := s.dial("one.example.com")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r := bufio.NewReader(c)
	for _, head := range []string{"Host: two.example.com", "Host: one.example.com\r\nX-Forwarded-Host: two.example.com", "Host: one.example.com"} {
		io.WriteString(c, "GET / HTTP/1.1\r\n"+head+"\r\nX-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\n\r\n")
		got, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(got.Body)
		tenant := `"wasgi.tenant": "` + map[bool]string{true: "two", false: "one"}[strings.Contains(head, "two")] + `"`
		if got.StatusCode != 200 || !strings.Contains(string(body), tenant) || !strings.Contains(string(body), `"REMOTE_ADDR": "192.0.2.1"`) {
			t.Errorf("%q: %d %s", head, got.StatusCode, body)
		}
	}
}

// Whoever begins with the PROXY protocol and does not go on is cut off in time.
func TestTLSProxyProtocolCut(t *testing.T) {
	t.Parallel()
	s := newProxied(t, "127.0.0.1", "true")
	for _, text := range []string{proxyV1[:9], proxyV2[:14], proxyV2} {
		c, err := net.Dial("tcp", s.address)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, text)
		c.(*net.TCPConn).CloseWrite()
		c.SetDeadline(time.Now().Add(time.Minute))
		if answer, err := io.ReadAll(c); len(answer) > 0 || err != nil {
			t.Errorf("%q: %q, %v", text, answer, err)
		}
		c.Close()
	}
}
