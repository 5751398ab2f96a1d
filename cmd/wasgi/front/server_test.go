package front

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	goruntime "runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"wasgi/abi"
	"wasgi/runtime"
	"wasgi/tenants"
)

// patience is how long a test waits for what must happen.
const patience = 10 * time.Second

// eventually waits for something that no channel tells of.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); {
		if time.Now().After(end) {
			t.Fatalf("waited %v: %s", patience, what)
		}
		time.Sleep(time.Millisecond)
	}
}

// mostBody is the longest body of a request that a fixture takes, in bytes.
const mostBody = 64 << 10

// app is what a tenant would do with a request, without a guest.
type app func(run context.Context, req *runtime.Request, resp *response) error

// fixture is a real server on a real port, for one app.
type fixture struct {
	*Server
	t       testing.TB
	app     app
	timeout time.Duration
	most    int64 // bytes of a response's body, 0: any number
	edge    tenants.Edge
	cache   *tenants.Cache[any]
	kept    bool // bodies are kept until they are whole
	address string
	ended   sync.WaitGroup // requests that the app is at

	mu  sync.Mutex
	log bytes.Buffer
}

// Write implements io.Writer for the access log.
func (f *fixture) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.log.Write(p)
}

func (f *fixture) logged() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.log.String()
}

func (f *fixture) clearLog() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log.Reset()
}

// newFixture serves the app. When the test ends the server is shut down, and must have
// left no goroutine.
func newFixture(t *testing.T, timeout time.Duration, a app) *fixture {
	t.Helper()
	return newFixtureWith(t, timeout, tenants.DefaultHTTP(), a)
}

func newFixtureWith(t *testing.T, timeout time.Duration, h tenants.HTTP, a app) *fixture {
	t.Helper()
	f := &fixture{t: t, app: a, timeout: timeout}
	f.Server = New(Config{
		HTTP: h, Log: slog.New(slog.DiscardHandler), Access: slog.New(slog.NewTextHandler(f, nil)),
	})
	f.http.Handler = f.handle
	started(t, f, func(context.Context) error { f.ended.Wait(); return nil })
	return f
}

// started has f take connections until the test ends; then free is called too, and nothing may be
// at work any more.
func started(t testing.TB, f *fixture, free func(context.Context) error) {
	t.Helper()
	l := listen(t)
	f.address = l.Addr().String()
	served := make(chan error, 1)
	go func() { served <- f.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		for _, err := range []error{f.Shutdown(ctx), free(ctx), <-served} {
			if err != nil {
				t.Error(err)
			}
		}
		eventually(t, "the goroutines end", func() bool { return !atWork() })
	})
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := ListenTCP("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// atWork tells whether a goroutine is in this package's code or at a connection.
func atWork() bool {
	all := make([]byte, 1<<20)
	for stack := range strings.SplitSeq(string(all[:goruntime.Stack(all, true)]), "\n\n") {
		if strings.Contains(stack, "wasgi/cmd/wasgi/front.(*") || strings.Contains(stack, "fasthttp.(*Server).serveConn") {
			return true
		}
	}
	return false
}

// handle is Server.handle with the app in the place of a tenant's.
func (f *fixture) handle(ctx *fasthttp.RequestCtx) {
	defer f.caught(ctx)
	c := ctx.Conn().(*conn)
	c.handled, c.ctx = true, ctx
	c.linger.Store(!c.content.whole())
	a := f.newAccess(c, "r1")
	if !f.answer(ctx, c, a) {
		c.settle(ctx)
	}
}

func (f *fixture) answer(ctx *fasthttp.RequestCtx, c *conn, a *access) bool {
	if c.refused != nil || c.request.target.isServer() {
		return f.Server.answer(ctx, c, a)
	}
	q := ask(ctx, f.cache, c.request.target)
	if f.cached(ctx, a, nil, q) {
		return false
	}
	e := environ(&c.request, c.LocalAddr(), "", "tenant", a.id)
	p := bodyPolicy{most: mostBody}
	if f.kept {
		p.spool = f.spool
	}
	body, err := addBody(e, c, p)
	if err != nil {
		f.refuse(ctx, a, failureOf(err))
		return false
	}
	req := &runtime.Request{ID: a.id, Environ: e}
	if body != nil {
		req.Body = body
	}
	run, cancel := context.WithTimeout(context.Background(), f.timeout)
	body.until(run)
	resp := newResponse(run, ctx, a, req, body)
	resp.most = f.most
	resp.squeeze = f.squeeze(ctx, tenants.Manifest{Edge: f.edge})
	resp.spool, resp.holds, resp.keeps = f.spool, !f.kept, q.reads()
	f.ended.Go(func() {
		defer cancel()
		resp.finish(f.app(run, req, resp))
	})
	if err := resp.wait(); err != nil {
		f.refuse(ctx, a, failureOf(err))
		return false
	}
	streams := resp.stream != nil
	q.answered(resp)
	switch {
	case !streams:
		a.done(ctx.Response.StatusCode(), int64(len(ctx.Response.Body())), "")
	case !resp.holds:
		c.thin()
	}
	return streams
}

// client is one connection.
type client struct {
	net.Conn
	t testing.TB
	r *bufio.Reader
}

func (f *fixture) dial() *client {
	f.t.Helper()
	c, err := net.Dial("tcp", f.address)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { c.Close() })
	return newClient(f.t, c)
}

func newClient(t testing.TB, c net.Conn) *client {
	t.Helper()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &client{Conn: c, t: t, r: bufio.NewReader(c)}
}

// send sends a request, its head as lines.
func (c *client) send(head string, body string) {
	c.t.Helper()
	if _, err := io.WriteString(c, strings.ReplaceAll(head, "\n", "\r\n")+"\r\n\r\n"+body); err != nil {
		c.t.Fatal(err)
	}
}

// read reads a response to method; the error is that of its body.
func (c *client) read(method string) (*http.Response, string, error) {
	c.t.Helper()
	resp, err := http.ReadResponse(c.r, &http.Request{Method: method})
	if err != nil {
		c.t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	return resp, string(body), err
}

// ended tells whether the server has closed the connection.
func (c *client) ended() bool {
	c.t.Helper()
	_, err := c.r.ReadByte()
	var timeout net.Error
	return err != nil && !(errors.As(err, &timeout) && timeout.Timeout())
}

// again tells whether the connection takes another request.
func (c *client) again() bool {
	c.t.Helper()
	if _, err := io.WriteString(c, "GET /again HTTP/1.1\r\nHost: h\r\n\r\n"); err != nil {
		return false
	}
	resp, err := http.ReadResponse(c.r, &http.Request{Method: "GET"})
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return err == nil && resp.StatusCode == 200 && string(body) == "again"
}

// begin starts a response; headers are name, value, name, ….
func begin(resp runtime.Response, status string, headers ...string) error {
	p := &abi.Pairs{}
	for i := 0; i < len(headers); i += 2 {
		p.Add(headers[i], headers[i+1])
	}
	v, err := abi.ParsePairs(p.Bytes())
	if err != nil {
		return err
	}
	return resp.Start([]byte(status), v)
}

// key returns a value of a request's environ.
func key(req *runtime.Request, name string) string {
	v, err := abi.ParsePairs(req.Environ.Bytes())
	if err != nil {
		return err.Error()
	}
	for n, value := range v.All() {
		if string(n) == name {
			return string(value)
		}
	}
	return "no " + name
}

// blocks answers 200 with blocks, the last of which is told to be.
func blocks(headers []string, list ...string) app {
	return func(_ context.Context, req *runtime.Request, resp *response) error {
		headers, list := headers, list
		if key(req, "PATH_INFO") == "/again" {
			headers, list = nil, []string{"again"}
		}
		if err := begin(resp, "200 OK", headers...); err != nil {
			return err
		}
		for i, block := range list {
			if err := resp.Write([]byte(block), i == len(list)-1); err != nil && err != abi.Enough {
				return err
			}
		}
		return nil
	}
}

func TestForms(t *testing.T) {
	long := strings.Repeat("x", 3<<20)
	raise := errors.New("an exception")
	type form struct {
		method, proto string
		app           app
		status        int
		length        int64 // -1: none
		chunked       bool
		body          string
		cut           bool // the body is not whole
		closed        bool
	}
	forms := map[string]form{
		"one block":              {"GET", "1.1", blocks(nil, "hello"), 200, 5, false, "hello", false, false},
		"an empty block":         {"GET", "1.1", blocks(nil, ""), 200, 0, false, "", false, false},
		"no block":               {"GET", "1.1", blocks(nil), 200, 0, false, "", false, false},
		"blocks":                 {"GET", "1.1", blocks(nil, "hel", "lo"), 200, -1, true, "hello", false, false},
		"blocks with a length":   {"GET", "1.1", blocks([]string{"Content-Length", "5"}, "hel", "lo", ""), 200, 5, false, "hello", false, false},
		"a block with a length":  {"GET", "1.1", blocks([]string{"content-length", "5"}, "hello"), 200, 5, false, "hello", false, false},
		"a length of 0":          {"GET", "1.1", blocks([]string{"Content-Length", "0"}, ""), 200, 0, false, "", false, false},
		"too short":              {"GET", "1.1", blocks([]string{"Content-Length", "9"}, "hel", "lo"), 200, 9, false, "hello", true, true},
		"too short at once":      {"GET", "1.1", blocks([]string{"Content-Length", "9"}, "hello"), 200, 9, false, "hello", true, true},
		"too short, and nothing": {"GET", "1.1", blocks([]string{"Content-Length", "9"}, ""), 200, 9, false, "", true, true},
		"too long":               {"GET", "1.1", blocks([]string{"Content-Length", "4"}, "hel", "lo"), 200, 4, false, "hell", false, false},
		"too long at once":       {"GET", "1.1", blocks([]string{"Content-Length", "4"}, "hello"), 200, 4, false, "hell", false, false},
		"a long block":           {"GET", "1.1", blocks(nil, long), 200, int64(len(long)), false, long, false, false},
		"long blocks":            {"GET", "1.1", blocks(nil, long, long), 200, -1, true, long + long, false, false},
		"HTTP/1.0, one block":    {"GET", "1.0", blocks(nil, "hello"), 200, 5, false, "hello", false, true},
		"HTTP/1.0, blocks":       {"GET", "1.0", blocks(nil, "hel", "lo"), 200, -1, false, "hello", false, true},
		"HTTP/1.0, long blocks":  {"GET", "1.0", blocks(nil, long, long), 200, -1, false, long + long, false, true},
		"HTTP/1.0, with length":  {"GET", "1.0", blocks([]string{"Content-Length", "5"}, "hel", "lo"), 200, 5, false, "hello", false, true},
		"HEAD":                   {"HEAD", "1.1", blocks(nil, "hello"), 200, 5, false, "", false, false},
		"HEAD, blocks":           {"HEAD", "1.1", blocks(nil, "hel", "lo"), 200, -1, false, "", false, false},
		"HEAD, with a length":    {"HEAD", "1.1", blocks([]string{"Content-Length", "77"}, "hel", "lo"), 200, 77, false, "", false, false},
		"HEAD, no block":         {"HEAD", "1.1", blocks(nil, ""), 200, 0, false, "", false, false},
		"HEAD, HTTP/1.0":         {"HEAD", "1.0", blocks(nil, "hel", "lo"), 200, -1, false, "", false, true},
		"an exception":           {"GET", "1.1", func(context.Context, *runtime.Request, *response) error { return raise }, 500, 43, false, "Internal Server Error\nRequest r1\n", false, false},
		"no response":            {"GET", "1.1", func(context.Context, *runtime.Request, *response) error { return nil }, 500, 43, false, "Internal Server Error\nRequest r1\n", false, false},
		"an exception, head out": {"GET", "1.1", func(_ context.Context, _ *runtime.Request, resp *response) error {
			_ = begin(resp, "200 OK", "X-App", "1")
			return raise
		}, 500, 43, false, "Internal Server Error\nRequest r1\n", false, false},
		"an exception later": {"GET", "1.1", func(_ context.Context, _ *runtime.Request, resp *response) error {
			_ = begin(resp, "200 OK")
			_ = resp.Write([]byte("hel"), false)
			return raise
		}, 200, -1, true, "hel", true, true},
		"204": {"GET", "1.1", func(_ context.Context, _ *runtime.Request, resp *response) error {
			_ = begin(resp, "204 No Content", "Content-Length", "5")
			_ = resp.Write([]byte("hello"), true)
			return nil
		}, 204, -1, false, "", false, false},
		"304": {"GET", "1.1", func(_ context.Context, _ *runtime.Request, resp *response) error {
			_ = begin(resp, "304 Not Modified", "ETag", "x")
			_ = resp.Write([]byte("hel"), false)
			_ = resp.Write([]byte("lo"), true)
			return nil
		}, 304, -1, false, "", false, false},
	}
	f := newFixture(t, patience, func(run context.Context, req *runtime.Request, resp *response) error {
		if key(req, "PATH_INFO") == "/again" {
			return blocks(nil, "again")(run, req, resp)
		}
		return forms[unescaped(key(req, "QUERY_STRING"))].app(run, req, resp)
	})
	for name, test := range forms {
		t.Run(name, func(t *testing.T) {
			f.clearLog()
			c := f.dial()
			c.send(test.method+" /?"+strings.ReplaceAll(name, " ", "%20")+" HTTP/"+test.proto+"\nHost: h", "")
			got, body, err := c.read(test.method)
			if got.StatusCode != test.status || body != test.body {
				t.Errorf("got %d with %.60q (%d bytes), want %d with %.60q (%d bytes)", got.StatusCode, body, len(body), test.status, test.body, len(test.body))
			}
			length := got.ContentLength
			if got.StatusCode == 204 || got.StatusCode == 304 {
				length = -1
				if got.Header.Get("Content-Length") != "" {
					length = got.ContentLength
				}
			}
			want := test.length
			if test.status == 500 {
				want = int64(len(test.body))
			}
			if chunked := len(got.TransferEncoding) > 0; length != want || chunked != test.chunked {
				t.Errorf("Content-Length %d, chunked %v, want %d, %v", length, chunked, want, test.chunked)
			}
			if got.Header.Get("Date") == "" || got.Header.Get("Server") != "wasgi" || got.Header.Get("X-App") != "" {
				t.Errorf("headers %q", got.Header)
			}
			if (err != nil) != test.cut {
				t.Errorf("the body ends with %v, cut should be %v", err, test.cut)
			}
			if test.closed && !c.ended() {
				t.Error("the connection is open")
			}
			if !test.closed && !c.again() {
				t.Error("the connection takes no further request")
			}
			requests := 1
			if !test.closed {
				requests = 2
			}
			eventually(t, "one line per request is logged", func() bool { return strings.Count(f.logged(), "request=r1") == requests })
		})
	}
}

func TestHeadersOfTheAppReachTheClient(t *testing.T) {
	f := newFixture(t, patience, func(_ context.Context, _ *runtime.Request, resp *response) error {
		err := begin(resp, "299 Any  reason \xe4", "Set-Cookie", "a=1; Path=/", "x-lOWER", "v\t\xff", "Set-Cookie", "b=2", "X-Twice", "1", "X-Twice", "2",
			"Server", "mine", "Date", "never", "Content-Type", "text/x")
		return errors.Join(err, resp.Write([]byte("x"), true))
	})
	c := f.dial()
	c.send("GET / HTTP/1.1\nHost: h\nConnection: close", "")
	raw, err := io.ReadAll(c.r)
	if err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(string(raw), "\r\n\r\n")
	for line, want := range map[string]int{
		"HTTP/1.1 299 Any  reason \xe4\r\n": 1, "\r\nSet-Cookie: a=1; Path=/": 1, "\r\nSet-Cookie: b=2": 1, "\r\nx-lOWER: v\t\xff": 1,
		"\r\nX-Twice: 1": 1, "\r\nX-Twice: 2": 1, "\r\nServer: mine": 1, "\r\nServer:": 1, "\r\nDate:": 1, "never": 0, "\r\nContent-Type: text/x": 1,
		"\r\nContent-Type:": 1,
	} {
		if got := strings.Count(head+"\r\n", line); got != want {
			t.Errorf("%q stands %d times, want %d, in\n%s", line, got, want, head)
		}
	}
}

func TestHeadsThatAreRefused(t *testing.T) {
	f := newFixture(t, patience, func(_ context.Context, req *runtime.Request, resp *response) error {
		text := strings.Split(unescaped(key(req, "QUERY_STRING")), "|")
		err := begin(resp, text[0], text[1:]...)
		if err == nil {
			return resp.Write([]byte("taken"), true)
		}
		if again := resp.Write([]byte("secret"), true); again == nil {
			t.Error("a block is taken after its head was refused")
		}
		return err
	})
	var many strings.Builder
	for range abi.MostHeaders + 1 {
		many.WriteString("|X|1")
	}
	for name, query := range map[string]string{
		"no status": "", "no code": "OK", "no space": "200", "two digits": "20 OK", "four digits": "2000 OK", "a sign": "+20 OK", "no digit": "2x0 OK",
		"continue": "100 Continue", "switching": "101 X", "splitting the status": "200 OK%0D%0AX-Inj: 1", "a line feed": "200 O%0AK", "a NUL": "200 O%00K",
		"DEL": "200 O%7FK", "a space first": " 200 OK",
		"splitting a value": "200 OK|X|a%0D%0AX-Inj: 1", "a bare LF": "200 OK|X|a%0AX-Inj: 1", "a bare CR": "200 OK|X|a%0DX-Inj: 1", "a NUL in a value": "200 OK|X|%00",
		"splitting a name": "200 OK|X: a%0D%0AX-Inj|1", "a colon in a name": "200 OK|X:|1", "a space in a name": "200 OK|X |1", "no name": "200 OK||1",
		"a name of bytes": "200 OK|X%FF|1", "a cookie": "200 OK|Set-Cookie|a=1%0D%0AX-Inj: 1", "a type": "200 OK|Content-Type|a%0D%0AX-Inj: 1", "a server": "200 OK|Server|a%0D%0AX-Inj: 1",
		"no length": "200 OK|Content-Length|", "a length of letters": "200 OK|Content-Length|abc", "a negative one": "200 OK|Content-Length|-1", "a signed one": "200 OK|Content-Length|+5",
		"a negative 0": "200 OK|Content-Length|-0", "a list of lengths": "200 OK|Content-Length|5,5", "hex": "200 OK|Content-Length|0x5", "space": "200 OK|Content-Length| 5",
		"two lengths": "200 OK|Content-Length|5|content-length|6", "too long a length": "200 OK|Content-Length|99999999999999999999",
		"chunked": "200 OK|Transfer-Encoding|chunked", "any case": "200 OK|tRANSFER-eNCODING|chunked", "Connection": "200 OK|Connection|close", "Upgrade": "200 OK|Upgrade|x",
		"Keep-Alive": "200 OK|Keep-Alive|x", "Trailer": "200 OK|Trailer|x", "TE": "200 OK|TE|x", "Proxy-Connection": "200 OK|Proxy-Connection|x", "Proxy-Authenticate": "200 OK|proxy-authenticate|x",
		"too many": "200 OK" + many.String(),
	} {
		t.Run(name, func(t *testing.T) {
			c := f.dial()
			c.send("GET /?"+strings.ReplaceAll(query, " ", "%20")+" HTTP/1.1\nHost: h\nConnection: close", "")
			raw, err := io.ReadAll(c.r)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.HasPrefix(raw, []byte("HTTP/1.1 500 Internal Server Error\r\n")) || bytes.Contains(raw, []byte("Inj")) || bytes.Contains(raw, []byte("taken")) || bytes.Contains(raw, []byte("secret")) {
				t.Errorf("got\n%s", raw)
			}
		})
	}
}

func TestABigHeadIsRefused(t *testing.T) {
	f := newFixture(t, patience, func(run context.Context, req *runtime.Request, resp *response) error {
		size, _ := strconv.Atoi(key(req, "QUERY_STRING")) // 0 for "again"
		return blocks([]string{"X-Big", strings.Repeat("x", size)}, "hello")(run, req, resp)
	})
	for size, want := range map[int]int{abi.MostHead / 2: 200, abi.MostHead: 500, 10 << 20: 500} {
		c := f.dial()
		c.send("GET /?"+strconv.Itoa(size)+" HTTP/1.1\nHost: h", "")
		if got, _, _ := c.read("GET"); got.StatusCode != want {
			t.Errorf("%d bytes: %d, want %d", size, got.StatusCode, want)
		}
		if !c.again() {
			t.Error("the connection takes no further request")
		}
	}
}

func unescaped(s string) string {
	text, _ := unescape(s)
	return text
}
