package front

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

// access is a request's line in the access log.
type access struct {
	log      *slog.Logger // nil: none is written
	start    time.Time
	id       string
	remote   string
	method   string
	target   string
	host     string
	tenant   string
	status   int
	bytes    int64
	instance atomic.Pointer[string]
}

// request copies what the line tells of the request.
func (a *access) request(ctx *fasthttp.RequestCtx) {
	if a.log == nil {
		return
	}
	a.remote = ctx.RemoteAddr().String()
	a.method = string(ctx.Method())
	a.target = string(ctx.Request.Header.RequestURI())
	a.host = string(ctx.Request.Header.Host())
}

func (a *access) setInstance(id string) { a.instance.Store(&id) }

// done writes the line; reason is why the response is not the app's, or not whole.
func (a *access) done(status int, bytes int64, reason string) {
	if a.log == nil {
		return
	}
	attrs := []slog.Attr{
		slog.String("request", a.id), slog.String("tenant", a.tenant), slog.Int("status", status),
		slog.Int64("bytes", bytes), slog.Duration("took", time.Since(a.start).Round(time.Microsecond)),
		slog.String("host", a.host), slog.String("client", a.remote),
	}
	if id := a.instance.Load(); id != nil {
		attrs = append(attrs, slog.String("instance", *id))
	}
	if reason != "" {
		attrs = append(attrs, slog.String("reason", reason))
	}
	a.log.LogAttrs(context.Background(), slog.LevelInfo, a.method+" "+a.target, attrs...)
}
