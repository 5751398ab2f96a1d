package front

import (
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"strings"

	"github.com/valyala/fasthttp"

	"wasgi/abi"
	"wasgi/tenants"
)

// misdirected tells whether a client asks one tenant by a connection that it made to
// another: what holds for that one's connections need not hold for this one's. A trusted proxy
// may ask for all of its clients by one.
func (s *Server) misdirected(ctx *fasthttp.RequestCtx, t target, tenant *tenants.Tenant) bool {
	c := securedOf(ctx.Conn())
	if c == nil || c.name == "" || c.name == t.host || ctx.Conn().(*conn).trusted {
		return false
	}
	named, _ := s.cfg.Registry.Route(c.name, t.path)
	return named != tenant
}

// challenged answers an ACME server that asks for one of our hosts, and tells whether it
// did.
func (s *Server) challenged(ctx *fasthttp.RequestCtx, a *access, t target) bool {
	if !strings.HasPrefix(t.path, challengePath) || !ctx.IsGet() {
		return false
	}
	answer, ok := s.cfg.Certificates.challenge(t.host, t.path)
	if ok {
		ctx.SetContentType("text/plain")
		ctx.SetBodyString(answer)
		a.done(fasthttp.StatusOK, int64(len(answer)), "")
	}
	return ok
}

// addTLS adds to the environ what is known of the TLS by which a request has come, and of the
// client's certificate, where the server asks for one, under the names of Apache's mod_ssl. A
// nil c is none.
func (s *Server) addTLS(e *abi.Pairs, c *secured) {
	if c == nil {
		return
	}
	state := c.ConnectionState()
	e.Add("SSL_PROTOCOL", protocolName(state.Version))
	e.Add("SSL_CIPHER", tls.CipherSuiteName(state.CipherSuite))
	if s.cfg.Certificates.cfg.TLS.ClientCA != "" {
		addClient(e, c)
	}
}

// protocolName returns "TLSv1.3" for TLS 1.3.
func protocolName(version uint16) string {
	return strings.Replace(tls.VersionName(version), "TLS ", "TLSv", 1)
}

// addClient adds the client's certificate, in PEM, and what programs look for in it.
func addClient(e *abi.Pairs, c *secured) {
	if c.client == nil {
		e.Add("SSL_CLIENT_VERIFY", "NONE")
		return
	}
	e.Add("SSL_CLIENT_VERIFY", "SUCCESS")
	e.Add("SSL_CLIENT_S_DN", oneLine(c.client.Subject.String()))
	e.Add("SSL_CLIENT_I_DN", oneLine(c.client.Issuer.String()))
	e.Add("SSL_CLIENT_M_SERIAL", fmt.Sprintf("%X", c.client.SerialNumber))
	e.AddBytes([]byte("wasgi.client_certificate"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.client.Raw}))
}

// oneLine escapes what is no visible character of ASCII, as RFC 4514 does.
func oneLine(name string) string {
	var b strings.Builder
	for _, c := range []byte(name) {
		if c < ' ' || c > '~' {
			fmt.Fprintf(&b, `\%02X`, c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
