// Package front is HTTP, in and out: it turns what a client sends into an environ,
// finds the tenant, and turns what the app answers into a response. It alone knows
// fasthttp, and it alone decides which status a failure becomes.
//
// A request meets the files in this order: handler.go, target.go (what is asked of
// whom), environ.go and body.go (on the way in), response.go and stream.go (on the way
// out), status.go (what went wrong), access.go.
package front

import (
	"context"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"wasgi/runtime"
	"wasgi/tenants"
)

// Config says what a server answers with. The zero value of a limit is its default.
type Config struct {
	Registry *tenants.Registry
	Log      *slog.Logger // failures that are nobody's app's
	Access   *slog.Logger // a line per request; nil: none
	// AccessClient has the line tell protocol, Referer and User-Agent too.
	AccessClient bool
	// Combined takes a line per request in Apache's combined format, by one Write; nil: none.
	Combined io.Writer
	// Index answers hosts that are the machine's own loopback names with a list of
	// the tenants, where no tenant has them.
	Index bool
	// HTTPSPort is where clients of http are sent to that are to come by https; 0: 443.
	HTTPSPort int
	// Certificates are those of ServeTLS.
	Certificates *Certificates
}

// Timeouts and sizes of the connection. A client that keeps within them costs at most
// one connection's buffers.
const (
	readTimeout  = 30 * time.Second // for the head, and for each read of a body
	writeTimeout = 30 * time.Second // for each write to the client
	idleTimeout  = 75 * time.Second // between requests
	headBytes    = 32 << 10
	graceTimeout = time.Second // what an app gets after its deadline to answer
)

// Server answers HTTP for the tenants of a registry.
type Server struct {
	cfg  Config
	http *fasthttp.Server
	apps sync.WaitGroup // requests that an app is at

	assets   *tenants.Cache[*asset] // of all tenants
	coders   *coders
	contents sync.Pool // of *contentReader

	working context.Context // of all requests
	end     context.CancelCauseFunc
}

// New returns a server that listens nowhere yet.
func New(cfg Config) *Server {
	s := &Server{cfg: cfg, coders: newCoders()}
	s.working, s.end = context.WithCancelCause(context.Background())
	s.assets, _ = tenants.NewCache[*asset](mostAssets, nil) // no error: the size is a good one
	s.http = &fasthttp.Server{
		Handler:                      s.handle,
		ErrorHandler:                 s.malformed,
		HeaderReceived:               s.headReceived,
		Logger:                       connectionLog{cfg.Log},
		Name:                         "wasgi",
		ReadTimeout:                  readTimeout,
		WriteTimeout:                 writeTimeout,
		IdleTimeout:                  idleTimeout,
		ReadBufferSize:               headBytes,
		MaxRequestBodySize:           bodyAtHand,
		StreamRequestBody:            true,
		DisablePreParseMultipartForm: true,
		NoDefaultContentType:         true,
		SecureErrorLogMessage:        true,
		CloseOnShutdown:              true,
	}
	return s
}

// headReceived lets the handler see a long body before it has come: its tenant may not
// take it.
func (s *Server) headReceived(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
	if h.ContentLength() > bodyAtHand {
		return fasthttp.RequestConfig{MaxRequestBodySize: 1}
	}
	return fasthttp.RequestConfig{}
}

// Serve answers connections of l until Shutdown.
func (s *Server) Serve(l net.Listener) error { return s.http.Serve(listener{l}) }

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
