package front

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"wasgi/abi"
	"wasgi/runtime"
	"wasgi/tenants"
)

// answerTo returns the statuses of what a server answers to text, whose sender then says
// no more; closed tells whether the server had closed before that.
func (f *fixture) answerTo(text string) (codes []int, closed bool) {
	f.t.Helper()
	c := f.dial()
	if _, err := io.WriteString(c, text); err != nil {
		return nil, true
	}
	for {
		if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
			f.t.Fatal(err)
		}
		resp, err := http.ReadResponse(c.r, &http.Request{Method: "GET"})
		if err != nil {
			return codes, true
		}
		io.Copy(io.Discard, resp.Body)
		if codes = append(codes, resp.StatusCode); resp.Close || resp.StatusCode >= 400 {
			return codes, c.ended()
		}
		if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
			return codes, true
		}
	}
}

// invalid returns requests that are no HTTP, or that two servers could read differently.
func invalid() map[string]string {
	post := "POST / HTTP/1.1\r\nHost: h\r\n"
	get := "GET / HTTP/1.1\r\nHost: h\r\n"
	chunked := post + "Transfer-Encoding: chunked\r\n\r\n"
	return map[string]string{
		"bare LF":                   "GET / HTTP/1.1\nHost: h\n\n",
		"bare LF in a header":       get + "X: a\n\r\n",
		"bare CR in a header":       get + "X: a\rb\r\n\r\n",
		"bare CR in the line":       "GET / HTTP/1.1\rHost: h\r\n\r\n",
		"two CRs":                   get + "X: a\r\r\n\r\n",
		"two empty lines first":     "\r\n\r\n" + get + "\r\n",
		"a space first":             " " + get + "\r\n",
		"two spaces in the line":    "GET  / HTTP/1.1\r\nHost: h\r\n\r\n",
		"a space after the version": "GET / HTTP/1.1 \r\nHost: h\r\n\r\n",
		"a tab in the line":         "GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n",
		"no version":                "GET /\r\nHost: h\r\n\r\n",
		"HTTP/2.0":                  "GET / HTTP/2.0\r\nHost: h\r\n\r\n",
		"HTTP/9.9":                  "GET / HTTP/9.9\r\nHost: h\r\n\r\n",
		"HTTP/1.2":                  "GET / HTTP/1.2\r\nHost: h\r\n\r\n",
		"HTTP/1.10":                 "GET / HTTP/1.10\r\nHost: h\r\n\r\n",
		"http/1.1":                  "GET / http/1.1\r\nHost: h\r\n\r\n",
		"a method with a colon":     "G:T / HTTP/1.1\r\nHost: h\r\n\r\n",
		"a long method":             strings.Repeat("G", 65) + " / HTTP/1.1\r\nHost: h\r\n\r\n",
		"a control in the target":   "GET /\x01 HTTP/1.1\r\nHost: h\r\n\r\n",
		"DEL in the target":         "GET /\x7f HTTP/1.1\r\nHost: h\r\n\r\n",
		"a folded header":           get + "X: a\r\n b\r\n\r\n",
		"a tab fold":                get + "X: a\r\n\tb\r\n\r\n",
		"a fold first":              "GET / HTTP/1.1\r\n Host: h\r\n\r\n",
		"a space before the colon":  get + "X : a\r\n\r\n",
		"a space in a name":         get + "X Y: a\r\n\r\n",
		"no name":                   get + ": a\r\n\r\n",
		"no colon":                  get + "X\r\n\r\n",
		"NUL in a value":            get + "X: a\x00b\r\n\r\n",
		"no Host":                   "GET / HTTP/1.1\r\n\r\n",
		"two Hosts":                 get + "Host: h\r\n\r\n",
		"two Hosts, HTTP/1.0":       "GET / HTTP/1.0\r\nHost: h\r\nhost: i\r\n\r\n",
		"an escape in Host":         "GET / HTTP/1.1\r\nHost: %68\r\n\r\n",
		"a list of Hosts":           "GET / HTTP/1.1\r\nHost: h, i\r\n\r\n",
		"another Host":              "GET http://i/ HTTP/1.1\r\nHost: h\r\n\r\n",
		"an asterisk":               "GET * HTTP/1.1\r\nHost: h\r\n\r\n",
		"CONNECT without a port":    "CONNECT h HTTP/1.1\r\nHost: h\r\n\r\n",
		"CONNECT with a path":       "CONNECT /h:80 HTTP/1.1\r\nHost: h\r\n\r\n",
		"CONNECT with a body":       "CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\nContent-Length: 1\r\n\r\nx",
		"CONNECT elsewhere":         "CONNECT i:80 HTTP/1.1\r\nHost: h\r\n\r\n",
		"an authority":              "GET h:80 HTTP/1.1\r\nHost: h:80\r\n\r\n",
		"TRACE with a body":         "TRACE / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx",
		"two lengths":               post + "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx",
		"a list of lengths":         post + "Content-Length: 1, 1\r\n\r\nx",
		"a length of no digits":     post + "Content-Length:\r\n\r\n",
		"a length with a sign":      post + "Content-Length: +1\r\n\r\nx",
		"a length in hexadecimal":   post + "Content-Length: 0x1\r\n\r\nx",
		"a length beyond 63 bits":   post + "Content-Length: 9223372036854775808\r\n\r\nx",
		"a length and chunks":       post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"chunks, then a length":     post + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
		"chunks in HTTP/1.0":        "POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"chunks twice":              post + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
		"chunks not last":           post + "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
		"a coding without chunks":   post + "Transfer-Encoding: gzip\r\nContent-Length: 0\r\n\r\n",
		"an unknown coding":         post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
		"a coding of no name":       post + "Transfer-Encoding:\r\nContent-Length: 0\r\n\r\n",
		"a coding with parameters":  post + "Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n",
		"a VT before chunked":       post + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
		"two content types":         post + "Content-Type: a/b\r\nContent-Type: c/d\r\n\r\n",
		"two authorizations":        get + "Authorization: a\r\nAuthorization: b\r\n\r\n",
		"an odd Connection":         get + "Connection: clo se\r\n\r\n",
		"half a head":               "GET / HTTP/1.1\r\nHo",
		"half a body":               post + "Content-Length: 5\r\n\r\nx",
		"a chunk too short":         chunked + "5\r\nabc\r\n0\r\n\r\n",
		"a chunk too long":          chunked + "2\r\nabc\r\n0\r\n\r\n",
		"a chunk of bare LF":        chunked + "3\nabc\n0\n\n",
		"a size with a sign":        chunked + "+3\r\nabc\r\n0\r\n\r\n",
		"a size with a prefix":      chunked + "0x3\r\nabc\r\n0\r\n\r\n",
		"a size with a space":       chunked + "3 \r\nabc\r\n0\r\n\r\n",
		"a space before the size":   chunked + " 3\r\nabc\r\n0\r\n\r\n",
		"a huge size":               chunked + "ffffffffffffffff\r\nabc\r\n0\r\n\r\n",
		"a size that overflows":     chunked + "10000000000000003\r\nabc\r\n0\r\n\r\n",
		"a long size":               chunked + strings.Repeat("0", 300) + "3\r\nabc\r\n0\r\n\r\n",
		"an extension of LF":        chunked + "3;a\nb\r\nabc\r\n0\r\n\r\n",
		"an extension of no name":   chunked + "3;=b\r\nabc\r\n0\r\n\r\n",
		"an open quote":             chunked + "3;a=\"b\r\nabc\r\n0\r\n\r\n",
		"a trailer of a length":     chunked + "0\r\nContent-Length: 1\r\n\r\n",
		"a trailer of a host":       chunked + "0\r\nHost: h\r\n\r\n",
		"a folded trailer":          chunked + "0\r\nA: b\r\n c\r\n\r\n",
		"a trailer of bare LF":      chunked + "0\r\nA: b\n\r\n",
		"many trailers":             chunked + "0\r\n" + strings.Repeat("A: b\r\n", 101) + "\r\n",
		"no end":                    chunked + "3\r\nabc\r\n",
	}
}

// TestInvalidRequestsAreRefused: each is answered with a failure and the connection closed,
// whether the app would read the body or not; what follows is not looked at.
func TestInvalidRequestsAreRefused(t *testing.T) {
	f := newFixture(t, patience, blocks(nil, "taken"))
	f.kept = true
	for name, text := range invalid() {
		t.Run(name, func(t *testing.T) {
			c := f.dial()
			// Neither the request before nor the one behind changes that.
			io.WriteString(c, "GET /before HTTP/1.1\r\nHost: h\r\n\r\n"+text)
			if strings.HasPrefix(name, "half") || name == "no end" {
				c.Conn.(*net.TCPConn).CloseWrite()
			} else {
				io.WriteString(c, "GET /behind HTTP/1.1\r\nHost: h\r\n\r\n")
			}
			if got, body, err := c.read("GET"); got.StatusCode != 200 || body != "taken" || err != nil {
				t.Fatalf("before: %d, %q, %v", got.StatusCode, body, err)
			}
			got, body, err := c.read("GET")
			if got.StatusCode != 400 && !(strings.HasPrefix(name, "many") && got.StatusCode == 431) || err != nil || strings.Contains(body, "taken") {
				t.Errorf("got %d, %q, %v", got.StatusCode, body, err)
			}
			if !got.Close || !c.ended() {
				t.Error("the connection goes on")
			}
		})
	}
}

// TestValidRequestsAreTaken: what looks odd, and is HTTP.
func TestValidRequestsAreTaken(t *testing.T) {
	f := newFixture(t, patience, blocks(nil, "taken"))
	f.kept = true
	post := "POST / HTTP/1.1\r\nHost: h\r\n"
	for name, text := range map[string]string{
		"an empty line first":    "\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
		"HTTP/1.0 without Host":  "GET / HTTP/1.0\r\n\r\n",
		"an odd method":          "!#$%&'*+-.^_`|~ / HTTP/1.1\r\nHost: h\r\n\r\n",
		"quotes in the target":   "GET /\"<>^`{|} HTTP/1.1\r\nHost: h\r\n\r\n",
		"a percent in the query": "GET /?a=%&b=%zz HTTP/1.1\r\nHost: h\r\n\r\n",
		"an odd Host":            "GET / HTTP/1.1\r\nHost: a=b;c\r\n\r\n",
		"no space after colon":   "GET / HTTP/1.1\r\nHost:h\r\n\r\n",
		"HEAD":                   "HEAD / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
		"GET with a body":        "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc",
		"zeros before a length":  post + "Content-Length: 0003\r\n\r\nabc",
		"CHUNKED":                post + "Transfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n",
		"an empty list element":  post + "Transfer-Encoding: , chunked\r\n\r\n0\r\n\r\n",
		"identity and a length":  post + "Transfer-Encoding: identity\r\nContent-Length: 3\r\n\r\nabc",
		"extensions":             post + "Transfer-Encoding: chunked\r\n\r\n3 ; a ; b = c;d=\"e\\\"f;\"\r\nabc\r\n0;x\r\n\r\n",
		"trailers":               post + "Transfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\nVary: *\r\n\r\n",
		"small chunks":           post + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1\r\na\r\n", 3000) + "0\r\n\r\n",
		"OPTIONS *":              "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n",
		"an upgrade":             "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			if codes, _ := f.answerTo(text); len(codes) != 1 || codes[0] != 200 && codes[0] != 204 {
				t.Errorf("answered %v", codes)
			}
		})
	}
}

// corpusCase is one of http-requests.json, a corpus that other servers' parsers are tested
// with.
type corpusCase struct {
	Name        string
	Kind        string // "valid" or "invalid"
	NeedsOption bool   `json:"needs_option"` // the verdict depends on the other server's options
	Raw         string `json:"raw_hex"`
}

// corpus reads the corpora's requests whose verdict depends on nothing.
func corpus(t *testing.T, kind string) map[string]string {
	t.Helper()
	dir := os.Getenv("WASGI_CORPORA")
	if dir == "" {
		t.Skip("needs WASGI_CORPORA: a folder with http-requests.json, a corpus of requests")
	}
	text, err := os.ReadFile(dir + "/http-requests.json")
	if err != nil {
		t.Fatal(err)
	}
	var all struct{ Cases []corpusCase }
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, one := range all.Cases {
		raw, err := hex.DecodeString(one.Raw)
		if err != nil {
			t.Fatal(err)
		}
		if one.Kind == kind && !one.NeedsOption {
			found[one.Name] = string(raw)
		}
	}
	return found
}

func TestCorpusInvalid(t *testing.T) {
	cases := corpus(t, "invalid")
	f := newFixture(t, patience, blocks(nil, "taken"))
	f.kept = true
	for name, text := range cases {
		t.Run(name, func(t *testing.T) {
			f.refuses(t, text)
			// A missing Host must not be the only reason, but for a method that is odd
			// and allowed, and a header that is long and within the limit.
			if hosted := withHost(text); hosted != text && name != "invalid/003c.http" && name != "invalid/017.http" {
				f.refuses(t, hosted)
			}
		})
	}
}

func (f *fixture) refuses(t *testing.T, text string) {
	t.Helper()
	c := f.dial()
	io.WriteString(c, text)
	c.Conn.(*net.TCPConn).CloseWrite()
	all, err := io.ReadAll(c.r)
	if code := statusOf(string(all)); err != nil || !slices.Contains([]int{400, 414, 431}, code) || strings.Count(string(all), "HTTP/1.1 ") != 1 {
		t.Errorf("answered %.300q, %v", all, err)
	}
}

// statusOf returns the status of the first answer in text.
func statusOf(text string) int {
	_, rest, _ := strings.Cut(text, " ")
	code, _, _ := strings.Cut(rest, " ")
	n, err := strconv.Atoi(code)
	if err != nil {
		return 0
	}
	return n
}

// withHost adds a Host to each request of HTTP/1.1 in text that has none.
func withHost(text string) string {
	parts := strings.SplitAfter(text, "\r\n\r\n")
	for i, part := range parts {
		line, rest, ok := strings.Cut(part, "\r\n")
		if ok && strings.HasSuffix(line, " HTTP/1.1") && !strings.Contains(strings.ToLower("\r\n"+rest), "\r\nhost:") {
			parts[i] = line + "\r\nHost: h\r\n" + rest
		}
	}
	return strings.Join(parts, "")
}

// An app is asked at its root, and cannot open a tunnel: whatever it says, the connection ends.
func TestConnect(t *testing.T) {
	const text = "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\nGET /inner HTTP/1.1\r\nHost: h\r\n\r\n"
	for status, want := range map[string]string{"200 OK": "", "405 Method Not Allowed": "body"} {
		t.Run(status, func(t *testing.T) {
			var asked []string
			f := newFixture(t, patience, func(_ context.Context, req *runtime.Request, resp *response) error {
				asked = append(asked, key(req, "REQUEST_METHOD")+" "+key(req, "PATH_INFO")+" "+key(req, "wasgi.raw_target"))
				err := begin(resp, status, "Content-Length", "4")
				if err == nil {
					err = resp.Write([]byte("body"), true)
				}
				if err == abi.Enough {
					err = nil
				}
				return err
			})
			f.kept = true
			c := f.dial()
			io.WriteString(c, text)
			all, err := io.ReadAll(c)
			c.Close()
			head, body, _ := strings.Cut(string(all), "\r\n\r\n")
			if err != nil || !strings.HasPrefix(head, "HTTP/1.1 "+status) || body != want {
				t.Errorf("answered %q, %v", all, err)
			}
			if strings.Contains(head, "Content-Length") != (want != "") || strings.Contains(head, "Transfer-Encoding") {
				t.Errorf("the head is %q", head)
			}
			if f.ended.Wait(); !slices.Equal(asked, []string{"CONNECT / h:443"}) {
				t.Errorf("the app is asked %q", asked)
			}
		})
	}
}

func TestCorpusValid(t *testing.T) {
	cases := corpus(t, "valid")
	f := newFixture(t, patience, blocks(nil, "taken"))
	f.kept = true
	for name, text := range cases {
		if name == "valid/099.http" { // waits for more of its body
			continue
		}
		t.Run(name, func(t *testing.T) {
			codes, _ := f.answerTo(withHost(text))
			want := 1
			if strings.Contains(text, "GET /second") && !strings.Contains(text, "Content-Length: 24") && !strings.Contains(text, "Close") && !strings.HasPrefix(text, "GET /first HTTP/1.0\r\n\r\n") {
				want = 2
			}
			if len(codes) != want || slices.ContainsFunc(codes, func(code int) bool { return code != 200 && code != 204 }) {
				t.Errorf("answered %v to %.300q", codes, text)
			}
		})
	}
}

// The limits of a head: what is just within is taken, one more refused by its name.
func TestHeadLimits(t *testing.T) {
	h := tenants.DefaultHTTP()
	h.HeaderBytes, h.HeaderLine, h.HeaderCount, h.Target = 2048, 512, 10, 256
	f := newFixtureWith(t, patience, h, blocks(nil, "taken"))
	line := func(n int) string { return "X: " + strings.Repeat("x", n-len("X: ")) + "\r\n" }
	fill := func(n int) string { // a head of n bytes
		text := "GET / HTTP/1.1\r\nHost: h\r\n" + strings.Repeat(line(400), 4)
		return text + line(n-len(text)-4) + "\r\n"
	}
	for name, test := range map[string]struct {
		within, beyond string
		status         int
		limit          string
	}{
		"target": {"GET /" + strings.Repeat("t", 255) + " HTTP/1.1\r\nHost: h\r\n\r\n",
			"GET /" + strings.Repeat("t", 256) + " HTTP/1.1\r\nHost: h\r\n\r\n", 414, "target"},
		"header_line": {"GET / HTTP/1.1\r\nHost: h\r\n" + line(512) + "\r\n", "GET / HTTP/1.1\r\nHost: h\r\n" + line(513) + "\r\n", 431, "header_line"},
		"header_count": {"GET / HTTP/1.1\r\nHost: h\r\n" + strings.Repeat("X: x\r\n", 9) + "\r\n",
			"GET / HTTP/1.1\r\nHost: h\r\n" + strings.Repeat("X: x\r\n", 10) + "\r\n", 431, "header_count"},
		"header_bytes": {fill(2048), fill(2049), 431, "header_bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			if codes, _ := f.answerTo(test.within); !slices.Equal(codes, []int{200}) {
				t.Errorf("within: %v", codes)
			}
			c := f.dial()
			c.send(strings.TrimSuffix(strings.ReplaceAll(test.beyond, "\r\n", "\n"), "\n\n"), "")
			got, _, err := c.read("GET")
			if got.StatusCode != test.status || got.Header.Get("X-Wasgi-Limit") != test.limit || err != nil || !c.ended() {
				t.Errorf("beyond: %d, %q, %v", got.StatusCode, got.Header, err)
			}
		})
	}
	t.Run("no line ends", func(t *testing.T) {
		for _, text := range []string{strings.Repeat("G", 5000), "GET /" + strings.Repeat("x", 5000), "GET / HTTP/1.1\r\nX: " + strings.Repeat("x", 5000)} {
			if codes, closed := f.answerTo(text); len(codes) != 1 || codes[0] != 414 && codes[0] != 431 || !closed {
				t.Errorf("%.20q: %v", text, codes)
			}
		}
	})
}
