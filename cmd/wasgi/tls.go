package main

import (
	"context"
	"fmt"
	"net"

	"wasgi/cmd/wasgi/front"
	"wasgi/tenants"
)

// listenTLS puts into cfg what the configuration says of TLS, and returns the listener; nil
// where it says nothing. Clients of plain HTTP come by plain.
func listenTLS(cfg *front.Config, policy tenants.Policy, state string, plain net.Listener) (net.Listener, error) {
	if policy.TLS.Listen == "" {
		return nil, nil
	}
	l, err := front.ListenTCP(policy.TLS.Listen)
	if err != nil {
		return nil, fmt.Errorf("%s: tls.listen: %w", policy.File, err)
	}
	cfg.Certificates, err = front.NewCertificates(front.CertificatesConfig{
		TLS: policy.TLS, Registry: cfg.Registry, State: state, Log: cfg.Log,
		HTTPPort: portOf(plain), TLSPort: portOf(l),
	})
	if err != nil {
		l.Close()
		return nil, fmt.Errorf("%s: %w", policy.File, err)
	}
	if cfg.HTTPSPort == 0 {
		cfg.HTTPSPort = portOf(l)
	}
	return l, nil
}

// serveTLS has the server take connections of l, and follows the files of its
// certificates until ctx is done; a nil l is no TLS.
func serveTLS(ctx context.Context, server *front.Server, cfg *front.Config, l net.Listener, served chan<- error) {
	if l == nil {
		return
	}
	go func() { served <- server.ServeTLS(l) }()
	go cfg.Certificates.Watch(ctx)
	cfg.Log.Info("listening by TLS", "address", l.Addr().String())
}

// portOf returns the port of a listener, 0 where it has none.
func portOf(l net.Listener) int {
	if tcp, ok := l.Addr().(*net.TCPAddr); ok {
		return tcp.Port
	}
	return 0
}
