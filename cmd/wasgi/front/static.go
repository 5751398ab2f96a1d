package front

import (
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/valyala/fasthttp"

	"wasgi/tenants"
)

// static answers a request for a file of the tenant's bundle, and tells whether it was
// for one: no guest runs then, whether there is such a file or not.
func (s *Server) static(ctx *fasthttp.RequestCtx, a *access, tenant *tenants.Tenant, path string) bool {
	edge := tenant.Edge()
	at, below, ok := edge.Find(path)
	if !ok {
		return false
	}
	if !ctx.IsGet() && !ctx.IsHead() {
		s.fail(ctx, a, tenant, failure{status: fasthttp.StatusMethodNotAllowed, reason: "a file can only be read"})
		ctx.Response.Header.Set("Allow", "GET, HEAD")
		return true
	}
	p, err := s.pick(ctx, tenant, at, below, strings.HasSuffix(path, "/"))
	if err != nil {
		s.fail(ctx, a, tenant, failure{status: fasthttp.StatusNotFound, reason: "there is no such file"})
		return true
	}
	p.head(&ctx.Response.Header, edge.CacheControl)
	a.done(p.status, s.sendPicked(ctx, p), "")
	return true
}

// picked is what a request gets of a static file.
type picked struct {
	*variant
	asset  *asset
	file   *os.File // opened to be sent, nil where it is not
	status int
	part   span // of the content, where status is 200 or 206
}

// pick finds what a request asks for. Of a folder, named with a slash at its end, that is
// the index.html in it.
func (s *Server) pick(ctx *fasthttp.RequestCtx, tenant *tenants.Tenant, at tenants.Static, below string, folder bool) (picked, error) {
	if folder {
		below += "index.html"
	}
	if !visible(below) {
		return picked{}, os.ErrNotExist
	}
	for range 3 {
		p, exchanged, err := s.pickNow(ctx, tenant, at, below)
		if !exchanged {
			return p, err
		}
	}
	return picked{}, os.ErrNotExist
}

// pickNow is pick, unless the file is not the one any more that was just looked at.
func (s *Server) pickNow(ctx *fasthttp.RequestCtx, tenant *tenants.Tenant, at tenants.Static, below string) (p picked, exchanged bool, err error) {
	if p.asset, err = s.asset(tenant, at, below); err != nil {
		return p, false, err
	}
	r := requestOf(ctx)
	p.variant = p.asset.best(func() ratings { return parseAccept(r.all("Accept-Encoding")) })
	p.status, p.part = p.answer(r)
	if p.content != nil || p.status >= 300 || ctx.IsHead() {
		return p, false, nil
	}
	f, info, err := p.coding.open(tenant, at, below)
	if err == nil && p.same(info) {
		p.file = f
		_, err = f.Seek(p.part.first, io.SeekStart)
		return p, false, err
	}
	if err == nil {
		f.Close()
	}
	s.assets.Drop(assetKey(tenant, at, below))
	return p, true, nil
}

// visible tells whether what lies at a path below a folder may be given out: nothing that
// is hidden, no way out of the folder, and one spelling only.
func visible(below string) bool {
	if below == "" {
		return true
	}
	for part := range strings.SplitSeq(below, "/") {
		if part == "" || part[0] == '.' || strings.ContainsAny(part, "\x00\\") {
			return false
		}
	}
	return true
}

// answer returns the status of the answer, and which part of the content it has.
func (v *variant) answer(r *request) (int, span) {
	whole := span{0, v.info.Size()}
	if v.content != nil {
		whole.end = int64(len(v.content))
	}
	if status := v.judge(r); status != 0 {
		return status, whole
	}
	asked := r.first("Range")
	if asked == "" || r.method != fasthttp.MethodGet || !v.partStands(r.first("If-Range")) {
		return fasthttp.StatusOK, whole
	}
	switch part, kind := parseRange([]byte(asked), whole.end); kind {
	case partRange:
		return fasthttp.StatusPartialContent, part
	case unsatisfiable:
		return fasthttp.StatusRequestedRangeNotSatisfiable, whole
	}
	return fasthttp.StatusOK, whole
}

// head writes the answer's head.
func (p picked) head(h *fasthttp.ResponseHeader, cacheControl string) {
	h.DisableNormalizing()
	h.SetStatusCode(p.status)
	h.Set("X-Content-Type-Options", "nosniff")
	if cacheControl != "" {
		h.Set("Cache-Control", cacheControl)
	}
	if len(p.asset.variants) > 1 {
		h.Set("Vary", "Accept-Encoding")
	}
	switch p.status {
	case fasthttp.StatusPreconditionFailed:
		return
	case fasthttp.StatusRequestedRangeNotSatisfiable:
		h.Set("Content-Range", "bytes */"+strconv.FormatInt(p.part.end, 10))
		return
	case fasthttp.StatusPartialContent:
		h.Set("Content-Range", contentRange(p.part, p.size()))
	}
	h.Set("ETag", p.etag)
	h.Set("Last-Modified", p.last)
	if p.status == fasthttp.StatusNotModified {
		return
	}
	h.Set("Accept-Ranges", "bytes")
	h.SetContentType(p.asset.kind)
	if p.coding != plain {
		h.SetContentEncoding(string(p.coding))
	}
}

func (v *variant) size() int64 {
	if v.content != nil {
		return int64(len(v.content))
	}
	return v.info.Size()
}

func contentRange(part span, size int64) string {
	b := append(make([]byte, 0, 64), "bytes "...)
	b = strconv.AppendInt(b, part.first, 10)
	b = append(b, '-')
	b = strconv.AppendInt(b, part.end-1, 10)
	b = append(b, '/')
	return string(strconv.AppendInt(b, size, 10))
}

// sendPicked gives the connection what it is to send, and returns how much that is.
func (s *Server) sendPicked(ctx *fasthttp.RequestCtx, p picked) int64 {
	length := p.part.end - p.part.first
	switch {
	case p.status >= 300:
		return 0
	case ctx.IsHead():
		ctx.Response.SkipBody = true
		ctx.Response.Header.SetContentLength(int(length))
		return 0
	case p.file == nil:
		ctx.Response.SetBodyRaw(p.content[p.part.first:p.part.end])
	default:
		ctx.Response.SetBodyStream(p.file, int(length)) // by sendfile: see conn.ReadFrom
	}
	return length
}
