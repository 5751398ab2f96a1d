// Package front is HTTP, in and out: it turns what a client sends into an environ,
// finds the tenant, and turns what the app answers into a response. It alone knows
// fasthttp, and it alone decides which status a failure becomes.
//
// A request meets the files in this order: conn.go and gate.go (which let through what is
// HTTP and nothing else: head.go, request.go, target.go, peer.go, content.go, chunked.go),
// handler.go, environ.go, body.go and spool.go (on the way in), response.go, handover.go,
// stream.go, streamread.go, send.go and whole.go (on the way out), status.go (what went wrong),
// access.go.
package front

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"wasgi/runtime"
	"wasgi/tenants"
)

// Config says what a server answers with.
type Config struct {
	Registry *tenants.Registry
	Log      *slog.Logger // failures that are nobody's app's
	Access   *slog.Logger // a line per request; nil: none
	JSON     *Lines       // the same in JSON; nil: none
	Combined *Lines       // a line per request in Apache's combined format; nil: none
	// AccessClient has Access and JSON tell protocol, Referer and User-Agent too.
	AccessClient bool
	// Index answers hosts that are the machine's own loopback names with a list of
	// the tenants, where no tenant has them.
	Index bool
	// HTTPSPort is where clients of http are sent to that are to come by https; 0: 443.
	HTTPSPort int
	HTTP      tenants.HTTP // of connections; zero: tenants.DefaultHTTP
	// Certificates are those of ServeTLS.
	Certificates *Certificates
}

// graceTimeout is what an app gets after its deadline to answer.
const graceTimeout = time.Second

// Server answers HTTP for the tenants of a registry.
type Server struct {
	cfg  Config
	http *fasthttp.Server
	apps sync.WaitGroup // requests that an app is at

	assets    *tenants.Cache[*asset] // of all tenants
	coders    *coders
	addresses addresses
	places    chan struct{} // of connections; taken ones are in it
	spool     *spool

	working context.Context // of all requests
	end     context.CancelCauseFunc
}

// New returns a server that listens nowhere yet.
func New(cfg Config) *Server {
	if cfg.HTTP.HeaderBytes == 0 {
		cfg.HTTP = tenants.DefaultHTTP()
	}
	if cfg.HTTP.Connections == 0 {
		cfg.HTTP.Connections = connectionShare()
	}
	s := &Server{cfg: cfg, coders: newCoders()}
	s.spool = &spool{http: &s.cfg.HTTP, mostFiles: fileShare()}
	s.places = make(chan struct{}, s.cfg.HTTP.Connections)
	s.working, s.end = context.WithCancelCause(context.Background())
	s.assets, _ = tenants.NewCache[*asset](mostAssets, nil) // no error: the size is a good one
	s.http = &fasthttp.Server{
		Handler:                      s.handle,
		ErrorHandler:                 s.malformed,
		Logger:                       connectionLog{cfg.Log},
		Name:                         "wasgi",
		ReadBufferSize:               headRoom,
		DisablePreParseMultipartForm: true,
		NoDefaultContentType:         true,
		SecureErrorLogMessage:        true,
		CloseOnShutdown:              true,
		LazyRequestTime:              true,
	}
	return s
}

// Serve answers connections of l until Shutdown.
func (s *Server) Serve(l net.Listener) error {
	return s.http.Serve(s.listener(l))
}

// ServeTLS is Serve for clients that speak TLS.
func (s *Server) ServeTLS(l net.Listener) error {
	return s.Serve(secureListener{l, s.cfg.Certificates})
}

// Shutdown stops listening, lets requests in flight finish and closes idle
// connections; it waits until ctx is done.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.http.ShutdownWithContext(ctx)
	s.assets.Close()
	return err
}

// End ends the apps that are at a request still: they are interrupted, and have a grace.
func (s *Server) End() { s.end(runtime.ErrShutdown) }

// Wait returns when no app is at a request any more, and each has its line in the access
// log.
func (s *Server) Wait() { s.apps.Wait() }

// connectionLog takes fasthttp's own lines, about connections that went wrong.
type connectionLog struct{ log *slog.Logger }

func (c connectionLog) Printf(format string, args ...any) {
	c.log.Debug("connection", "event", sprintf(format, args))
}
