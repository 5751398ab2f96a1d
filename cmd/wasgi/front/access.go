package front

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"wasgi/quotas"
)

// access is a request's line in the access log. It is written when the response is sent
// and the app is done, whichever is later: what the app used is known only then, and no
// client waits for that.
type access struct {
	log      *slog.Logger // nil: none is written there
	lines    io.Writer    // takes it in Apache's format; nil: nothing does
	full     bool         // log is told what the client says of itself, too
	start    time.Time
	id       string
	remote   string
	method   string
	target   string
	host     string
	proto    string
	referer  string
	agent    string
	tenant   string
	instance string         // "" until the app has answered
	status   int            // of the app's response
	hits     []quotas.Limit // met before the response was handed over
	failed   quotas.Limit   // met by the response, "" for none; set before done

	fromCache bool // the app was not asked

	mu      sync.Mutex
	running bool // the app is: the line waits for ended
	sent    *sent
	usage   quotas.Usage
	limits  []quotas.Limit // met by the app until it was done
}

// sent is what became of a response.
type sent struct {
	status int
	bytes  int64
	reason string // why it is not the app's, or not whole
	took   time.Duration
}

// newAccess begins the line of a request.
func (s *Server) newAccess(r *request, id string) *access {
	a := &access{start: time.Now(), id: id, log: s.cfg.Access, lines: s.cfg.Combined, full: s.cfg.AccessClient}
	a.request(r)
	return a
}

// request takes what the line tells of the request.
func (a *access) request(r *request) {
	if a.log == nil && a.lines == nil {
		return
	}
	a.remote, a.method, a.target, a.host = r.peer.String(), r.method, r.target.raw, r.target.authority
	if a.full || a.lines != nil {
		a.proto = protocol(r)
		a.referer, a.agent = r.first("Referer"), r.first("User-Agent")
	}
}

// begin is called before the app runs.
func (a *access) begin() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.running = true
}

// ended is called by the app's goroutine when the app is done with the request.
func (a *access) ended(usage quotas.Usage, hits []quotas.Limit) {
	a.mu.Lock()
	defer a.mu.Unlock()
	waited := a.running && a.sent != nil
	a.running, a.usage, a.limits = false, usage, slices.Clone(hits)
	if waited {
		a.write()
	}
}

// abandon is called where the app does not come back: the line does not wait for it.
func (a *access) abandon() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.running = false
}

// done is called by the connection's goroutine when the response is sent, or cannot be.
func (a *access) done(status int, bytes int64, reason string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sent = &sent{status, bytes, reason, time.Since(a.start)}
	if !a.running {
		a.write()
	}
}

// write writes the line. The caller holds mu.
func (a *access) write() {
	if a.lines != nil {
		a.lines.Write(a.combined()) // nobody to tell that it cannot be written
	}
	if a.log == nil {
		return
	}
	attrs := []slog.Attr{
		slog.String("request", a.id), slog.String("tenant", a.tenant), slog.Int("status", a.sent.status),
		slog.Int64("bytes", a.sent.bytes), slog.Float64("ms", milliseconds(a.sent.took)),
		slog.String("host", a.host), slog.String("client", a.remote),
	}
	if a.full {
		attrs = append(attrs, slog.String("proto", a.proto), slog.String("referer", a.referer), slog.String("agent", a.agent))
	}
	if a.instance != "" {
		attrs = append(attrs, slog.String("instance", a.instance))
	}
	if a.fromCache {
		attrs = append(attrs, slog.Bool("cached", true))
	}
	if a.usage != (quotas.Usage{}) {
		attrs = append(attrs, usageAttrs(a.usage)...)
	}
	if names := limitNames(append([]quotas.Limit{a.failed}, a.limits...)); names != "" {
		attrs = append(attrs, slog.String("limit", names))
	}
	if a.sent.reason != "" {
		attrs = append(attrs, slog.String("reason", a.sent.reason))
	}
	a.log.LogAttrs(context.Background(), slog.LevelInfo, a.method+" "+a.target, attrs...)
}

// usageAttrs are the fields of what a request used: times in milliseconds, amounts in
// bytes.
func usageAttrs(u quotas.Usage) []slog.Attr {
	return []slog.Attr{
		slog.Float64("cpu_ms", milliseconds(u.CPU)), slog.Int64("fuel", u.Fuel), slog.Int64("ticks", u.Ticks),
		slog.Int64("memory_peak", int64(u.Memory)), slog.Int64("in", int64(u.In)), slog.Int64("out", int64(u.Out)),
		slog.Float64("wait_ms", milliseconds(u.Wait)),
	}
}

// milliseconds returns d to the microsecond.
func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
