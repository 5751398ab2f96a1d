package front

import (
	"strconv"

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
	ctx.Response.Header.Set("Location", "https://"+t.host+s.httpsPort()+t.origin())
	a.done(status, 0, "")
	return true
}

func (s *Server) httpsPort() string {
	if s.cfg.HTTPSPort == 0 || s.cfg.HTTPSPort == 443 {
		return ""
	}
	return ":" + strconv.Itoa(s.cfg.HTTPSPort)
}

// strictTransport tells a client that came by https to go on so, RFC 6797, where the
// tenant wants that. It is called when the response is in ctx.
func strictTransport(ctx *fasthttp.RequestCtx, tenant *tenants.Tenant) {
	if value := tenant.Edge().HSTS; value != "" && scheme(ctx) == "https" {
		ctx.Response.Header.Set("Strict-Transport-Security", value)
	}
}
