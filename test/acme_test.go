package test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/letsencrypt/challtestsrv"
	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"

	"wasgi/test/testkit"
)

// acmeServer is pebble, a real ACME server, which believes that every host is at 127.0.0.1.
type acmeServer struct {
	*httptest.Server
	authority *ca.CAImpl

	mu     sync.Mutex
	orders int
}

// certificateLife is how long certificates mostly last.
const certificateLife = 90 * 24 * time.Hour

// newACMEServer starts one that looks for hosts at these addresses, and whose certificates
// last so long.
func newACMEServer(t *testing.T, plain, secure string, lasting time.Duration) *acmeServer {
	t.Helper()
	quiet := log.New(io.Discard, "", 0)
	dns := testkit.FreePort(t)
	names, err := challtestsrv.New(challtestsrv.Config{Log: quiet, DNSAddrs: []string{dns}})
	if err != nil {
		t.Fatal(err)
	}
	names.SetDefaultDNSIPv6("")
	go names.Run()
	t.Cleanup(names.Shutdown)
	store := db.NewMemoryStore()
	s := &acmeServer{authority: ca.New(quiet, store, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {ValidityPeriod: uint64(lasting / time.Second)}})}
	front := wfe.New(quiet, store, va.New(quiet, port(t, plain), port(t, secure), false, dns, store), s.authority, []string{"ca.example"}, false, false, 0, 0)
	handler := front.Handler()
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/order-plz") {
			s.mu.Lock()
			s.orders++
			s.mu.Unlock()
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func port(t *testing.T, address string) int {
	t.Helper()
	_, text, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (s *acmeServer) ordered() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.orders
}

// roots returns what its certificates are trusted by.
func (s *acmeServer) roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(s.authority.GetRootCert(0).PEM())
	return pool
}

// site starts a server that has certificates from it.
func (s *acmeServer) site(t *testing.T, dir, secure, challenge string, o testkit.Options) *tlsSite {
	t.Helper()
	testkit.Write(t, dir, testkit.Files{"acme.pem": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))})
	return newTLSSite(t, s.roots(), dir, fmt.Sprintf("[tls]\nlisten = %q\n[tls.acme]\nemail = \"anna@example.com\"\ndirectory = %q\nca = \"acme.pem\"\nchallenges = [%q]\n",
		secure, s.URL+"/dir", challenge), o)
}

// Without these it sleeps and refuses by chance, as a test of clients.
func quietPebble(t *testing.T) {
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	t.Setenv("PEBBLE_WFE_NONCEREJECT", "0")
}

// TestACME has certificates come by themselves, each challenge alone: for hosts of tenants,
// when a client asks, once, and kept.
func TestACME(t *testing.T) {
	quietPebble(t)
	for _, challenge := range []string{"http-01", "tls-alpn-01"} {
		t.Run(challenge, func(t *testing.T) {
			plain, secure := testkit.FreePort(t), testkit.FreePort(t)
			ca := newACMEServer(t, plain, secure, certificateLife)
			dir, state := t.TempDir(), filepath.Join(t.TempDir(), "state")
			o := testkit.Options{Listen: plain, State: state}
			s := ca.site(t, dir, secure, challenge, o)
			acmeHosts(t, s, ca)
			acmeFiles(t, state)
			serial, orders := s.serial(t, "one.example.com"), ca.ordered()
			s.Stop(t)
			s = ca.site(t, dir, secure, challenge, o)
			if s.serial(t, "one.example.com") != serial || ca.ordered() != orders {
				t.Error("another certificate after a new start")
			}
		})
	}
}

func acmeHosts(t *testing.T, s *tlsSite, ca *acmeServer) {
	for _, host := range []string{"three.example.com", "x.one.example.com", "example.com"} {
		if c, err := s.dial(host); err == nil {
			c.Close()
			t.Errorf("%s has a certificate", host)
		}
	}
	if n := ca.ordered(); n != 0 {
		t.Errorf("%d orders for nobody's hosts", n)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			c, err := s.dial("one.example.com")
			if err != nil {
				t.Error(err)
				return
			}
			c.Close()
		})
	}
	all.Wait()
	if e := s.environ(t, "two.example.com"); e["wsgi.url_scheme"] != "https" || e["wasgi.tenant"] != "two" {
		t.Errorf("%v", e)
	}
	if n := ca.ordered(); n != 2 {
		t.Errorf("%d orders for two hosts", n)
	}
}

// acmeFiles holds that what was got is this user's alone.
func acmeFiles(t *testing.T, state string) {
	keys := 0
	err := filepath.WalkDir(filepath.Join(state, ".tls", "certificates"), func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if text, _ := os.ReadFile(name); bytes.Contains(text, []byte("PRIVATE KEY")) { // of a folder: nothing
			keys++
			if info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v", name, info.Mode())
			}
		}
		if d.IsDir() && info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v", name, info.Mode())
		}
		return nil
	})
	if err != nil || keys < 3 {
		t.Errorf("%d keys, %v", keys, err)
	}
}

// TestACMERefused has a host that cannot be proved: it gets no certificate, and is not
// asked for at each client's word.
func TestACMERefused(t *testing.T) {
	quietPebble(t)
	plain, secure := testkit.FreePort(t), testkit.FreePort(t)
	ca := newACMEServer(t, testkit.FreePort(t), testkit.FreePort(t), certificateLife) // where nobody listens
	s := ca.site(t, t.TempDir(), secure, "http-01", testkit.Options{Listen: plain})
	mark := s.Log.Mark()
	for range 20 {
		if c, err := s.dial("one.example.com"); err == nil {
			c.Close()
			t.Fatal("a certificate for a host that was not proved")
		}
	}
	if line := s.Log.Wait(t, mark, testkit.Match{Text: "no certificate"}); line.Text("host") != "one.example.com" || line.Text("again_in") != "1m0s" {
		t.Errorf("%v", line)
	}
	if n := ca.ordered(); n > 2 { // the library tries another time with another challenge
		t.Errorf("%d orders", n)
	}
	if r := s.Browser(t, "one.example.com").Get("/.well-known/acme-challenge/x"); r.StatusCode != 301 {
		t.Errorf("nobody's challenge: %d", r.StatusCode)
	}
}

// TestACMERenews has certificates with less life left than five of the library's looks after
// them, 50 minutes: who comes by one gets it still, and others soon a new one.
func TestACMERenews(t *testing.T) {
	quietPebble(t)
	plain, secure := testkit.FreePort(t), testkit.FreePort(t)
	ca := newACMEServer(t, plain, secure, 40*time.Minute)
	s := ca.site(t, t.TempDir(), secure, "http-01", testkit.Options{Listen: plain})
	first := s.serial(t, "one.example.com")
	if s.serial(t, "one.example.com") != first {
		t.Error("a client waits for another certificate though the first is good")
	}
	soon(t, "a new certificate", func() bool { return s.serial(t, "one.example.com") != first })
	if n := ca.ordered(); n > 3 { // the new one's first client has the next ordered
		t.Errorf("%d orders for two certificates and one under way", n)
	}
}
