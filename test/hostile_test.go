package test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"wasgi/test/testkit"
)

const helloHost = "hello.localhost"

// corpusEnv names a folder with http-requests.json, see corpus.
const corpusEnv = "WASGI_CORPORA"

// hostile is a request that no server should take as it stands.
type hostile struct {
	name, text string
	want       []int // statuses of which the first answer has one; none: it may be cut off without an answer
}

func hostileRequests() []hostile {
	bad := []int{http.StatusBadRequest}
	long := strings.Repeat("a", 100_000)
	tooLarge := []int{http.StatusBadRequest, http.StatusRequestHeaderFieldsTooLarge, http.StatusRequestURITooLong}
	host := "Host: " + helloHost + "\r\n"
	return []hostile{
		{"nothing", "", nil},
		{"only a line end", "\r\n", nil},
		{"no version", "GET /\r\n\r\n", bad},
		{"no target", "GET HTTP/1.1\r\n" + host + "\r\n", bad},
		{"a word", "hello\r\n\r\n", bad},
		{"unknown protocol", "GET / FTP/1.1\r\n" + host + "\r\n", bad},
		{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00\x00\r\n\r\n", bad},
		{"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", bad},
		{"noise", strings.Repeat("\xff\x00\r\n", 100), bad},
		{"header without colon", "GET / HTTP/1.1\r\n" + host + "broken\r\n\r\n", bad},
		{"header without name", "GET / HTTP/1.1\r\n" + host + ": x\r\n\r\n", bad},
		{"NUL in a name", "GET / HTTP/1.1\r\n" + host + "X-\x00A: 1\r\n\r\n", bad},
		{"space before the colon", "GET / HTTP/1.1\r\n" + host + "X-A : 1\r\n\r\n", bad},
		{"long target", "GET /" + long + " HTTP/1.1\r\n" + host + "\r\n", tooLarge},
		{"long header", "GET / HTTP/1.1\r\n" + host + "X-A: " + long + "\r\n\r\n", tooLarge},
		{"many headers", "GET / HTTP/1.1\r\n" + host + strings.Repeat("X-A: 1\r\n", 20_000) + "\r\n", tooLarge},
		{"endless head", "GET / HTTP/1.1\r\n" + host + long, tooLarge},
		{"bad Host", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", bad},
		{"Host with a slash", "GET / HTTP/1.1\r\nHost: hello.localhost/x\r\n\r\n", bad},
		{"Host with user", "GET / HTTP/1.1\r\nHost: a@hello.localhost\r\n\r\n", bad},
		{"Host with a bad port", "GET / HTTP/1.1\r\nHost: hello.localhost:8x\r\n\r\n", bad},
		{"Host with dots", "GET / HTTP/1.1\r\nHost: ../../hello\r\n\r\n", bad},
		{"Host with NUL", "GET / HTTP/1.1\r\nHost: hello.localhost\x00.x\r\n\r\n", bad},
		{"unclosed bracket", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", bad},
		{"two Hosts", "GET / HTTP/1.1\r\nHost: hello.localhost\r\nHost: nobody.localhost\r\n\r\n", bad},
		{"no Host", "GET / HTTP/1.1\r\n\r\n", bad},
		{"NUL in the target", "GET /\x00 HTTP/1.1\r\n" + host + "\r\n", bad},
		{"bytes in the target", "GET /\xff\xfe HTTP/1.1\r\n" + host + "\r\n", []int{http.StatusBadRequest, http.StatusNotFound}},
		{"bad escapes", "GET /%zz%2%%00%ff HTTP/1.1\r\n" + host + "\r\n", bad},
		{"CONNECT", "CONNECT hello.localhost:80 HTTP/1.1\r\n" + host + "\r\n", []int{http.StatusOK}},
		{"OPTIONS *", "OPTIONS * HTTP/1.1\r\n" + host + "\r\n", []int{http.StatusNoContent}},
		{"relative target", "GET ../etc/passwd HTTP/1.1\r\n" + host + "\r\n", bad},
		{"absolute form of another scheme", "GET file:///etc/passwd HTTP/1.1\r\n" + host + "\r\n", bad},
		{"absolute form without a host", "GET http:///x HTTP/1.1\r\n" + host + "\r\n", bad},
		{"absolute form with a bad host", "GET http://a%00b/x HTTP/1.1\r\n" + host + "\r\n", bad},
		{"length and chunks", "POST / HTTP/1.1\r\n" + host + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", bad},
		{"two lengths", "POST / HTTP/1.1\r\n" + host + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", bad},
		{"negative length", "POST / HTTP/1.1\r\n" + host + "Content-Length: -1\r\n\r\n", bad},
		{"length with a sign", "POST / HTTP/1.1\r\n" + host + "Content-Length: +1\r\n\r\na", bad},
		{"huge length", "POST / HTTP/1.1\r\n" + host + "Content-Length: 99999999999999999999\r\n\r\n", []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge}},
		{"unknown coding", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: gzip\r\n\r\nx", bad},
		{"coding twice", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", bad},
		{"half a request", "GET / HTTP/1.1\r\nHo", nil},
		{"half a body", "POST / HTTP/1.1\r\n" + host + "Content-Length: 100\r\n\r\nhalf", nil},
	}
}

// TestHostile sends what no browser sends, each on a connection of its own. Every
// connection must come to its end and the server must answer others as before.
func TestHostile(t *testing.T) {
	t.Parallel()
	server := testkit.Start(t, testkit.Options{Dir: testkit.StageAll(t, testkit.App{Name: "hello"}, testkit.App{Name: "echo"})})
	for _, test := range hostileRequests() {
		t.Run(test.name, func(t *testing.T) { sendHostile(t, server, test) })
	}
	t.Run("chunks", func(t *testing.T) { hostileChunks(t, server) })
	t.Run("large length", func(t *testing.T) { hostileLength(t, server) })
	t.Run("pipelining", func(t *testing.T) { hostilePipelining(t, server) })
	t.Run("smuggling", func(t *testing.T) { hostileSmuggling(t, server) })
	t.Run("trickle", func(t *testing.T) { hostileTrickle(t, server) })
	t.Run("many connections", func(t *testing.T) { hostileConnections(t, server) })
	t.Run("corpus", func(t *testing.T) { hostileCorpus(t, server) })
}

// answers asks for hello, as a witness that the server goes on.
func answers(t *testing.T, server *testkit.Server) {
	t.Helper()
	server.Browser(t, helloHost).Get("/plain").Want(t, http.StatusOK, "Hello, world!\n")
}

func sendHostile(t *testing.T, server *testkit.Server, test hostile) {
	got := server.Raw(t, test.text)
	codes := testkit.Statuses(got)
	if test.want != nil && (len(codes) == 0 || !slices.Contains(test.want, codes[0])) {
		t.Errorf("answered %v, want one of %v: %.300q", codes, test.want, got)
	}
	if len(codes) > 1 && slices.Equal(test.want, []int{http.StatusBadRequest}) {
		t.Errorf("the connection went on after a bad request: %v", codes)
	}
	answers(t, server)
}

// hostileChunks sends chunked bodies that are malformed to an app that reads them.
func hostileChunks(t *testing.T, server *testkit.Server) {
	for name, body := range map[string]string{
		"size is no number": "zz\r\nhello\r\n0\r\n\r\n",
		"negative size":     "-5\r\nhello\r\n0\r\n\r\n",
		"huge size":         "ffffffffffffffff\r\nhello\r\n0\r\n\r\n",
		"overflowing size":  "10000000000000005\r\nhello\r\n0\r\n\r\n",
		"prefix":            "0x5\r\nhello\r\n0\r\n\r\n",
		"too short":         "9\r\nhello\r\n0\r\n\r\n",
		"too long":          "3\r\nhello\r\n0\r\n\r\n",
		"no end":            "5\r\nhello\r\n",
		"no line end":       "5\r\nhello0\r\n\r\n",
		"endless size line": strings.Repeat("0", 100_000),
		"endless extension": "5;" + strings.Repeat("x", 100_000),
	} {
		got := server.Raw(t, "POST /read HTTP/1.1\r\nHost: echo.localhost\r\nTransfer-Encoding: chunked\r\n\r\n"+body)
		if codes := testkit.Statuses(got); len(codes) > 0 && codes[0] < 400 {
			t.Errorf("%s: answered %v: %.200q", name, codes, got)
		} else if len(codes) > 1 {
			t.Errorf("%s: the connection went on: %v", name, codes)
		}
		answers(t, server)
	}
}

// hostileLength announces more than the server takes, begins, and waits for the refusal.
func hostileLength(t *testing.T, server *testkit.Server) {
	c := server.Dial(t)
	c.Say("POST /read HTTP/1.1\r\nHost: echo.localhost\r\nContent-Length: 999999999999999\r\n\r\nx")
	if got, err := c.Hear(http.MethodPost); err != nil || got.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("answered %v, %v; want 413", got.Response, err)
	}
	c.Rest()
	answers(t, server)
}

// hostilePipelining sends many requests before it reads: the answers must come in order.
func hostilePipelining(t *testing.T, server *testkit.Server) {
	var text strings.Builder
	const count = 50
	for n := range count {
		fmt.Fprintf(&text, "GET /?name=%d HTTP/1.1\r\nHost: %s\r\n\r\n", n, helloHost)
		fmt.Fprintf(&text, "POST /sizes?size=99 HTTP/1.1\r\nHost: echo.localhost\r\nContent-Length: 4\r\n\r\nn%03d", n)
	}
	c := server.Dial(t)
	c.Say(text.String())
	for n := range count {
		for _, want := range []string{fmt.Sprintf("Hello, %d!", n), fmt.Sprintf("n%03d", n)} {
			got, err := c.Hear(http.MethodGet)
			if err != nil {
				t.Fatalf("answer %d: %v", n, err)
			}
			if !strings.Contains(got.Text, want) {
				t.Fatalf("answer %d is %q, want %q in it", n, got.Text, want)
			}
		}
	}
}

// hostileSmuggling hides a request in a body that the app does not read: it must not be
// taken for one.
func hostileSmuggling(t *testing.T, server *testkit.Server) {
	hidden := testkit.Head(helloHost, "/smuggled")
	for _, size := range []int{len(hidden), 20_000, 3 << 20} {
		body := strings.Repeat(hidden, size/len(hidden))
		for _, head := range []string{
			fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body),
			fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body),
		} {
			mark := server.Log.Mark()
			server.Raw(t, "POST /nothing HTTP/1.1\r\nHost: echo.localhost\r\n"+head+testkit.Head(helloHost, "/plain", "Connection: close"))
			answers(t, server)
			server.Log.Wait(t, mark, testkit.Match{Text: "GET /plain"}) // the line of what came last
			if found := server.Log.Find(mark, testkit.Match{Text: "/smuggled"}); len(found) > 0 {
				t.Errorf("a body of %d bytes was taken for a request: %v", len(body), found[0])
			}
		}
	}
}

// hostileTrickle sends a head slowly and closes in the middle.
func hostileTrickle(t *testing.T, server *testkit.Server) {
	c := server.Dial(t)
	for _, part := range []string{"GE", "T / HT", "TP/1.1\r", "\nHost: hel"} {
		c.Say(part)
		time.Sleep(20 * time.Millisecond)
		answers(t, server)
	}
	c.Close()
	answers(t, server)
	c = server.Dial(t)
	for _, b := range testkit.Head(helloHost, "/plain", "Connection: close") {
		c.Say(string(b))
	}
	if got := c.Rest(); !strings.HasSuffix(got, "Hello, world!\n") {
		t.Errorf("a head byte by byte is answered with %q", got)
	}
}

// hostileConnections opens connections that say nothing.
func hostileConnections(t *testing.T, server *testkit.Server) {
	for range 200 {
		server.Dial(t).Say("GET /")
	}
	answers(t, server)
}

// corpus is the file of requests that other servers' parsers are tested with.
type corpus struct {
	Cases []struct {
		Name        string `json:"name"`
		Kind        string `json:"kind"`         // "valid" or "invalid"
		NeedsOption bool   `json:"needs_option"` // the verdict depends on the other server's options
		Raw         string `json:"raw_hex"`
	} `json:"cases"`
}

func hostileCorpus(t *testing.T, server *testkit.Server) {
	dir := os.Getenv(corpusEnv)
	if dir == "" {
		t.Skipf("needs %s: a folder with http-requests.json, a corpus of malformed requests", corpusEnv)
	}
	text, err := os.ReadFile(dir + "/http-requests.json")
	if err != nil {
		t.Fatal(err)
	}
	var c corpus
	if err := json.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	for _, one := range c.Cases {
		t.Run(one.Name, func(t *testing.T) {
			raw, err := hex.DecodeString(one.Raw)
			if err != nil {
				t.Fatal(err)
			}
			server.Raw(t, string(raw))
			answers(t, server)
		})
	}
}
