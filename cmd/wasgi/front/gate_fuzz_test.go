package front

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"strings"
	"testing"

	"wasgi/tenants"
)

// parsed is what the gate makes of text that comes in pieces of some bytes.
func parsed(text []byte, piece int, trusted bool) (*request, *head, error) {
	h := tenants.DefaultHTTP()
	h.Trusted = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	if piece%2 == 0 {
		h.Forwarded = tenants.ForwardedRFC
	}
	in, r := &head{}, &request{}
	for end := 0; end < len(text); {
		end = min(len(text), end+piece)
		whole, err := in.next(text[:end], &h)
		if err != nil {
			return nil, in, err
		}
		if whole {
			from := peer{addr: netip.MustParseAddr("10.0.0.1"), scheme: schemeHTTP}
			return r, in, r.read(in, text[:end], from, trust{&h, trusted})
		}
	}
	return nil, in, io.ErrUnexpectedEOF
}

// FuzzGate reads requests, whole and in pieces, and compares what is taken with what Go's
// own server reads.
func FuzzGate(f *testing.F) {
	for _, text := range invalid() {
		f.Add([]byte(text), byte(1))
	}
	f.Add([]byte("GET http://u:p@H.:80/a%41?b%#c HTTP/1.1\r\nhost: h:80\r\nX_A: 1\r\nProxy: 2\r\nCookie: a\r\nCookie: b\r\n\r\n"), byte(3))
	f.Add([]byte("\r\nPOST / HTTP/1.0\r\nConnection: keep-alive\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc"), byte(4))
	f.Add([]byte("GET / HTTP/1.1\r\nHost: h\r\nForwarded: for=\"[::1]:80\";proto=https;host=\"i\", for=1.2.3.4\r\n\r\n"), byte(2))
	f.Add([]byte("GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 1.2.3.4, 10.0.0.2\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: i:1\r\n\r\n"), byte(1))
	f.Add([]byte("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n5;a=\"b\"\r\nhello\r\n0\r\nA: b\r\n\r\n"), byte(7))
	f.Fuzz(func(t *testing.T, text []byte, piece byte) {
		trusted := piece&0x80 != 0
		step := int(piece&0x7f) + 1
		r, in, err := parsed(text, step, trusted)
		var no refusal
		if err != nil {
			if err != io.ErrUnexpectedEOF && (!errors.As(err, &no) || no.status < 400 || no.status >= 500 || no.reason == "") {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		if !bytes.HasSuffix(text[:in.read], []byte("\r\n\r\n")) {
			t.Errorf("the head ends with %q", text[max(0, in.read-8):in.read])
		}
		judge(t, r)
		compare(t, r, text[:in.read])
		body := text[in.read:]
		if r.length < 0 {
			dechunk(t, body, step)
		}
	})
}

// judge holds what is true of every request that is taken.
func judge(t *testing.T, r *request) {
	t.Helper()
	own := r.target.isServer()
	if host, ok := canonicalHost(r.target.host); !ok || host != r.target.host || !own && r.target.path[0] != '/' {
		t.Errorf("the target is %+v", r.target)
	}
	if strings.ContainsAny(r.target.host, "*,%/\\@ ") || strings.ToLower(r.target.host) != r.target.host {
		t.Errorf("the host is %q", r.target.host)
	}
	seen := map[string]bool{}
	for _, h := range headers(r) {
		switch {
		case seen[h.key], strings.Contains(h.value, "\n"), strings.Contains(h.value, "\r"), strings.Contains(h.value, "\x00"):
			t.Errorf("%q is %q", h.key, h.value)
		case h.key == "HTTP_PROXY", h.key == "HTTP_CONTENT_LENGTH", h.key == "HTTP_CONNECTION", h.key == "HTTP_UPGRADE", h.key == "HTTP_TE":
			t.Errorf("%q is passed on", h.key)
		}
		seen[h.key] = true
	}
	if head := r.head(nil); len(head) > headRoom || bytes.Count(head, []byte("\r\n\r\n")) != 1 {
		t.Errorf("fasthttp is told %q", head)
	}
}

// compare asks Go's server of the same head: where both take it, both find the same.
func compare(t *testing.T, r *request, text []byte) {
	t.Helper()
	other, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(bytes.TrimLeft(text, "\r\n"))))
	if err != nil {
		return // it knows fewer codings, and other targets
	}
	if other.Method != r.method || other.ProtoMinor != int(r.minor) || other.ContentLength != r.length {
		t.Errorf("got %s, HTTP/1.%d, a body of %d; net/http %s, %s, %d", r.method, r.minor, r.length, other.Method, other.Proto, other.ContentLength)
	}
	if host, ok := canonicalHost(other.Host); !r.peer.forwarded && (!ok || host != r.target.host) {
		t.Errorf("the host is %q, for net/http %q", r.target.host, other.Host)
	}
}

// dechunk decodes a body in pieces: where it is whole, it is what Go's own decoder finds.
func dechunk(t *testing.T, text []byte, piece int) {
	t.Helper()
	h := tenants.DefaultHTTP()
	d := &chunked{limits: &h}
	var got []byte
	at := 0
	for end := 0; d.state != ended; {
		if d.state == inChunk && at < end {
			n := min(int64(end-at), d.left)
			got = append(got, text[at:at+int(n)]...)
			at += int(n)
			d.passed(n)
			continue
		}
		taken, err := d.lines(text[at:end])
		if at += taken; err != nil {
			return
		}
		if taken > 0 || d.state == inChunk && at < end {
			continue
		}
		if end == len(text) {
			return // the end has not come
		}
		end = min(len(text), end+piece)
	}
	want, err := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(text[:at])))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("decoded %q, net/http %q, %v", got, want, err)
	}
}
