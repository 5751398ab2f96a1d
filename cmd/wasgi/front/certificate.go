package front

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"wasgi/tenants"
)

// mostPEM is how long a file of certificates may be, in bytes.
const mostPEM = 1 << 20

// certificate is a certificate that came from files.
type certificate struct {
	watched
	files tenants.CertificateFiles
	tls   *tls.Certificate // nil before the first
	hosts []string
}

// load reads the files. Where they are no good, what was there before stays, and the error
// names the file.
func (c *certificate) load(log *slog.Logger) error {
	c.tried()
	certs, err := readPEM(c.files.Cert)
	if err != nil {
		return err
	}
	key, err := readPEM(c.files.Key)
	if err != nil {
		return err
	}
	pair, err := tls.X509KeyPair(certs, key)
	if err != nil {
		return fmt.Errorf("certificate %s with key %s: %s", c.files.Cert, c.files.Key, strings.TrimPrefix(err.Error(), "tls: "))
	}
	hosts, err := c.hostsOf(pair.Leaf)
	if err != nil {
		return err
	}
	c.tls, c.hosts = &pair, hosts
	c.warn(log)
	return nil
}

// hostsOf returns the hosts that are to get the certificate; it must name them.
func (c *certificate) hostsOf(leaf *x509.Certificate) ([]string, error) {
	if len(leaf.DNSNames) == 0 {
		return nil, fmt.Errorf("certificate %s: it names no host", c.files.Cert)
	}
	if len(c.files.Hosts) == 0 {
		hosts := make([]string, len(leaf.DNSNames))
		for i, name := range leaf.DNSNames {
			hosts[i] = strings.ToLower(name)
		}
		return hosts, nil
	}
	for _, host := range c.files.Hosts {
		if host == "*" {
			continue
		}
		example := host
		if rest, wild := strings.CutPrefix(host, "*."); wild {
			example = "any." + rest
		}
		if err := leaf.VerifyHostname(example); err != nil {
			return nil, fmt.Errorf("certificate %s: it is for %s, not for %s", c.files.Cert, strings.Join(leaf.DNSNames, ", "), host)
		}
	}
	return c.files.Hosts, nil
}

// warn tells what the certificate's clients, or its owner, will not like.
func (c *certificate) warn(log *slog.Logger) {
	leaf, now := c.tls.Leaf, time.Now()
	if now.After(leaf.NotAfter) || now.Before(leaf.NotBefore) {
		log.Warn("a certificate is out of its time", "file", c.files.Cert, "from", leaf.NotBefore, "until", leaf.NotAfter)
	}
	if info, err := os.Stat(c.files.Key); err == nil && info.Mode().Perm()&0o007 != 0 {
		log.Warn("a key can be read by everyone", "file", c.files.Key, "mode", info.Mode().Perm().String())
	}
}

// watched are files that may become others.
type watched struct {
	names []string
	print string // of the files when they were tried last
	seen  string // of the files when they were looked at last
}

// tried notes that the files are read now.
func (w *watched) tried() {
	w.print = w.now()
	w.seen = w.print
}

// changed tells whether the files are others than those that were tried last, and have been
// left alone since they were looked at last.
func (w *watched) changed() bool {
	now := w.now()
	settled := now == w.seen
	w.seen = now
	return settled && now != w.print
}

// now tells files from others under the same names.
func (w *watched) now() string {
	var b strings.Builder
	for _, name := range w.names {
		info, err := os.Stat(name)
		if err != nil {
			fmt.Fprintln(&b, err)
			continue
		}
		fmt.Fprintln(&b, info.Size(), info.ModTime().UnixNano(), info.Mode())
	}
	return b.String()
}

// readPEM reads a file that must have something in PEM.
func readPEM(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: want a regular file", name)
	}
	text, err := io.ReadAll(io.LimitReader(f, mostPEM+1))
	if err != nil {
		return nil, err
	}
	if len(text) > mostPEM {
		return nil, fmt.Errorf("%s: want at most %d bytes", name, mostPEM)
	}
	if block, _ := pem.Decode(text); block == nil {
		return nil, fmt.Errorf("%s: want PEM, a block that begins with -----BEGIN", name)
	}
	return text, nil
}

// readRoots reads a file of certificates to trust.
func readRoots(name string) (*x509.CertPool, error) {
	text, err := readPEM(name)
	if err != nil {
		return nil, err
	}
	pool, n := x509.NewCertPool(), 0
	for rest := bytes.TrimSpace(text); len(rest) > 0; n++ {
		block, after := pem.Decode(rest)
		if block == nil {
			break
		}
		if rest = after; block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("%s: block %d is a %s, want certificates", name, n+1, block.Type)
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: certificate %d: %w", name, n+1, errors.New(strings.TrimPrefix(err.Error(), "x509: ")))
		}
		pool.AddCert(cert)
	}
	return pool, nil
}
