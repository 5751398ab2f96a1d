package front

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"wasgi/tenants"
)

// certificatePoll is how often files of certificates are looked at.
const certificatePoll = time.Second

// CertificatesConfig says where certificates come from.
type CertificatesConfig struct {
	TLS      tenants.TLS
	Registry *tenants.Registry // whose hosts get certificates by ACME
	State    string            // folder for what comes by ACME, readable by this user alone
	Log      *slog.Logger
	// HTTPPort is where clients of plain HTTP come, 0 for nowhere; TLSPort those of TLS.
	HTTPPort, TLSPort int
}

// Certificates are those of a server, by host. They are safe for concurrent use.
type Certificates struct {
	cfg  CertificatesConfig
	acme *acme // nil: none

	mu    sync.Mutex // held while files are read
	files []*certificate
	roots watched // of clients' certificates

	current atomic.Pointer[tls.Config]
}

// NewCertificates reads the files, all of which must be good.
func NewCertificates(cfg CertificatesConfig) (*Certificates, error) {
	c := &Certificates{cfg: cfg}
	if cfg.TLS.ClientCA != "" {
		c.roots.names = []string{cfg.TLS.ClientCA}
	}
	for _, files := range cfg.TLS.Certificates {
		one := &certificate{files: files, watched: watched{names: []string{files.Cert, files.Key}}}
		if err := one.load(cfg.Log); err != nil {
			return nil, err
		}
		c.files = append(c.files, one)
	}
	byHost, err := c.byHost()
	if err != nil {
		return nil, err
	}
	if err := c.renew(byHost); err != nil {
		return nil, err
	}
	if cfg.TLS.ACME.On {
		if c.acme, err = newACME(cfg); err != nil {
			return nil, fmt.Errorf("tls.acme: %w", err)
		}
	}
	return c, nil
}

// byHost returns the certificates of the files; a host must have one only.
func (c *Certificates) byHost() (map[string]*tls.Certificate, error) {
	all := map[string]*tls.Certificate{}
	from := map[string]string{}
	for _, one := range c.files {
		for _, host := range one.hosts {
			if was, twice := from[host]; twice && was != one.files.Cert {
				return nil, fmt.Errorf("certificates %s and %s are both for %s: give hosts to choose", was, one.files.Cert, host)
			}
			all[host], from[host] = one.tls, one.files.Cert
		}
	}
	return all, nil
}

// renew puts certificates, and what is read anew with them, in force for new connections.
func (c *Certificates) renew(byHost map[string]*tls.Certificate) error {
	cfg := modernTLS()
	cfg.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) { return c.find(byHost, hello) }
	cfg.GetConfigForClient = c.challenged
	c.roots.tried()
	if file := c.cfg.TLS.ClientCA; file != "" {
		roots, err := readRoots(file)
		if err != nil {
			return err
		}
		cfg.ClientCAs, cfg.ClientAuth = roots, tls.VerifyClientCertIfGiven
		if c.cfg.TLS.ClientCertificate == tenants.ClientRequired {
			cfg.ClientAuth = tls.RequireAndVerifyClientCert
		}
	}
	c.current.Store(cfg)
	return nil
}

// modernTLS returns what holds for every connection.
func modernTLS() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		CipherSuites: []uint16{ // of TLS 1.2: forward secret, and authenticated with what they encrypt
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		},
		CurvePreferences: []tls.CurveID{tls.X25519MLKEM768, tls.X25519, tls.CurveP256, tls.CurveP384},
		NextProtos:       []string{"http/1.1"},
	}
}

// find returns the certificate for a client; nil, for which it gets an alert, where the
// host that it names has none.
func (c *Certificates) find(byHost map[string]*tls.Certificate, hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	host, ok := canonicalHost(hello.ServerName)
	if !ok {
		return nil, nil
	}
	if cert := byHost[host]; cert != nil {
		return cert, nil
	}
	if _, parent, ok := strings.Cut(host, "."); ok && byHost["*."+parent] != nil {
		return byHost["*."+parent], nil
	}
	if c.acme != nil && host != "" && c.cfg.Registry.Names(host) {
		return c.acme.find(host, hello)
	}
	return byHost["*"], nil
}

// Reload reads anew those files that have changed, or all. What is no good is logged, and
// leaves in force what was there. A nil c has none.
func (c *Certificates) Reload(all bool) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	changed := c.roots.changed() || all
	for _, one := range c.files {
		if !one.changed() && !all {
			continue
		}
		changed = true
		if err := one.load(c.cfg.Log); err != nil {
			c.cfg.Log.Error("a certificate stays as it was", "error", err)
		}
	}
	if !changed {
		return
	}
	byHost, err := c.byHost()
	if err == nil {
		err = c.renew(byHost)
	}
	if err != nil {
		c.cfg.Log.Error("certificates stay as they were", "error", err)
		return
	}
	c.cfg.Log.Info("certificates read")
}

// Watch reloads files that change until ctx is done.
func (c *Certificates) Watch(ctx context.Context) {
	tick := time.NewTicker(certificatePoll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			c.Reload(false)
		}
	}
}

// Close ends what is under way. A nil c has nothing.
func (c *Certificates) Close() {
	if c != nil && c.acme != nil {
		c.acme.close()
	}
}
