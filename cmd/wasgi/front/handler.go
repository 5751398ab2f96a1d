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
	unread(ctx.Conn(), ctx.Request.IsBodyStream())
	a := s.newAccess(ctx, newID())
	t, err := parseTarget(ctx)
	if err != nil {
		s.refuse(ctx, a, failure{status: fasthttp.StatusBadRequest, reason: err.Error()})
		return
	}
	if s.challenged(ctx, a, t) {
		return
	}
	tenant, script := s.cfg.Registry.Route(t.host, t.path)
	if tenant == nil {
		s.unknown(ctx, a, t)
		return
	}
	if s.misdirected(ctx, t, tenant) {
		s.refuse(ctx, a, failure{status: fasthttp.StatusMisdirectedRequest, reason: "the connection was made for another host"})
		return
	}
	a.tenant = tenant.Name
	defer strictTransport(ctx, tenant)
	if s.redirected(ctx, a, tenant, t) || s.static(ctx, a, tenant, strings.TrimPrefix(t.path, script)) {
		return
	}
	q := ask(ctx, tenant.Cache(), t)
	if s.cached(ctx, a, tenant, q) {
		return
	}
	e := environ(ctx, t, script, tenant.Name, a.id)
	s.addClient(e, securedOf(ctx.Conn()))
	body, err := addBody(e, ctx, int64(tenant.Quota().RequestBody))
	if err != nil {
		tenant.Refused(a.id, err)
		s.fail(ctx, a, tenant, failureOf(err))
		return
	}
	req := &runtime.Request{ID: a.id, Environ: e}
	if body != nil {
		req.Body = body
	} else {
		req.Usage.In = quotas.Bytes(max(0, ctx.Request.Header.ContentLength()))
	}
	s.serve(ctx, a, tenant, req, body, q)
}

// newID returns a name for a request: 16 digits, by chance.
func newID() string {
	const digits = "0123456789abcdef"
	var id [16]byte
	for i, n := 0, rand.Uint64(); i < len(id); i, n = i+1, n>>4 {
		id[i] = digits[n&15]
	}
	return string(id[:])
}

// serve runs the app on a goroutine of its own and returns when the response's head
// and whole body, or the stream that its body will come from, are in ctx.
func (s *Server) serve(ctx *fasthttp.RequestCtx, a *access, tenant *tenants.Tenant, req *runtime.Request, body *requestBody, q *asking) {
	run := newTerm(s.working, tenant.Quota().Timeout, ctx.Conn())
	body.until(run)
	resp := newResponse(run, ctx, a, req, body)
	resp.most = int64(tenant.Quota().ResponseBody)
	resp.squeeze = s.squeeze(ctx, tenant.Manifest())
	s.apps.Go(func() {
		defer run.stop()
		var err error = errPanicked
		defer func() { resp.finish(err) }()
		defer s.caught(nil)
		err = tenant.Serve(run, req, resp)
	})
	if err := resp.wait(); err != nil {
		s.fail(ctx, a, tenant, failureOf(err))
		return
	}
	whole := resp.stream == nil
	q.answered(resp, whole)
	if whole { // else when the stream is sent
		a.done(ctx.Response.StatusCode(), int64(len(ctx.Response.Body())), "")
	}
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

// unknown answers for a host that is nobody's: no guest runs.
func (s *Server) unknown(ctx *fasthttp.RequestCtx, a *access, t target) {
	if s.cfg.Index && isLoopback(t.host) && ctx.RemoteIP().IsLoopback() {
		writeIndex(ctx, s.cfg.Registry.Tenants())
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

// malformed answers a request that fasthttp could not read.
func (s *Server) malformed(ctx *fasthttp.RequestCtx, err error) {
	a := s.newAccess(ctx, "")
	ctx.Response.Reset()
	s.refuse(ctx, a, failureOf(unreadable{err}))
	ctx.SetConnectionClose()
}
