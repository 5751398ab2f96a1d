package front

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"

	"wasgi/tenants"
)

// challengeProtocol is what an ACME server negotiates to see that a host is ours: RFC 8737.
const challengeProtocol = "acme-tls/1"

// challengePath is where it asks for the same in HTTP: RFC 8555, section 8.3.
const challengePath = "/.well-known/acme-challenge/"

// How often certificates are asked for: all together, and one again after it could not be
// had, which doubles.
const (
	mostOrders   = 100
	ordersWithin = time.Hour
	leastRetry   = time.Minute
	mostRetry    = time.Hour
)

// obtainTimeout is how long a client waits for its host's first certificate.
const obtainTimeout = time.Minute

// mostCertificates is how many certificates that came by ACME are in memory.
const mostCertificates = 10_000

// acme gets certificates by ACME and keeps them. It is safe for concurrent use.
type acme struct {
	cfg    CertificatesConfig
	magic  *certmagic.Config
	cache  *certmagic.Cache
	orders *certmagic.RingBufferRateLimiter

	working context.Context
	end     context.CancelFunc

	mu      sync.Mutex
	refused map[string]retry // by host, of tenants only
}

// retry is when a certificate that could not be had is asked for again.
type retry struct {
	at    time.Time
	after time.Duration
	err   error
}

// failedKey is the name, in the context of an order, of what ends it.
type failedKey struct{}

func newACME(cfg CertificatesConfig) (*acme, error) {
	folder := filepath.Join(cfg.State, ".tls", "certificates") // no tenant's: theirs have other folders in them
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	if err := os.Chmod(folder, 0o700); err != nil {
		return nil, err
	}
	a := &acme{cfg: cfg, refused: map[string]retry{}, orders: certmagic.NewRateLimiter(mostOrders, ordersWithin)}
	a.working, a.end = context.WithCancel(context.Background())
	log := zap.New(libraryLog{cfg.Log, nil})
	a.cache = certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert: func(certmagic.Certificate) (*certmagic.Config, error) { return a.magic, nil },
		Capacity:         mostCertificates,
		Logger:           log,
	})
	a.magic = certmagic.New(a.cache, certmagic.Config{
		Storage:  &certmagic.FileStorage{Path: folder},
		OnDemand: &certmagic.OnDemandConfig{DecisionFunc: a.decide},
		OnEvent:  a.event,
		Logger:   log,
	})
	issuer, err := a.issuer(log)
	if err != nil {
		a.close()
		return nil, err
	}
	a.magic.Issuers = []certmagic.Issuer{issuer}
	return a, nil
}

// issuer returns the library's client of the directory. It must find both ports in use:
// the server answers there itself.
func (a *acme) issuer(log *zap.Logger) (*certmagic.ACMEIssuer, error) {
	of := a.cfg.TLS.ACME
	template := certmagic.ACMEIssuer{
		CA: of.Directory, Email: of.Email, Agreed: true, Logger: log,
		DisableHTTPChallenge:    !of.Allows(tenants.HTTPChallenge) || a.cfg.HTTPPort == 0,
		DisableTLSALPNChallenge: !of.Allows(tenants.TLSChallenge),
		AltHTTPPort:             a.cfg.HTTPPort,
		AltTLSALPNPort:          a.cfg.TLSPort,
	}
	if of.CA != "" {
		roots, err := readRoots(of.CA)
		if err != nil {
			return nil, err
		}
		template.TrustedRoots = roots
	}
	return certmagic.NewACMEIssuer(a.magic, template), nil
}

// decide returns an error for a host that is no tenant's by its name: anybody may send any
// name, and what lies under a wildcard has no end.
func (a *acme) decide(_ context.Context, host string) error {
	if !a.cfg.Registry.Names(host) {
		return fmt.Errorf("%s is no tenant's", host)
	}
	return nil
}

// event is told what the library does.
func (a *acme) event(ctx context.Context, event string, data map[string]any) error {
	switch event {
	case "cert_obtaining":
		if !a.orders.Allow() {
			return certmagic.ErrNoRetry{Err: fmt.Errorf("more than %d certificates were asked for within %v", mostOrders, ordersWithin)}
		}
	case "cert_obtained":
		a.cfg.Log.Info("certificate obtained", "host", data["identifier"])
	case "cert_failed":
		err, _ := data["error"].(error)
		if end, ok := ctx.Value(failedKey{}).(context.CancelCauseFunc); ok && err != nil {
			end(err) // the client has waited long enough
		}
	}
	return nil
}

// find returns the certificate of a tenant's host, asked for if there is none. The client
// waits for that.
func (a *acme) find(host string, hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if err := a.held(host); err != nil {
		return nil, err
	}
	if c, ok := hello.Context().Value(securedKey{}).(*secured); ok {
		defer c.pause()()
	}
	ctx, end := context.WithCancelCause(a.working)
	defer end(nil)
	ctx, stop := context.WithTimeout(context.WithValue(ctx, failedKey{}, end), obtainTimeout)
	defer stop()
	cert, err := a.magic.GetCertificateWithContext(ctx, hello)
	if err == nil && len(cert.Certificate) == 0 {
		err = errors.New("none came")
	}
	if err == nil {
		a.forget(host)
		return cert, nil
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return nil, a.hold(host, err)
}

// held returns why a host's certificate is not asked for now.
func (a *acme) held(host string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if r, ok := a.refused[host]; ok && time.Now().Before(r.at) {
		return fmt.Errorf("no certificate for %s until %s: %w", host, r.at.Format(time.TimeOnly), r.err)
	}
	return nil
}

// hold keeps a host's certificate from being asked for again too soon.
func (a *acme) hold(host string, err error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if r, ok := a.refused[host]; ok && time.Now().Before(r.at) || a.working.Err() != nil {
		return err // another has waited for the same
	}
	after := min(max(2*a.refused[host].after, leastRetry), mostRetry)
	a.refused[host] = retry{time.Now().Add(after), after, err}
	a.cfg.Log.Error("no certificate", "host", host, "error", err, "again_in", after.String())
	return err
}

func (a *acme) forget(host string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.refused, host)
}

// challenged returns the configuration of a connection by which an ACME server asks whether
// a host is ours; nil for others.
func (c *Certificates) challenged(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	if c.acme == nil || len(hello.SupportedProtos) != 1 || hello.SupportedProtos[0] != challengeProtocol {
		return nil, nil
	}
	challenge, ok := certmagic.GetACMEChallenge(hello.ServerName)
	if !ok || challenge.Type != tenants.TLSChallenge {
		return nil, fmt.Errorf("no ACME server was to ask for %q", hello.ServerName)
	}
	cfg := modernTLS()
	cfg.NextProtos, cfg.GetCertificate = []string{challengeProtocol}, c.acme.magic.GetCertificate
	return cfg, nil
}

// challenge returns what an ACME server is to find under a path of a host.
func (c *Certificates) challenge(host, path string) (answer string, ok bool) {
	if c == nil || c.acme == nil {
		return "", false
	}
	challenge, ok := certmagic.GetACMEChallenge(host)
	if !ok || challenge.Type != tenants.HTTPChallenge || path != challengePath+challenge.Token {
		return "", false
	}
	return challenge.KeyAuthorization, true
}

func (a *acme) close() {
	a.end()
	a.cache.Stop()
	a.orders.Stop()
}
