package front

import (
	"math/rand/v2"
	"runtime/debug"
	"strings"

	"github.com/valyala/fasthttp"

	"wasgi/quotas"
	"wasgi/runtime"
	"wasgi/tenants"
)

// handle answers one request. fasthttp calls it on the connection's goroutine and
// writes the response after it has returned.
func (s *Server) handle(ctx *fasthttp.RequestCtx) {
	defer s.caught(ctx)
	c := ctx.Conn().(*conn) // what listener hands out
	c.handled, c.ctx = true, ctx
	c.linger.Store(!c.content.whole())
	a := s.newAccess(c, newID())
	if streams := s.answer(ctx, c, a); !streams {
		c.settle(ctx)
	}
}

// newID returns the name of a request: 16 digits that nobody foresees.
func newID() string {
	const digits = "0123456789abcdef"
	id := make([]byte, 16)
	for i, n := 0, rand.Uint64(); i < len(id); i, n = i+1, n>>4 {
		id[i] = digits[n&15]
	}
	return string(id)
}

// answer makes the response, and tells whether its body is a stream.
func (s *Server) answer(ctx *fasthttp.RequestCtx, c *conn, a *access) bool {
	if c.refused != nil {
		s.refuse(ctx, a, failureOf(*c.refused))
		return false
	}
	t := c.request.target
	if t.isServer() {
		s.own(ctx, a)
		return false
	}
	if s.challenged(ctx, a, t) {
		return false
	}
	tenant, script := s.cfg.Registry.Route(t.host, t.path)
	if tenant == nil {
		s.unknown(ctx, a, &c.request)
		return false
	}
	if s.misdirected(ctx, t, tenant) {
		s.refuse(ctx, a, failure{status: fasthttp.StatusMisdirectedRequest, reason: "the connection was made for another host"})
		return false
	}
	a.tenant = tenant.Name
	defer strictTransport(ctx, tenant)
	if s.redirected(ctx, a, tenant, t) || s.static(ctx, a, tenant, strings.TrimPrefix(t.path, script)) {
		return false
	}
	q := ask(ctx, tenant.Cache(), t)
	if s.cached(ctx, a, tenant, q) {
		return false
	}
	return s.askApp(ctx, c, a, tenant, script, q)
}

// askApp makes the request what the app is asked, and answers with what it says; what it returns
// is as of answer.
func (s *Server) askApp(ctx *fasthttp.RequestCtx, c *conn, a *access, tenant *tenants.Tenant, script string, q *asking) bool {
	e := environ(&c.request, c.LocalAddr(), script, tenant.Name, a.id)
	s.addTLS(e, securedOf(c))
	tenant.Manifest().AddEnviron(e)
	body, err := addBody(e, c, s.bodyPolicy(tenant))
	if err != nil {
		tenant.Refused(a.id, err)
		s.fail(ctx, a, tenant, failureOf(err))
		return false
	}
	req := &runtime.Request{ID: a.id, Environ: e}
	if body != nil {
		req.Body = body
	} else {
		req.Usage.In = quotas.Bytes(max(0, c.request.length))
	}
	return s.serve(ctx, a, tenant, req, body, q)
}

func (s *Server) bodyPolicy(tenant *tenants.Tenant) bodyPolicy {
	m := tenant.Manifest()
	p := bodyPolicy{most: int64(m.Quota.RequestBody)}
	if !m.Streaming {
		p.spool = s.spool
	}
	return p
}

// serve runs the app on a goroutine of its own and returns when the response's head
// and whole body, or the stream that its body will come from, are in ctx. It tells whether
// it is a stream.
func (s *Server) serve(ctx *fasthttp.RequestCtx, a *access, tenant *tenants.Tenant, req *runtime.Request, body *requestBody, q *asking) bool {
	run := newTerm(s.working, tenant.Quota().Timeout, ctx.Conn())
	body.until(run)
	resp := newResponse(run, ctx, a, req, body)
	resp.most = int64(tenant.Quota().ResponseBody)
	resp.squeeze = s.squeeze(ctx, tenant.Manifest())
	resp.spool, resp.holds, resp.keeps = s.spool, tenant.Manifest().Streaming, q.reads()
	s.apps.Go(func() {
		defer run.stop()
		var err error = errPanicked
		defer func() { resp.finish(err) }()
		defer s.caught(nil)
		err = tenant.Serve(run, req, resp)
	})
	if err := resp.wait(); err != nil {
		s.fail(ctx, a, tenant, failureOf(err))
		return false
	}
	streams := resp.stream != nil
	q.answered(resp)
	switch {
	case !streams: // else when the stream is sent
		a.done(ctx.Response.StatusCode(), int64(len(ctx.Response.Body())), "")
	case !resp.holds: // the request is here as a whole
		ctx.Conn().(*conn).thin()
	}
	return streams
}

// fail answers for a tenant with a failure, on its own page where it has one.
func (s *Server) fail(ctx *fasthttp.RequestCtx, a *access, tenant *tenants.Tenant, f failure) {
	f.write(ctx, a.id, a.hits...)
	s.errorPage(ctx, tenant, f.status)
	a.failed = f.limit
	a.done(f.status, int64(len(ctx.Response.Body())), f.reason)
}

// refuse answers with a failure that is no tenant's.
func (s *Server) refuse(ctx *fasthttp.RequestCtx, a *access, f failure) {
	f.write(ctx, a.id, a.hits...)
	a.failed = f.limit
	a.done(f.status, int64(len(ctx.Response.Body())), f.reason)
}

// own answers what is asked of the server and of no tenant: OPTIONS of "*". No guest runs.
func (s *Server) own(ctx *fasthttp.RequestCtx, a *access) {
	ctx.SetStatusCode(fasthttp.StatusNoContent)
	a.done(fasthttp.StatusNoContent, 0, "")
}

// unknown answers for a host that is nobody's: no guest runs.
func (s *Server) unknown(ctx *fasthttp.RequestCtx, a *access, r *request) {
	if s.cfg.Index && (ctx.IsGet() || ctx.IsHead()) && isLoopback(r.target.host) && r.peer.addr.IsLoopback() {
		writeIndex(ctx, r.target.authority, s.cfg.Registry.Tenants())
		a.done(fasthttp.StatusOK, int64(len(ctx.Response.Body())), "")
		return
	}
	s.refuse(ctx, a, failure{status: fasthttp.StatusNotFound, reason: "no app is served under this address"})
}

// caught keeps a panic, always a bug of ours, from ending the process.
func (s *Server) caught(ctx *fasthttp.RequestCtx) {
	p := recover()
	if p == nil {
		return
	}
	s.cfg.Log.Error("bug: a handler panicked", "panic", p, "stack", string(debug.Stack()))
	if ctx != nil {
		failure{status: fasthttp.StatusInternalServerError}.write(ctx, "")
		ctx.SetConnectionClose()
	}
}

// malformed answers a request that fasthttp could not read though the gate let it through.
func (s *Server) malformed(ctx *fasthttp.RequestCtx, err error) {
	a := s.newAccess(&conn{}, "")
	ctx.Response.Reset()
	s.refuse(ctx, a, failure{status: fasthttp.StatusBadRequest, reason: "the request cannot be read"})
	s.cfg.Log.Debug("fasthttp refuses what the gate took", "error", err)
	ctx.SetConnectionClose()
}
