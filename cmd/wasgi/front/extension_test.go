package front

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"wasgi/abi"
)

// TestTLSIsToldInTheEnviron asks over TLS, as a client with a certificate and as one
// without.
func TestTLSIsToldInTheEnviron(t *testing.T) {
	own := selfSigned(t)
	var seen map[string]string
	server := &fasthttp.Server{Handler: func(ctx *fasthttp.RequestCtx) {
		e := &abi.Pairs{}
		addExtensions(e, ctx.TLSConnectionState(), "/raw?")
		view, err := abi.ParsePairs(e.Bytes())
		if err != nil {
			t.Error(err)
		}
		seen = map[string]string{}
		for name, value := range view.All() {
			seen[string(name)] = string(value)
		}
	}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go server.Serve(tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{own}, ClientAuth: tls.RequestClientCert}))
	t.Cleanup(func() { server.Shutdown() })
	for name, certificates := range map[string][]tls.Certificate{"none": nil, "its own": {own}} {
		client := &fasthttp.Client{TLSConfig: &tls.Config{InsecureSkipVerify: true, Certificates: certificates}}
		if _, _, err := client.Get(nil, "https://"+l.Addr().String()+"/"); err != nil {
			t.Fatal(err)
		}
		if seen["SSL_PROTOCOL"] != "TLSv1.3" || seen["SSL_CIPHER"] == "" || seen["wasgi.raw_target"] != "/raw?" {
			t.Errorf("certificate %s: the environ has %q", name, seen)
		}
		block, _ := pem.Decode([]byte(seen["wasgi.client_certificate"]))
		if _, there := seen["wasgi.client_certificate"]; there != (certificates != nil) || there && string(block.Bytes) != string(own.Certificate[0]) {
			t.Errorf("certificate %s: the environ has %q", name, seen["wasgi.client_certificate"])
		}
	}
}

func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a client"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
