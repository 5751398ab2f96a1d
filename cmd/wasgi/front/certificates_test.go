package front

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"wasgi/tenants"
	"wasgi/test/testkit"
)

// Each error names the file and what is wrong with it.
func TestNewCertificatesRefuses(t *testing.T) {
	t.Parallel()
	dir, ca := t.TempDir(), testkit.NewAuthority(t)
	ca.Put(t, dir, "one", "one.example.com", "*.one.example.com")
	ca.Put(t, dir, "two", "two.example.com", "one.example.com")
	ca.Put(t, dir, "none")
	write(t, filepath.Join(dir, "text.pem"), "hello")
	write(t, filepath.Join(dir, "broken.pem"), "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n")
	write(t, filepath.Join(dir, "long.pem"), strings.Repeat("a", mostPEM+1))
	pair := func(cert, key string, hosts ...string) tenants.CertificateFiles {
		return tenants.CertificateFiles{Cert: filepath.Join(dir, cert), Key: filepath.Join(dir, key), Hosts: hosts}
	}
	good := pair("one.pem", "one.key")
	for want, of := range map[string]tenants.TLS{
		"open DIR/gone.pem: no such file or directory":                                        {Certificates: []tenants.CertificateFiles{pair("gone.pem", "one.key")}},
		"open DIR/gone.key: no such file or directory":                                        {Certificates: []tenants.CertificateFiles{good, pair("one.pem", "gone.key")}},
		"DIR: want a regular file":                                                            {Certificates: []tenants.CertificateFiles{pair(".", "one.key")}},
		"DIR/text.pem: want PEM, a block that begins with -----BEGIN":                         {Certificates: []tenants.CertificateFiles{pair("text.pem", "one.key")}},
		"DIR/long.pem: want at most 1048576 bytes":                                            {Certificates: []tenants.CertificateFiles{pair("long.pem", "one.key")}},
		"certificate DIR/one.pem with key DIR/two.key: private key does not match public key": {Certificates: []tenants.CertificateFiles{pair("one.pem", "two.key")}},
		"certificate DIR/one.key with key DIR/one.pem: failed to find certificate PEM data in certificate input, but did find a private ": {Certificates: []tenants.CertificateFiles{pair("one.key", "one.pem")}},
		"certificate DIR/broken.pem with key DIR/one.key: ":                                                {Certificates: []tenants.CertificateFiles{pair("broken.pem", "one.key")}},
		"certificate DIR/none.pem: it names no host":                                                       {Certificates: []tenants.CertificateFiles{pair("none.pem", "none.key")}},
		"certificate DIR/one.pem: it is for one.example.com, *.one.example.com, not for two.example.com":   {Certificates: []tenants.CertificateFiles{pair("one.pem", "one.key", "two.example.com")}},
		"certificate DIR/one.pem: it is for one.example.com, *.one.example.com, not for *.two.example.com": {Certificates: []tenants.CertificateFiles{pair("one.pem", "one.key", "*.two.example.com")}},
		"certificates DIR/one.pem and DIR/two.pem are both for one.example.com: give hosts to choose":      {Certificates: []tenants.CertificateFiles{good, pair("two.pem", "two.key")}},
		"DIR/one.key: block 1 is a PRIVATE KEY, want certificates":                                         {Certificates: []tenants.CertificateFiles{good}, ClientCA: filepath.Join(dir, "one.key"), ClientCertificate: tenants.ClientRequired},
		"DIR/broken.pem: certificate 1: ":                                                                  {Certificates: []tenants.CertificateFiles{good}, ClientCA: filepath.Join(dir, "broken.pem"), ClientCertificate: tenants.ClientRequired},
	} {
		_, err := NewCertificates(CertificatesConfig{TLS: of, Log: slog.New(slog.DiscardHandler)})
		if err == nil || !strings.HasPrefix(strings.ReplaceAll(err.Error(), dir, "DIR"), want) {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

// Files are read anew once they are left alone; each that is no good leaves its own
// certificate as it was.
func TestCertificatesReload(t *testing.T) {
	t.Parallel()
	dir, ca := t.TempDir(), testkit.NewAuthority(t)
	ca.Put(t, dir, "one", "one.example.com")
	if err := os.Chmod(filepath.Join(dir, "one.key"), 0o644); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	c, err := NewCertificates(CertificatesConfig{Log: slog.New(slog.NewTextHandler(&log, nil)), TLS: tenants.TLS{
		Certificates: []tenants.CertificateFiles{{Cert: filepath.Join(dir, "one.pem"), Key: filepath.Join(dir, "one.key")}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "a key can be read by everyone") {
		t.Errorf("%s", &log)
	}
	first := c.current.Load()
	if c.Reload(false); c.current.Load() != first {
		t.Error("read anew though nothing has changed")
	}
	write(t, filepath.Join(dir, "one.pem"), "cut sh")
	if c.Reload(false); strings.Contains(log.String(), "stays") {
		t.Error("read while it is written")
	}
	c.Reload(false)
	if c.Reload(false); strings.Count(log.String(), "a certificate stays as it was") != 1 {
		t.Errorf("%s", &log)
	}
	if c.files[0].tls == nil || len(c.files[0].hosts) != 1 {
		t.Error("the old certificate is gone")
	}
	old := c.files[0].tls
	ca.Put(t, dir, "one", "one.example.com")
	c.Reload(false)
	if c.Reload(false); c.files[0].tls == old {
		t.Error("the new certificate is not read")
	}
}
