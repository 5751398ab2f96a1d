package front

import (
	"strconv"
	"strings"

	"github.com/valyala/fasthttp"

	"wasgi/tenants"
)

// scheme returns what the client has come by, as far as is known: a trusted proxy may say.
func scheme(ctx *fasthttp.RequestCtx) string { return requestOf(ctx).peer.scheme }

// redirected sends a client of http to the same address under https, where the tenant
// wants that, and tells whether it did.
func (s *Server) redirected(ctx *fasthttp.RequestCtx, a *access, tenant *tenants.Tenant, t target) bool {
	if tenant.Edge().HTTPS != tenants.RedirectHTTPS || scheme(ctx) == "https" || t.host == "" {
		return false
	}
	status := fasthttp.StatusPermanentRedirect // which keeps the method, and the body
	if ctx.IsGet() || ctx.IsHead() {
		status = fasthttp.StatusMovedPermanently
	}
	ctx.SetStatusCode(status)
	ctx.Response.Header.Set("Location", "https://"+t.host+s.httpsPort()+origin(t.raw))
	a.done(status, 0, "")
	return true
}

func (s *Server) httpsPort() string {
	if s.cfg.HTTPSPort == 0 || s.cfg.HTTPSPort == 443 {
		return ""
	}
	return ":" + strconv.Itoa(s.cfg.HTTPSPort)
}

// origin returns the path and query of a target that parseTarget has read, each byte that
// cannot stand in an address percent-encoded.
func origin(raw string) string {
	if rest, ok := cutScheme(raw); ok {
		raw = "/"
		if at := strings.IndexAny(rest, "/?"); at >= 0 && rest[at] == '/' {
			raw = rest[at:]
		} else if at >= 0 {
			raw += rest[at:]
		}
	}
	const digits = "0123456789ABCDEF"
	b := make([]byte, 0, len(raw))
	for i := range len(raw) {
		if c := raw[i]; c <= ' ' || c > '~' || strings.IndexByte(`"<>\^`+"`{|}", c) >= 0 {
			b = append(b, '%', digits[c>>4], digits[c&15])
		} else {
			b = append(b, c)
		}
	}
	return string(b)
}

// strictTransport tells a client that came by https to go on so, RFC 6797, where the
// tenant wants that. It is called when the response is in ctx.
func strictTransport(ctx *fasthttp.RequestCtx, tenant *tenants.Tenant) {
	if value := tenant.Edge().HSTS; value != "" && scheme(ctx) == "https" {
		ctx.Response.Header.Set("Strict-Transport-Security", value)
	}
}
