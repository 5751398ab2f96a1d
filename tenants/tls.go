package tenants

import (
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
)

// TLS is what a server's operator says of TLS: [tls] of the configuration. The zero value
// is a server without.
type TLS struct {
	Listen       string // HOST:PORT; "": no TLS
	Certificates []CertificateFiles
	ACME         ACME
	// ClientCA is a file of certificates; clients are asked for one that these have
	// signed. ClientCertificate is ClientOptional or ClientRequired; "" asks for none.
	ClientCA          string
	ClientCertificate string
}

// CertificateFiles are a certificate with its key, both in PEM, and whose it is.
type CertificateFiles struct {
	// Hosts are as in a bundle; "*" is also for clients that name none. Without any, they
	// are those that the certificate names.
	Hosts []string
	Cert  string // file; its chain may follow in it
	Key   string // file
}

// ACME is where certificates come from by themselves, RFC 8555, for hosts that a tenant
// names itself, when a client asks for them first.
type ACME struct {
	On         bool
	Email      string   // of the account, "" for none
	Directory  string   // URL; "": the library's
	CA         string   // file of certificates to trust the directory by; "": the system's
	Challenges []string // HTTPChallenge and TLSChallenge; none: both
}

// Values of TLS.ClientCertificate.
const (
	ClientOptional = "optional"
	ClientRequired = "required"
)

// Values of ACME.Challenges.
const (
	HTTPChallenge = "http-01"
	TLSChallenge  = "tls-alpn-01"
)

// read takes [tls]. Files are named from the folder of the configuration.
func (c *TLS) read(t *table, folder string) {
	t.str("listen", &c.Listen)
	for i, one := range t.tables("certificate") {
		var f CertificateFiles
		one.name = fmt.Sprintf("tls.certificate[%d]", i)
		one.strs("hosts", &f.Hosts)
		one.file("cert", folder, &f.Cert)
		one.file("key", folder, &f.Key)
		one.done()
		c.Certificates = append(c.Certificates, f)
	}
	_, c.ACME.On = t.values["acme"]
	acme := t.section("acme")
	c.ACME.read(acme, folder)
	acme.done()
	t.file("client_ca", folder, &c.ClientCA)
	t.str("client_certificate", &c.ClientCertificate)
	if err := c.Validate(); err != nil {
		t.fail(err)
	}
}

func (a *ACME) read(t *table, folder string) {
	t.str("email", &a.Email)
	t.str("directory", &a.Directory)
	t.file("ca", folder, &a.CA)
	t.strs("challenges", &a.Challenges)
}

// file takes the name of a file, "" for none.
func (t *table) file(key, folder string, to *string) {
	t.str(key, to)
	if *to != "" && !filepath.IsAbs(*to) {
		*to = filepath.Join(folder, *to)
	}
}

// tables takes a list of tables: [[key]].
func (t *table) tables(key string) []*table {
	v, ok := t.take(key)
	if !ok {
		return nil
	}
	list, is := v.([]map[string]any)
	if !is {
		t.complain(key, v, "tables: [["+t.path(key)+"]]")
	}
	all := make([]*table, len(list))
	for i, values := range list {
		all[i] = &table{values: values, err: t.err}
	}
	return all
}

// Validate returns an error that names the first key whose value cannot be. Files are not
// looked at.
func (c TLS) Validate() error {
	if _, port, err := net.SplitHostPort(c.Listen); err != nil || port == "" {
		return fmt.Errorf(`tls.listen = %q: want HOST:PORT, or ":443" for all addresses`, c.Listen)
	}
	if len(c.Certificates) == 0 && !c.ACME.On {
		return fmt.Errorf("tls has no certificate: want [[tls.certificate]] or [tls.acme]")
	}
	for i, f := range c.Certificates {
		if err := f.Validate(); err != nil {
			return fmt.Errorf("tls.certificate[%d].%w", i, err)
		}
	}
	if err := c.ACME.Validate(); err != nil {
		return fmt.Errorf("tls.acme.%w", err)
	}
	switch {
	case (c.ClientCA == "") != (c.ClientCertificate == ""):
		return fmt.Errorf("tls.client_ca = %q, tls.client_certificate = %q: want both or none", c.ClientCA, c.ClientCertificate)
	case c.ClientCertificate != "" && c.ClientCertificate != ClientOptional && c.ClientCertificate != ClientRequired:
		return fmt.Errorf("tls.client_certificate = %q: want %q or %q", c.ClientCertificate, ClientOptional, ClientRequired)
	}
	return nil
}

// Validate returns an error that names the first key whose value cannot be.
func (f CertificateFiles) Validate() error {
	for _, host := range f.Hosts {
		if !validHostPattern(host) {
			return fmt.Errorf(`hosts has %q: want a lower-case host name without port, "*.example.com" or "*"`, host)
		}
	}
	switch "" {
	case f.Cert:
		return fmt.Errorf("cert is missing: want a file in PEM")
	case f.Key:
		return fmt.Errorf("key is missing: want a file in PEM")
	}
	return nil
}

// Validate returns an error that names the first key whose value cannot be.
func (a ACME) Validate() error {
	if strings.ContainsFunc(a.Email, func(r rune) bool { return r <= ' ' }) || a.Email != "" && !strings.Contains(a.Email, "@") {
		return fmt.Errorf("email = %q: want an address", a.Email)
	}
	if u, err := url.Parse(a.Directory); a.Directory != "" && (err != nil || u.Scheme != "https" || u.Host == "") {
		return fmt.Errorf("directory = %q: want a URL that begins with https://", a.Directory)
	}
	for _, c := range a.Challenges {
		if c != HTTPChallenge && c != TLSChallenge {
			return fmt.Errorf("challenges has %q: want %q or %q", c, HTTPChallenge, TLSChallenge)
		}
	}
	return nil
}

// Allows tells whether a kind of challenge may be used.
func (a ACME) Allows(challenge string) bool {
	return len(a.Challenges) == 0 || slices.Contains(a.Challenges, challenge)
}
