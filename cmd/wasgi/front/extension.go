package front

import (
	"bytes"
	"crypto/tls"
	"encoding/pem"

	"wasgi/abi"
)

// addExtensions adds to the environ what is not the PEP's: the target as it was sent, and
// what is known of TLS, nil for none, under the names of Apache's mod_ssl.
func addExtensions(e *abi.Pairs, state *tls.ConnectionState, raw string) {
	e.Add("wasgi.raw_target", raw)
	if state == nil {
		return
	}
	e.Add("SSL_PROTOCOL", protocolName(state.Version))
	e.Add("SSL_CIPHER", tls.CipherSuiteName(state.CipherSuite))
	if len(state.PeerCertificates) > 0 {
		e.Add("wasgi.client_certificate", chain(state))
	}
}

// protocolName returns "TLSv1.3" for TLS 1.3.
func protocolName(version uint16) string {
	switch version {
	case tls.VersionTLS12:
		return "TLSv1.2"
	case tls.VersionTLS13:
		return "TLSv1.3"
	}
	return tls.VersionName(version)
}

// chain returns the client's certificates in PEM, its own first.
func chain(state *tls.ConnectionState) string {
	var text bytes.Buffer
	for _, c := range state.PeerCertificates {
		_ = pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}) // a buffer takes all
	}
	return text.String()
}
