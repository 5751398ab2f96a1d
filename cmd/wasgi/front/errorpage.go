package front

import (
	"github.com/valyala/fasthttp"

	"wasgi/tenants"
)

// errorPage puts the page that a tenant has for a failure into the response, in the place
// of the server's own text: the head stays. A page that is not there, or is longer than
// what is kept of a file, is none.
func (s *Server) errorPage(ctx *fasthttp.RequestCtx, tenant *tenants.Tenant, status int) {
	name := tenant.Edge().ErrorPage(status)
	if name == "" {
		return
	}
	page, err := s.asset(tenant, tenants.Static{File: name}, "")
	if err != nil || page.of(plain).content == nil {
		return
	}
	ctx.SetContentType(page.kind)
	ctx.Response.Header.Set("X-Content-Type-Options", "nosniff")
	ctx.Response.SetBodyRaw(page.of(plain).content)
}
