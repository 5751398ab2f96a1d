package test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"wasgi/test/testkit"
)

// tlsApp answers with its environ, with much, or with how much it was sent.
const tlsApp = `
import json

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    if environ["PATH_INFO"] == "/much":
        return (b"x" * 65536 for _ in range(100))
    if environ["PATH_INFO"] == "/length":
        return [b"%d" % sum(map(len, iter(lambda: environ["wsgi.input"].read(65536), b"")))]
    return [json.dumps({k: v for k, v in environ.items() if isinstance(v, str)}).encode()]
`

// tlsSite is a server of the tenants one and two, with TLS.
type tlsSite struct {
	*testkit.Server
	dir     string
	address string // by TLS
	preface string // is sent before TLS begins
	roots   *x509.CertPool
}

// newTLSSite starts one with that [tls].
func newTLSSite(t *testing.T, roots *x509.CertPool, dir, config string, o testkit.Options) *tlsSite {
	t.Helper()
	for _, name := range []string{"one", "two"} {
		testkit.Write(t, dir, testkit.Files{
			"apps/" + name + "/app.py": tlsApp,
			"apps/" + name + "/wasgi.toml": fmt.Sprintf("[app]\nentry = \"app:app\"\nhosts = [\"%[1]s.example.com\", \"also.%[1]s.example.com\"]\n"+
				"https = \"redirect\"\nhsts = \"max-age=60\"\n[static]\n\"/static\" = \"static\"\n", name),
			"apps/" + name + "/static/big": strings.Repeat("y", 1<<20),
		})
	}
	testkit.Write(t, dir, testkit.Files{"wasgi-server.toml": config})
	o.Dir, o.Args = filepath.Join(dir, "apps"), []string{"--config", filepath.Join(dir, "wasgi-server.toml")}
	s := &tlsSite{Server: testkit.Start(t, o), dir: dir, roots: roots}
	s.address = s.Log.Wait(t, 0, testkit.Match{Text: "listening by TLS"}).Text("address")
	return s
}

// dial makes a connection for a host.
func (s *tlsSite) dial(host string, certs ...tls.Certificate) (*tls.Conn, error) {
	raw, err := net.DialTimeout("tcp", s.address, time.Minute)
	if err != nil {
		return nil, err
	}
	raw.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(raw, s.preface); err != nil {
		return nil, err
	}
	c := tls.Client(raw, &tls.Config{ServerName: host, RootCAs: s.roots, Certificates: certs})
	if err := c.Handshake(); err != nil {
		raw.Close()
		return nil, err
	}
	return c, nil
}

// ask sends a request's text by a connection for a host.
func (s *tlsSite) ask(t *testing.T, host, text string, certs ...tls.Certificate) (*http.Response, string) {
	t.Helper()
	c, err := s.dial(host, certs...)
	if err != nil {
		t.Fatalf("%s: %v", host, err)
	}
	defer c.Close()
	io.WriteString(c, text)
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("%s: %v", host, err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Errorf("%s: %v", host, err)
	}
	return r, string(body)
}

// environ asks an app for its environ.
func (s *tlsSite) environ(t *testing.T, host string, certs ...tls.Certificate) map[string]string {
	t.Helper()
	_, body := s.ask(t, host, testkit.Head(host, "/"), certs...)
	var e map[string]string
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		t.Fatalf("%v: %.400q", err, body)
	}
	return e
}

// serial returns whose certificate a host has.
func (s *tlsSite) serial(t *testing.T, host string) string {
	t.Helper()
	c, err := s.dial(host)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0].SerialNumber.String()
}

const twoCertificates = `
[tls]
listen = "127.0.0.1:0"
[[tls.certificate]]
cert = "one.pem"
key = "one.key"
[[tls.certificate]]
hosts = ["two.example.com"]
cert = "two.pem"
key = "two.key"
`

func newTwo(t *testing.T) (*tlsSite, *testkit.Authority) {
	t.Helper()
	dir, ca := t.TempDir(), testkit.NewAuthority(t)
	ca.Put(t, dir, "one", "one.example.com", "also.one.example.com")
	ca.Put(t, dir, "two", "two.example.com", "also.two.example.com")
	return newTLSSite(t, ca.Pool, dir, twoCertificates, testkit.Options{}), ca
}

func TestTLS(t *testing.T) {
	t.Parallel()
	s, _ := newTwo(t)
	_, port, _ := net.SplitHostPort(s.address)
	t.Run("environ", func(t *testing.T) {
		e := s.environ(t, "one.example.com")
		if e["wsgi.url_scheme"] != "https" || e["SERVER_PORT"] != port || e["wasgi.tenant"] != "one" || e["SSL_CLIENT_VERIFY"] != "" ||
			e["SSL_PROTOCOL"] != "TLSv1.3" || !strings.HasPrefix(e["SSL_CIPHER"], "TLS_") || e["wasgi.raw_target"] != "/" {
			t.Errorf("%v", e)
		}
	})
	t.Run("bodies", func(t *testing.T) { tlsBodies(t, s) })
	t.Run("redirect", func(t *testing.T) {
		r := s.Browser(t, "one.example.com").Get("/a?b")
		if want := "https://one.example.com:" + port + "/a?b"; r.StatusCode != 301 || r.Header.Get("Location") != want || r.Header.Get("Strict-Transport-Security") != "" {
			t.Errorf("%d, %v", r.StatusCode, r.Header)
		}
	})
	t.Run("hosts", func(t *testing.T) { tlsHosts(t, s) })
	t.Run("versions", func(t *testing.T) { tlsVersions(t, s) })
	t.Run("no TLS", func(t *testing.T) {
		c, err := net.Dial("tcp", s.address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		io.WriteString(c, testkit.Head("one.example.com", "/"))
		if text, _ := io.ReadAll(c); !strings.HasPrefix(string(text), "HTTP/1.1 400 ") {
			t.Errorf("%q", text)
		}
	})
	t.Run("slow", func(t *testing.T) { tlsSlow(t, s) })
	t.Run("gone", func(t *testing.T) { tlsGone(t, s) })
}

func tlsBodies(t *testing.T, s *tlsSite) {
	for path, want := range map[string]int{"/much": 6553600, "/static/big": 1 << 20} {
		if r, body := s.ask(t, "one.example.com", testkit.Head("one.example.com", path)); len(body) != want || r.Header.Get("Strict-Transport-Security") != "max-age=60" {
			t.Errorf("%s: %d bytes, %v", path, len(body), r.Header)
		}
	}
	upload := "POST /length HTTP/1.1\r\nHost: one.example.com\r\nContent-Length: 3000000\r\n\r\n" + strings.Repeat("z", 3000000)
	if _, body := s.ask(t, "one.example.com", upload); body != "3000000" {
		t.Errorf("%q", body)
	}
}

// A client gets the certificate of the host that it names, or none; and then talks to that
// host's tenant only.
func tlsHosts(t *testing.T, s *tlsSite) {
	for _, host := range []string{"also.two.example.com", "example.com", "three.example.com", "one.example.org", ""} {
		c, err := tls.Dial("tcp", s.address, &tls.Config{ServerName: host, InsecureSkipVerify: true})
		if err == nil || !strings.Contains(err.Error(), "remote error: tls: unrecognized name") {
			t.Errorf("%q: %v", host, err)
		}
		if err == nil {
			c.Close()
		}
	}
	for host, want := range map[string]int{
		"one.example.com": 200, "ONE.example.com.": 200, "one.example.com:443": 200, "also.one.example.com": 200,
		"two.example.com": 421, "also.two.example.com": 421, "three.example.com": 404,
	} {
		r, body := s.ask(t, "one.example.com", testkit.Head(host, "/"))
		if r.StatusCode != want {
			t.Errorf("%s: %d %q", host, r.StatusCode, body)
		}
	}
	if r, _ := s.ask(t, "one.example.com", testkit.Head("two.example.com", "/static/big")); r.StatusCode != 421 {
		t.Errorf("a file: %d", r.StatusCode)
	}
}

func tlsVersions(t *testing.T, s *tlsSite) {
	for name, of := range map[string]struct {
		cfg  *tls.Config
		good bool
	}{
		"TLS 1.1": {&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, false},
		"TLS 1.2": {&tls.Config{MaxVersion: tls.VersionTLS12}, true},
		"CBC":     {&tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}}, false},
		"RSA":     {&tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}}, false},
		"TLS 1.3": {&tls.Config{MinVersion: tls.VersionTLS13}, true},
		"P-521":   {&tls.Config{CurvePreferences: []tls.CurveID{tls.CurveP521}}, false},
		"h2":      {&tls.Config{NextProtos: []string{"acme-tls/1", "h2"}}, false},
		"http":    {&tls.Config{NextProtos: []string{"h2", "http/1.1"}}, true},
		"acme":    {&tls.Config{NextProtos: []string{"acme-tls/1"}}, false},
	} {
		of.cfg.ServerName, of.cfg.RootCAs = "one.example.com", s.roots
		c, err := tls.Dial("tcp", s.address, of.cfg)
		if (err == nil) != of.good {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			c.Close()
		}
	}
}

// tlsSlow begins handshakes and does not go on.
func tlsSlow(t *testing.T, s *tlsSite) {
	for _, begin := range []string{"", "\x16", "\x16\x03\x01\x40\x00\x01\x00\x3f\xfc\x03\x03" + strings.Repeat("a", 1000)} {
		t.Run(fmt.Sprint(len(begin)), func(t *testing.T) {
			t.Parallel()
			c, err := net.Dial("tcp", s.address)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			io.WriteString(c, begin)
			c.SetDeadline(time.Now().Add(time.Minute))
			if text, err := io.ReadAll(c); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("it is kept: %q, %v", text, err)
			}
		})
	}
}

// tlsGone leaves in the middle of an upload: the app's read ends.
func tlsGone(t *testing.T, s *tlsSite) {
	mark := s.Log.Mark()
	c, err := s.dial("one.example.com")
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(c, "POST /length HTTP/1.1\r\nHost: one.example.com\r\nContent-Length: 3000000\r\n\r\n"+strings.Repeat("z", 1000000))
	c.NetConn().Close()
	line := s.Log.Wait(t, mark, testkit.Match{Tenant: "one", Text: "POST /length"})
	if status := line.Text("status"); status != "400" && status != "499" && status != "500" {
		t.Errorf("%v", line)
	}
}

func TestTLSReload(t *testing.T) {
	t.Parallel()
	s, ca := newTwo(t)
	one, two := s.serial(t, "one.example.com"), s.serial(t, "two.example.com")
	ca.Put(t, s.dir, "one", "one.example.com")
	soon(t, "the new certificate", func() bool { return s.serial(t, "one.example.com") != one })
	if s.serial(t, "two.example.com") != two {
		t.Error("the other has changed too")
	}
	mark := s.Log.Mark()
	testkit.Write(t, s.dir, testkit.Files{"two.pem": "no certificate"})
	s.Signal(t, syscall.SIGHUP)
	line := s.Log.Wait(t, mark, testkit.Match{Text: "a certificate stays as it was"})
	if want := filepath.Join(s.dir, "two.pem") + ": want PEM, a block that begins with -----BEGIN"; line.Text("error") != want {
		t.Errorf("got  %s\nwant %s", line.Text("error"), want)
	}
	if s.serial(t, "two.example.com") != two {
		t.Error("the old certificate is gone")
	}
	ca.Put(t, s.dir, "two", "two.example.com")
	soon(t, "the new certificate", func() bool { return s.serial(t, "two.example.com") != two })
}

func TestTLSClientCertificate(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"optional", "required"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			dir, ca, clients := t.TempDir(), testkit.NewAuthority(t), testkit.NewAuthority(t)
			ca.Put(t, dir, "one", "one.example.com")
			testkit.Write(t, dir, testkit.Files{"clients.pem": clients.PEM})
			s := newTLSSite(t, ca.Pool, dir, "[tls]\nlisten = \"127.0.0.1:0\"\nclient_ca = \"clients.pem\"\nclient_certificate = \""+mode+"\"\n"+
				"[[tls.certificate]]\ncert = \"one.pem\"\nkey = \"one.key\"\n", testkit.Options{})
			known := clients.Client(t, "anna,\nö")
			e := s.environ(t, "one.example.com", known)
			if e["SSL_CLIENT_VERIFY"] != "SUCCESS" || e["SSL_CLIENT_S_DN"] != `CN=anna\,\0A\C3\B6` || e["SSL_CLIENT_I_DN"] != "CN=test authority" ||
				e["SSL_CLIENT_M_SERIAL"] != fmt.Sprintf("%X", known.Leaf.SerialNumber) || !isPEM(e["wasgi.client_certificate"], known.Certificate[0]) {
				t.Errorf("%v", e)
			}
			shutOut(t, s, ca.Client(t, "mallory"))
			if mode == "required" {
				shutOut(t, s)
				return
			}
			e = s.environ(t, "one.example.com")
			if _, has := e["wasgi.client_certificate"]; has || e["SSL_CLIENT_VERIFY"] != "NONE" {
				t.Errorf("%v", e)
			}
		})
	}
}

// isPEM tells whether text is that certificate and nothing else.
func isPEM(text string, der []byte) bool {
	block, rest := pem.Decode([]byte(text))
	return block != nil && block.Type == "CERTIFICATE" && bytes.Equal(block.Bytes, der) && len(rest) == 0
}

// shutOut shows certificates that get no answer.
func shutOut(t *testing.T, s *tlsSite, certs ...tls.Certificate) {
	t.Helper()
	c, err := s.dial("one.example.com", certs...)
	if err != nil {
		return
	}
	defer c.Close()
	io.WriteString(c, testkit.Head("one.example.com", "/"))
	if text, err := io.ReadAll(c); len(text) > 0 || err == nil {
		t.Errorf("%q, %v", text, err)
	}
}
