package front

import (
	"context"
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
	cfg      *Config
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
	asked   bool // the app was, and may hold on to it
	running bool // the app is: the line waits for ended
	over    bool // the response is sent, and what follows set
	sent    sent
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

// newAccess begins the line of a request, in the place of the connection's last one where
// that is nobody's any more.
func (s *Server) newAccess(c *conn, id string) *access {
	if c.line == nil || c.line.asked {
		c.line = &access{}
	}
	a := c.line
	*a = access{cfg: &s.cfg, start: time.Now(), id: id}
	a.request(&c.request)
	return a
}

// request takes what the line tells of the request.
func (a *access) request(r *request) {
	if a.cfg.Access == nil && a.cfg.JSON == nil && a.cfg.Combined == nil {
		return
	}
	a.remote, a.method, a.target, a.host = r.peer.String(), r.method, r.target.raw, r.target.authority
	if a.cfg.AccessClient || a.cfg.Combined != nil {
		a.proto = protocol(r)
		a.referer, a.agent = r.first("Referer"), r.first("User-Agent")
	}
}

// begin is called before the app runs.
func (a *access) begin() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked, a.running = true, true
}

// ended is called by the app's goroutine when the app is done with the request.
func (a *access) ended(usage quotas.Usage, hits []quotas.Limit) {
	a.mu.Lock()
	defer a.mu.Unlock()
	waited := a.running && a.over
	a.running, a.usage, a.limits = false, usage, slices.Clone(hits)
	if waited {
		a.write(time.Now())
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
	now := time.Now()
	a.over, a.sent = true, sent{status, bytes, reason, now.Sub(a.start)}
	if !a.running {
		a.write(now)
	}
}

// write writes the line. The caller holds mu.
func (a *access) write(now time.Time) {
	var room [512]byte
	if a.cfg.Combined != nil {
		a.cfg.Combined.Write(a.combined(room[:0])) // nobody to tell that it cannot be written
	}
	if a.cfg.JSON == nil && a.cfg.Access == nil {
		return
	}
	var few [20]slog.Attr
	msg, attrs := a.method+" "+a.target, a.attrs(few[:0])
	if a.cfg.JSON != nil {
		a.cfg.JSON.Write(appendJSONLine(room[:0], now, msg, attrs))
	}
	if a.cfg.Access != nil {
		line := slog.NewRecord(now, slog.LevelInfo, msg, 0)
		line.AddAttrs(attrs...)
		_ = a.cfg.Access.Handler().Handle(context.Background(), line)
	}
}

// attrs appends what the line says but for the request line.
func (a *access) attrs(attrs []slog.Attr) []slog.Attr {
	attrs = append(attrs,
		slog.String("request", a.id), slog.String("tenant", a.tenant), slog.Int("status", a.sent.status),
		slog.Int64("bytes", a.sent.bytes), slog.Float64("ms", milliseconds(a.sent.took)),
		slog.String("host", a.host), slog.String("client", a.remote),
	)
	if a.cfg.AccessClient {
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
	return attrs
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
