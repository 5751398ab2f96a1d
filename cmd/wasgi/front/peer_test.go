package front

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"

	"wasgi/runtime"
	"wasgi/tenants"
)

// tells answers with what of the environ tells who the client is.
func tells(_ context.Context, req *runtime.Request, resp *response) error {
	var told []string
	for _, name := range []string{"REMOTE_ADDR", "REMOTE_PORT", "wsgi.url_scheme", "HTTPS", "SERVER_NAME", "SERVER_PORT", "HTTP_HOST"} {
		value := key(req, name)
		if strings.HasPrefix(value, "no ") {
			value = "-"
		}
		told = append(told, value)
	}
	return errors.Join(begin(resp, "200 OK"), resp.Write([]byte(strings.Join(told, " ")), true))
}

// behind returns what holds behind proxies: those of this machine, and of 10.0.0.0/8.
func behind(forwarded string) tenants.HTTP {
	h := tenants.DefaultHTTP()
	h.Trusted = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}
	h.Forwarded = forwarded
	return h
}

// forwarding is headers, and what an app is told of the client.
type forwarding map[string]struct{ headers, want string }

// unmoved is what is told where no proxy is believed.
const unmoved = "127.0.0.1 PORT http - h SERVER h"

func TestForwardedByNobody(t *testing.T) {
	f := newFixture(t, patience, tells)
	f.tells(t, forwarding{"": {"X-Forwarded-For: 1.2.3.4\nX-Forwarded-Proto: https\nX-Forwarded-Host: i\nForwarded: for=1.2.3.4;proto=https;host=i", unmoved}})
}

func TestForwardedX(t *testing.T) {
	f := newFixtureWith(t, patience, behind(tenants.ForwardedX), tells)
	f.tells(t, forwarding{
		"nothing":             {"X-A: b", unmoved},
		"a client":            {"X-Forwarded-For: 1.2.3.4\nX-Forwarded-Proto: https\nX-Forwarded-Host: I.example:8443", "1.2.3.4 - https on i.example 8443 I.example:8443"},
		"the scheme":          {"X-Forwarded-Proto: HTTPS", "127.0.0.1 PORT https on h 443 h"},
		"a client's own word": {"X-Forwarded-For: 6.6.6.6, 1.2.3.4", "1.2.3.4 - http - h 80 h"},
		"two lines":           {"X-Forwarded-For: 6.6.6.6\nX-Forwarded-For: 1.2.3.4", "1.2.3.4 - http - h 80 h"},
		"a chain of proxies":  {"X-Forwarded-For: 1.2.3.4, 10.1.1.1, 10.2.2.2", "1.2.3.4 - http - h 80 h"},
		"only proxies":        {"X-Forwarded-For: 10.1.1.1, 10.2.2.2", "10.1.1.1 - http - h 80 h"},
		"with a port":         {"X-Forwarded-For: 1.2.3.4:56", "1.2.3.4 56 http - h 80 h"},
		"IPv6":                {"X-Forwarded-For: 2001:db8::1", "2001:db8::1 - http - h 80 h"},
		"no address":          {"X-Forwarded-For: unknown", unmoved},
		"the other header":    {"Forwarded: for=1.2.3.4;proto=https", unmoved},
	})
	for _, header := range []string{"X-Forwarded-Host: a b", "X-Forwarded-Host: *", "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Host: i, a/b"} {
		f.refuses(t, "GET / HTTP/1.1\r\nHost: h\r\n"+header+"\r\n\r\n")
	}
}

func TestForwardedRFC7239(t *testing.T) {
	f := newFixtureWith(t, patience, behind(tenants.ForwardedRFC), tells)
	f.tells(t, forwarding{
		"a client":         {"Forwarded: For=\"[2001:db8::1]:56\";proto=https;by=_x;host=\"i:81\"", "2001:db8::1 56 https on i 81 i:81"},
		"a chain":          {"Forwarded: for=6.6.6.6, for=1.2.3.4;proto=http ,for=10.0.0.1;proto=https", "1.2.3.4 - https on h 443 h"},
		"obfuscated":       {"Forwarded: for=_hidden", unmoved},
		"the other header": {"X-Forwarded-For: 1.2.3.4", unmoved},
	})
	for _, header := range []string{"for", "for=", "=1", "for=\"1.2.3.4", "for=1.2.3.4;for=5.6.7.8", "for=a b", "for=\"\x01\"", ";", "for=1.2.3.4;host=\"a b\""} {
		f.refuses(t, "GET / HTTP/1.1\r\nHost: h\r\nForwarded: "+header+"\r\n\r\n")
	}
}

func (f *fixture) tells(t *testing.T, cases forwarding) {
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			c := f.dial()
			c.send("GET / HTTP/1.1\nHost: h\n"+test.headers, "")
			_, got, err := c.read("GET")
			_, port, _ := net.SplitHostPort(c.LocalAddr().String())
			_, server, _ := net.SplitHostPort(f.address)
			want := strings.NewReplacer("PORT", port, "SERVER", server).Replace(test.want)
			if got != want || err != nil {
				t.Errorf("got  %q, %v\nwant %q", got, err, want)
			}
		})
	}
}

func FuzzForwarded(f *testing.F) {
	f.Add("for=\"[::1]:80\";proto=https;host=\"i\\\"\", for=1.2.3.4")
	f.Fuzz(func(t *testing.T, text string) {
		hops, err := parseForwarded(text)
		var no refusal
		if err != nil && !errors.As(err, &no) {
			t.Errorf("refused with %v", err)
		}
		if len(hops) > 1+strings.Count(text, ",") {
			t.Errorf("%q has %d elements", text, len(hops))
		}
	})
}

// preface is a header of the PROXY protocol.
func preface(t *testing.T, version byte, from string) string {
	t.Helper()
	var b strings.Builder
	source := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(from))
	h := proxyproto.HeaderProxyFromAddrs(version, source, &net.TCPAddr{IP: source.IP, Port: 443})
	if _, err := h.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestProxyProtocol(t *testing.T) {
	h := behind(tenants.ForwardedX)
	h.ProxyProtocol = true
	f := newFixtureWith(t, patience, h, tells)
	request := "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-Proto: https\r\nX-Forwarded-For: 9.9.9.9\r\n\r\n"
	for name, test := range map[string]struct{ text, want string }{
		"version 1":       {preface(t, 1, "1.2.3.4:56"), "1.2.3.4 56 http - h 80 h"},
		"version 1, IPv6": {preface(t, 1, "[2001:db8::1]:56"), "2001:db8::1 56 http - h 80 h"},
		"version 2":       {preface(t, 2, "1.2.3.4:56"), "1.2.3.4 56 http - h 80 h"},
		"version 2, IPv6": {preface(t, 2, "[2001:db8::1]:56"), "2001:db8::1 56 http - h 80 h"},
		"another proxy":   {preface(t, 2, "10.0.0.9:56"), "9.9.9.9 - https on h 443 h"},
		"of nobody":       {"PROXY UNKNOWN\r\n", "9.9.9.9 - https on h 443 h"},
	} {
		t.Run(name, func(t *testing.T) {
			c := f.dial()
			if strings.HasPrefix(test.text, "PROXY") { // is to come at once
				io.WriteString(c, test.text)
			} else {
				for _, b := range []byte(test.text) {
					c.Write([]byte{b})
				}
			}
			for range 2 {
				io.WriteString(c, request)
				if _, got, err := c.read("GET"); got != test.want || err != nil {
					t.Errorf("got %q, %v, want %q", got, err, test.want)
				}
			}
		})
	}
	for _, text := range []string{request, "PROXY TCP4 1.2.3.4\r\n" + request, "PROXY TCP4 a b 1 2\r\n" + request, "PROXY TCP4 1.2.3.4 1.2.3.4 1 " + strings.Repeat("2", 200) + request,
		strings.Replace(preface(t, 2, "1.2.3.4:56"), "\x21", "\x31", 1) + request} {
		if codes, closed := f.answerTo(text); len(codes) > 1 || len(codes) == 1 && codes[0] != 400 || !closed {
			t.Errorf("%.40q: %v", text, codes)
		}
	}
}

// From anybody else the PROXY protocol is no HTTP.
func TestProxyProtocolOfStrangers(t *testing.T) {
	f := newFixture(t, patience, tells)
	for _, version := range []byte{1, 2} {
		f.refuses(t, preface(t, version, "1.2.3.4:56")+"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	}
}

func TestConnectionsOfOneAddress(t *testing.T) {
	h := tenants.DefaultHTTP()
	h.PerAddress = 3
	f := newFixtureWith(t, patience, h, blocks(nil, "again"))
	var open []*client
	for range 3 {
		c := f.dial()
		open = append(open, c)
		if !c.again() {
			t.Fatal("a connection within the limit is not served")
		}
	}
	c := f.dial()
	c.send("GET / HTTP/1.1\nHost: h", "")
	if got, _, err := c.read("GET"); got.StatusCode != 429 || got.Header.Get("X-Wasgi-Limit") != "connections_per_address" || err != nil || !c.ended() {
		t.Errorf("one more: %d, %q, %v", got.StatusCode, got.Header, err)
	}
	var silent []*client
	for range 6 {
		silent = append(silent, f.dial())
	}
	if !silent[5].ended() {
		t.Error("connections beyond twice the limit are kept")
	}
	for _, c := range append(silent, open...) {
		c.Close()
	}
	eventually(t, "the connections are forgotten", func() bool {
		f.addresses.mu.Lock()
		defer f.addresses.mu.Unlock()
		return len(f.addresses.open) == 0
	})
	if !f.dial().again() {
		t.Error("a later connection is not served")
	}
}

func TestBlocksOfAddresses(t *testing.T) {
	for addr, want := range map[string]string{"1.2.3.4": "1.2.3.4/32", "2001:db8:1:2:3::4": "2001:db8:1:2::/64"} {
		if got := block(netip.MustParseAddr(addr)).String(); got != want {
			t.Errorf("%s counts as %s, want %s", addr, got, want)
		}
	}
}

// Each phase of a connection has its time; what was asked is answered.
func TestTimeouts(t *testing.T) {
	h := tenants.DefaultHTTP()
	h.HeaderTimeout, h.BodyTimeout, h.WriteTimeout, h.IdleTimeout = 60*time.Millisecond, 60*time.Millisecond, 60*time.Millisecond, 60*time.Millisecond
	f := newFixtureWith(t, patience, h, blocks(nil, "again"))
	f.kept = true
	for name, test := range map[string]struct {
		first, trickle string
		status         int
		limit          string
	}{
		"nothing comes":   {"", "", 0, ""},
		"half a head":     {"GET / HT", "", 408, "header_timeout"},
		"a head's bytes":  {"GET /", "x", 408, "header_timeout"},
		"half a body":     {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 60000\r\n\r\nb", "", 408, "body_timeout"},
		"a body's bytes":  {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 60000\r\n\r\nb", "b", 408, "body_timeout"},
		"a chunk's bytes": {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nb\r\n", 408, "body_timeout"},
		"idle":            {"GET /again HTTP/1.1\r\nHost: h\r\n\r\n", "", 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := f.dial()
			io.WriteString(c, test.first)
			stop := make(chan struct{})
			defer close(stop)
			go func() {
				for test.trickle != "" {
					select {
					case <-stop:
						return
					case <-time.After(5 * time.Millisecond):
						io.WriteString(c, test.trickle)
					}
				}
			}()
			if test.status != 0 {
				got, _, err := c.read("GET")
				if got.StatusCode != test.status || got.Header.Get("X-Wasgi-Limit") != test.limit || err != nil {
					t.Errorf("got %d, %q, %v", got.StatusCode, got.Header, err)
				}
			}
			if !c.ended() {
				t.Error("the connection stays open")
			}
		})
	}
}

// A body that comes slowly, and not too slowly, is taken whatever its time.
func TestABodyMayTakeItsTime(t *testing.T) {
	h := tenants.DefaultHTTP()
	h.BodyTimeout = 300 * time.Millisecond
	f := newFixtureWith(t, patience, h, reader(t))
	f.kept = true
	c := f.dial()
	c.send("POST / HTTP/1.1\nHost: h\nContent-Length: 65536", "")
	for range 8 {
		io.WriteString(c, strings.Repeat("b", 8<<10))
		time.Sleep(80 * time.Millisecond)
	}
	if got, text, err := c.read("POST"); got.StatusCode != 200 || !strings.HasPrefix(text, "65536 ") || err != nil {
		t.Errorf("got %d, %q, %v", got.StatusCode, text, err)
	}
}

// What is kept of bodies is bounded, and given back.
func TestSpool(t *testing.T) {
	h := tenants.DefaultHTTP()
	h.Buffer, h.Spool, h.SpoolFolder = 8<<10, 58_000, t.TempDir()
	f := newFixtureWith(t, patience, h, reader(t))
	f.kept = true
	for _, n := range []int{0, 8 << 10, 8<<10 + 1, 16 << 10, 57_000} {
		for _, how := range []string{"Content-Length: " + strconv.Itoa(n) + "\n\n" + strings.Repeat("b", n), "Transfer-Encoding: chunked\n\n" + strings.ReplaceAll(chunks(n, 999), "\r\n", "\n")} {
			head, body, _ := strings.Cut(how, "\n\n")
			c := f.dial()
			c.send("POST / HTTP/1.1\nHost: h\n"+head, strings.ReplaceAll(body, "\n", "\r\n"))
			if got, text, err := c.read("POST"); got.StatusCode != 200 || !strings.HasPrefix(text, strconv.Itoa(n)+" ") || err != nil {
				t.Errorf("%d bytes: %d, %q, %v", n, got.StatusCode, text, err)
			}
			if !c.again() {
				t.Error("the connection takes no further request")
			}
		}
	}
	c := f.dial()
	c.send("POST / HTTP/1.1\nHost: h\nContent-Length: 60000", strings.Repeat("b", 60_000))
	if got, _, err := c.read("POST"); got.StatusCode != 503 || got.Header.Get("X-Wasgi-Limit") != "spool" || err != nil || !c.again() {
		t.Errorf("beyond the spool: %d, %q, %v", got.StatusCode, got.Header, err)
	}
	if f.spool.memory.Load() != 0 || f.spool.disk.Load() != 0 {
		t.Errorf("%d bytes of memory and %d of files are not given back", f.spool.memory.Load(), f.spool.disk.Load())
	}
}

// Who waits for a 100 gets none where nobody reads the body, and the connection ends: the
// next bytes could be either.
func TestContinueOnlyWhereTheBodyIsRead(t *testing.T) {
	f := newFixture(t, patience, reader(t))
	c := f.dial()
	c.send("POST /unread HTTP/1.1\nHost: h\nExpect: 100-continue\nContent-Length: 100", "")
	if got, text, err := c.read("POST"); got.StatusCode != 200 || text != "unread" || err != nil || !got.Close || !c.ended() {
		t.Errorf("got %d, %q, %v", got.StatusCode, text, err)
	}
	f.kept = true
	c = f.dial()
	c.send("POST / HTTP/1.1\nHost: h\nExpect: 100-continue\nContent-Length: 600000", "") // more than is taken
	if got, _, err := c.read("POST"); got.StatusCode != 413 || err != nil || !c.ended() {
		t.Errorf("got %d, %v", got.StatusCode, err)
	}
	for text, want := range map[string][]int{
		"PUT / HTTP/1.1\r\nHost: h\r\nExpect: something\r\n\r\n":                          {417},
		"PUT / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nb":            {200},
		"PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-CONTINUE\r\n\r\n":                       {200},
		"PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nb": {200}, // did not wait
	} {
		if codes, _ := f.answerTo(text); !slices.Equal(codes, want) {
			t.Errorf("%q: %v, want %v", text, codes, want)
		}
	}
}
