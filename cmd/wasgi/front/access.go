package front

import (
	"context"
	"log/slog"
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
	instance string // "" until the app has answered
	status   int    // of the app's response
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

// done writes the line; reason is why the response is not the app's, or not whole.
func (a *access) done(status int, bytes int64, reason string) {
	if a.log == nil {
		return
	}
	attrs := []slog.Attr{
		slog.String("request", a.id), slog.String("tenant", a.tenant), slog.Int("status", status),
		slog.Int64("bytes", bytes), slog.Float64("ms", milliseconds(time.Since(a.start))),
		slog.String("host", a.host), slog.String("client", a.remote),
	}
	if a.instance != "" {
		attrs = append(attrs, slog.String("instance", a.instance))
	}
	if reason != "" {
		attrs = append(attrs, slog.String("reason", reason))
	}
	a.log.LogAttrs(context.Background(), slog.LevelInfo, a.method+" "+a.target, attrs...)
}

// milliseconds returns d to the microsecond.
func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
