package tenants

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"wasgi/quotas"
)

func TestHTTPReadsAll(t *testing.T) {
	p, err := ParsePolicy(`
[http]
header_bytes = "16KiB"
header_line = "4KiB"
header_count = 50
target = "2KiB"
header_timeout = "1s"
body_timeout = "2s"
write_timeout = "3s"
idle_timeout = "4s"
connections = 6
connections_per_address = 5
body_buffer = "8KiB"
spool = "0B"
spool_folder = "/var/spool"
trusted = ["10.1.2.3/8", "::1", "unix"]
forwarded = "forwarded"
proxy_protocol = true
`, serverFile)
	if err != nil {
		t.Fatal(err)
	}
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	got := p.HTTP
	if !slices.Equal(got.Trusted, trusted) || !got.TrustUnix || !got.ProxyProtocol || got.Forwarded != ForwardedRFC || got.SpoolFolder != "/var/spool" {
		t.Errorf("got %+v", got)
	}
	if got.HeaderBytes != 16*quotas.KiB || got.HeaderLine != 4*quotas.KiB || got.HeaderCount != 50 || got.Target != 2*quotas.KiB ||
		got.Connections != 6 || got.PerAddress != 5 || got.Buffer != 8*quotas.KiB || got.Spool != 0 {
		t.Errorf("got %+v", got)
	}
	if got.HeaderTimeout != time.Second || got.BodyTimeout != 2*time.Second || got.WriteTimeout != 3*time.Second || got.IdleTimeout != 4*time.Second {
		t.Errorf("got %+v", got)
	}
}

// Each names the file, the key and the value.
func TestHTTPRefuses(t *testing.T) {
	for text, want := range map[string]string{
		`header_bytes = "1023B"`:      `http.header_bytes is 1023B, want 1KiB to 1MiB`,
		`header_bytes = "2MiB"`:       `http.header_bytes is 2MiB, want 1KiB to 1MiB`,
		`header_bytes = 5`:            `http.header_bytes = 5: want a size like "128MiB"`,
		`header_line = "255B"`:        `http.header_line is 255B, want 256B to 1MiB`,
		`header_count = 7`:            `http.header_count is 7, want 8 to 10000`,
		`target = "63B"`:              `http.target is 63B, want 64B to 1MiB`,
		`header_timeout = "0s"`:       `http.header_timeout is 0s, want 10ms to 1h0m0s`,
		`body_timeout = "-1s"`:        `http.body_timeout is -1s, want 10ms to 1h0m0s`,
		`write_timeout = "2h"`:        `http.write_timeout is 2h0m0s, want 10ms to 1h0m0s`,
		`idle_timeout = 75`:           `http.idle_timeout = 75: want a time like "30s" or "500ms"`,
		`connections = 0`:             `http.connections is 0, want 1 to 16777216`,
		`connections_per_address = 0`: `http.connections_per_address is 0, want 1 to 1048576`,
		`body_buffer = "1KiB"`:        `http.body_buffer is 1KiB, want 8KiB to 1GiB`,
		`spool = "-1B"`:               `http.spool is -1B, want 0B to 1048576GiB`,
		`trusted = "10.0.0.0/8"`:      `http.trusted = "10.0.0.0/8": want a list of strings`,
		`trusted = ["10.0.0.0/33"]`:   `http.trusted has "10.0.0.0/33": want a network like "10.0.0.0/8", an address, or "unix"`,
		`trusted = ["proxy.local"]`:   `http.trusted has "proxy.local": want a network like "10.0.0.0/8", an address, or "unix"`,
		`trusted = ["fe80::1%eth0"]`:  `http.trusted has "fe80::1%eth0": want a network like "10.0.0.0/8", an address, or "unix"`,
		`forwarded = "both"`:          `http.forwarded = "both": want "x-forwarded" or "forwarded"`,
		`proxy_protocol = 1`:          `http.proxy_protocol = 1: want true or false`,
		`proxy_protocol = true`:       `http.proxy_protocol = true: want trusted beside it: the networks that may tell`,
	} {
		_, err := ParsePolicy("[http]\n"+text, serverFile)
		if want = serverFile + ": " + want; err == nil || err.Error() != want {
			t.Errorf("%q:\ngot  %v\nwant %s", text, err, want)
		}
	}
}
