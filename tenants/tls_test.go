package tenants

import (
	"reflect"
	"testing"
)

func TestParsePolicyReadsTLS(t *testing.T) {
	p, err := ParsePolicy(`
[tls]
listen = ":443"
client_ca = "/etc/clients.pem"
client_certificate = "optional"
[[tls.certificate]]
hosts = ["a.example", "*.b.example", "*"]
cert = "a.pem"
key = "keys/a.pem"
[[tls.certificate]]
cert = "/b.pem"
key = "/b.key"
[tls.acme]
email = "anna@example.com"
directory = "https://ca.example/dir"
ca = "ca.pem"
challenges = ["tls-alpn-01"]
`, "/etc/wasgi/"+serverFile)
	want := TLS{
		Listen: ":443", ClientCA: "/etc/clients.pem", ClientCertificate: ClientOptional,
		Certificates: []CertificateFiles{
			{Hosts: []string{"a.example", "*.b.example", "*"}, Cert: "/etc/wasgi/a.pem", Key: "/etc/wasgi/keys/a.pem"},
			{Cert: "/b.pem", Key: "/b.key"},
		},
		ACME: ACME{On: true, Email: "anna@example.com", Directory: "https://ca.example/dir", CA: "/etc/wasgi/ca.pem", Challenges: []string{TLSChallenge}},
	}
	if err != nil || !reflect.DeepEqual(p.TLS, want) {
		t.Errorf("%v\ngot  %+v\nwant %+v", err, p.TLS, want)
	}
	if p.TLS.ACME.Allows(HTTPChallenge) || !p.TLS.ACME.Allows(TLSChallenge) || !(ACME{}).Allows(HTTPChallenge) {
		t.Error("the wrong challenges are allowed")
	}
	if p, err := ParsePolicy("[tls]\nlisten = \":443\"\n[tls.acme]", serverFile); err != nil || !p.TLS.ACME.On {
		t.Errorf("%+v, %v", p.TLS, err)
	}
}

func TestParsePolicyRefusesTLS(t *testing.T) {
	const listen = "[tls]\nlisten = \":443\"\n"
	const pair = "[[tls.certificate]]\ncert = \"a\"\nkey = \"b\"\n"
	for text, want := range map[string]string{
		"tls = 1":                           `tls = 1: want a table: [tls]`,
		"[tls]":                             `tls.listen = "": want HOST:PORT, or ":443" for all addresses`,
		"[tls]\nlisten = \"443\"":           `tls.listen = "443": want HOST:PORT, or ":443" for all addresses`,
		listen:                              `tls has no certificate: want [[tls.certificate]] or [tls.acme]`,
		listen + "certificate = 1":          `tls.certificate = 1: want tables: [[tls.certificate]]`,
		listen + "acme = true":              `tls.acme = true: want a table: [tls.acme]`,
		listen + "[[tls.certificate]]":      `tls.certificate[0].cert is missing: want a file in PEM`,
		listen + pair + "file = \"c\"":      `tls.certificate[0].file = "c": unknown key, known are hosts, cert, key`,
		listen + pair + "hosts = [\"A.b\"]": `tls.certificate[0].hosts has "A.b": want a lower-case host name without port, "*.example.com" or "*"`,
		listen + pair + "[[tls.certificate]]\ncert = \"a\"":                    `tls.certificate[1].key is missing: want a file in PEM`,
		listen + "client_ca = \"a\"\n" + pair:                                  `tls.client_ca = "a", tls.client_certificate = "": want both or none`,
		listen + "[tls.acme]\nemail = \"anna\"":                                `tls.acme.email = "anna": want an address`,
		listen + "[tls.acme]\ndirectory = \"http://ca.example/dir\"":           `tls.acme.directory = "http://ca.example/dir": want a URL that begins with https://`,
		listen + "[tls.acme]\nchallenges = [\"dns-01\"]":                       `tls.acme.challenges has "dns-01": want "http-01" or "tls-alpn-01"`,
		listen + "[tls.acme]\nstate = \"x\"":                                   `tls.acme.state = "x": unknown key, known are email, directory, ca, challenges`,
		listen + "client_ca = \"a\"\nclient_certificate = \"always\"\n" + pair: `tls.client_certificate = "always": want "optional" or "required"`,
	} {
		_, err := ParsePolicy(text, serverFile)
		if want = serverFile + ": " + want; err == nil || err.Error() != want {
			t.Errorf("%q:\ngot  %v\nwant %s", text, err, want)
		}
	}
}
