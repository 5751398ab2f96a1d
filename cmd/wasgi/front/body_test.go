package front

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"wasgi/abi"
	"wasgi/quotas"
	"wasgi/runtime"
	"wasgi/tenants"
)

// readBody reads what the app gets as its body, and how.
func readBody(req *runtime.Request) (body string, pulled bool, err error) {
	if req.Body == nil {
		return key(req, "wsgi.input"), false, nil
	}
	b, err := io.ReadAll(req.Body)
	return string(b), true, err
}

// reader answers with the length of the body, how it came, and what its CONTENT_LENGTH
// was; with the error where it could not be read.
func reader(t *testing.T) app {
	return func(run context.Context, req *runtime.Request, resp *response) error {
		if key(req, "PATH_INFO") == "/again" {
			return blocks(nil, "again")(run, req, resp)
		}
		if key(req, "PATH_INFO") == "/unread" {
			return blocks(nil, "unread")(run, req, resp)
		}
		if key(req, "PATH_INFO") == "/half" {
			if _, err := io.ReadFull(req.Body, make([]byte, 100)); err != nil {
				t.Error(err)
			}
			return blocks(nil, "half")(run, req, resp)
		}
		body, pulled, err := readBody(req)
		if strings.Trim(body, "b") != "" {
			t.Errorf("the body has %.40q", strings.Trim(body, "b"))
		}
		var told abi.Error
		if errors.As(err, &told) || err != nil {
			return errors.Join(begin(resp, "200 OK"), resp.Write([]byte(err.Error()), true))
		}
		text := fmt.Sprintf("%d pulled=%v %s", len(body), pulled, key(req, "CONTENT_LENGTH"))
		return errors.Join(begin(resp, "200 OK"), resp.Write([]byte(text), true))
	}
}

// chunks writes a body of n bytes in chunks of size.
func chunks(n, size int) string {
	var b strings.Builder
	for ; n > 0; n -= size {
		size = min(n, size)
		fmt.Fprintf(&b, "%x\r\n%s\r\n", size, strings.Repeat("b", size))
	}
	return b.String() + "0\r\n\r\n"
}

func TestRequestBodies(t *testing.T) {
	const most = mostBody
	f := newFixture(t, patience, reader(t))
	lengthed := func(n int) (string, string) { return "\nContent-Length: " + strconv.Itoa(n), strings.Repeat("b", n) }
	chunked := func(n, size int) (string, string) { return "\nTransfer-Encoding: chunked", chunks(n, size) }
	type request struct{ head, body string }
	of := func(head, body string) request { return request{head, body} }
	for name, test := range map[string]struct {
		path    string
		request request
		status  int
		text    string
		closed  bool
	}{
		"none":                       {"/", of("", ""), 200, "0 pulled=false no CONTENT_LENGTH", false},
		"of no length":               {"/", of(lengthed(0)), 200, "0 pulled=false 0", false},
		"short":                      {"/", of(lengthed(5)), 200, "5 pulled=false 5", false},
		"all at hand":                {"/", of(lengthed(bodyAtHand)), 200, "8192 pulled=false 8192", false},
		"one byte more":              {"/", of(lengthed(bodyAtHand + 1)), 200, "8193 pulled=true 8193", false},
		"the most":                   {"/", of(lengthed(most)), 200, "65536 pulled=true 65536", false},
		"too long":                   {"/", of(lengthed(most + 1)), 413, "Request Entity Too Large: over the limit request_body: a body longer than 64KiB\nRequest r1\n", true},
		"far too long":               {"/", of("\nContent-Length: 999999999999", strings.Repeat("b", 20_000)), 413, "Request Entity Too Large: over the limit request_body: a body longer than 64KiB\nRequest r1\n", true},
		"chunked and empty":          {"/", of(chunked(0, 1)), 200, "0 pulled=true no CONTENT_LENGTH", false},
		"chunked":                    {"/", of(chunked(5, 2)), 200, "5 pulled=true no CONTENT_LENGTH", false},
		"chunked, the most":          {"/", of(chunked(most, 5000)), 200, "65536 pulled=true no CONTENT_LENGTH", false},
		"chunked, too long":          {"/", of(chunked(most+1, 5000)), 200, "over the limit request_body: a body longer than 64KiB", true},
		"chunked, no number":         {"/", of("\nTransfer-Encoding: chunked", "zz\r\nb\r\n0\r\n\r\n"), 200, "the request's body is malformed or was cut short", true},
		"chunked, a wrong end":       {"/", of("\nTransfer-Encoding: chunked", "1\r\nbGET /again HTTP/1.1\r\nHost: h\r\n\r\n"), 200, "the request's body is malformed or was cut short", true},
		"chunked, a negative number": {"/", of("\nTransfer-Encoding: chunked", "-1\r\nb\r\n0\r\n\r\n"), 200, "the request's body is malformed or was cut short", true},
		"chunked, a huge number":     {"/", of("\nTransfer-Encoding: chunked", "ffffffffffffffffff\r\nb\r\n0\r\n\r\n"), 200, "the request's body is malformed or was cut short", true},
		"unread at hand":             {"/unread", of(lengthed(100)), 200, "unread", false},
		"unread":                     {"/unread", of(lengthed(most)), 200, "unread", false},
		"unread, chunked":            {"/unread", of(chunked(most, 100)), 200, "unread", true},
		"half read":                  {"/half", of(lengthed(most)), 200, "half", false},
		"half read, chunked":         {"/half", of(chunked(most, 77)), 200, "half", true},
		"unread and malformed":       {"/unread", of("\nTransfer-Encoding: chunked", "zz\r\nGET /again HTTP/1.1\r\nHost: h\r\n\r\n"), 200, "unread", true},
	} {
		t.Run(name, func(t *testing.T) {
			c := f.dial()
			c.send("POST "+test.path+" HTTP/1.1\nHost: h"+test.request.head, test.request.body)
			got, text, err := c.read("POST")
			if got.StatusCode != test.status || text != test.text || err != nil {
				t.Errorf("got %d, %q, %v, want %d, %q", got.StatusCode, text, err, test.status, test.text)
			}
			switch {
			case test.closed && !c.ended():
				t.Error("the connection is open, and nobody knows where in a request it is")
			case !test.closed && !c.again():
				t.Error("the connection takes no further request")
			}
		})
	}
}

// Two requests with bodies, sent at once, do not mix.
func TestPipelinedBodies(t *testing.T) {
	f := newFixture(t, patience, reader(t))
	c := f.dial()
	body := strings.Repeat("b", 10_000)
	one := "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10000\r\n\r\n" + body
	two := "POST /unread HTTP/1.1\r\nHost: h\r\nContent-Length: 10000\r\n\r\n" + body
	three := "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks(10_000, 999)
	go io.WriteString(c, one+two+three+"GET /again HTTP/1.1\r\nHost: h\r\n\r\n")
	for _, want := range []string{"10000 pulled=true 10000", "unread", "10000 pulled=true no CONTENT_LENGTH", "again"} {
		if _, got, err := c.read("POST"); got != want || err != nil {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
}

func TestABodyCutShort(t *testing.T) {
	f := newFixture(t, patience, reader(t))
	for name, test := range map[string]struct{ head, body string }{
		"with a length": {"Content-Length: 20000", strings.Repeat("b", 10_000)},
		"chunked":       {"Transfer-Encoding: chunked", "a\r\nbbbbbbbbbb\r\nff\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			c := f.dial()
			c.send("POST / HTTP/1.1\nHost: h\n"+test.head, test.body)
			if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			got, text, err := c.read("POST")
			if got.StatusCode != 200 || text != abi.ErrorBody.Error() || err != nil {
				t.Errorf("got %d, %q, %v", got.StatusCode, text, err)
			}
			if !c.ended() {
				t.Error("the connection is open")
			}
		})
	}
}

func TestExpectContinue(t *testing.T) {
	f := newFixture(t, patience, reader(t))
	for _, n := range []int{5, 20_000} {
		c := f.dial()
		c.send("POST / HTTP/1.1\nHost: h\nExpect: 100-continue\nContent-Length: "+strconv.Itoa(n), "")
		got, _, _ := c.read("POST")
		if got.StatusCode != 100 {
			t.Fatalf("got %d", got.StatusCode)
		}
		if _, err := io.WriteString(c, strings.Repeat("b", n)); err != nil {
			t.Fatal(err)
		}
		if _, text, err := c.read("POST"); !strings.HasPrefix(text, strconv.Itoa(n)+" ") || err != nil {
			t.Errorf("got %q, %v", text, err)
		}
		if !c.again() {
			t.Error("the connection takes no further request")
		}
	}
}

// An app may answer block by block while it reads.
func TestABodyIsReadWhileTheResponseIsSent(t *testing.T) {
	f := newFixture(t, patience, func(run context.Context, req *runtime.Request, resp *response) error {
		if key(req, "PATH_INFO") == "/again" {
			return blocks(nil, "again")(run, req, resp)
		}
		err := begin(resp, "200 OK")
		for p := make([]byte, 4096); err == nil; {
			var n int
			if n, err = req.Body.Read(p); n > 0 {
				err = resp.Write(p[:n], false)
			}
		}
		if err == io.EOF {
			err = resp.Write(nil, true)
		}
		return err
	})
	for name, test := range map[string]struct {
		head, body string
		n          int
		broken     bool
	}{
		"with a length": {"Content-Length: 60000", strings.Repeat("b", 60_000), 60_000, false},
		"chunked":       {"Transfer-Encoding: chunked", chunks(60_000, 1000), 60_000, false},
		"malformed":     {"Transfer-Encoding: chunked", "5\r\nbbbbb\r\n5\r\nbbbbbXX0\r\n\r\n", 10, true},
	} {
		t.Run(name, func(t *testing.T) {
			c := f.dial()
			c.send("POST / HTTP/1.1\nHost: h\n"+test.head, test.body)
			_, text, err := c.read("POST")
			if (err != nil) != test.broken || !test.broken && len(text) != test.n {
				t.Errorf("got %d bytes, %v", len(text), err)
			}
			if test.broken && !c.ended() || !test.broken && !c.again() {
				t.Error("the connection is open or closed wrongly")
			}
		})
	}
}

// The connection is the next request's when a response is out, whatever the app does.
func TestABodyIsNotReadAfterItsRequest(t *testing.T) {
	answered, read := make(chan struct{}), make(chan error, 1)
	f := newFixture(t, patience, func(run context.Context, req *runtime.Request, resp *response) error {
		if key(req, "PATH_INFO") == "/again" {
			return blocks(nil, "again")(run, req, resp)
		}
		err := errors.Join(begin(resp, "200 OK"), resp.Write([]byte("early"), true))
		<-answered
		_, readErr := req.Body.Read(make([]byte, 100))
		read <- readErr
		return err
	})
	c := f.dial()
	body := strings.Repeat("b", 20_000)
	c.send("POST / HTTP/1.1\nHost: h\nContent-Length: 20000", body)
	if _, text, err := c.read("POST"); text != "early" || err != nil {
		t.Errorf("got %q, %v", text, err)
	}
	close(answered)
	if !c.again() {
		t.Error("the connection takes no further request")
	}
	if err := <-read; !errors.Is(err, runtime.ErrGone) {
		t.Errorf("got %v", err)
	}
}

// pipe is a body on one end of a connection without a network.
func pipe(t *testing.T, length, most int64) (*requestBody, net.Conn) {
	t.Helper()
	here, there := net.Pipe()
	t.Cleanup(func() { here.Close(); there.Close() })
	h := tenants.DefaultHTTP()
	c := &conn{Conn: here, http: &h}
	c.request.length = length
	c.began()
	b := &requestBody{from: &c.content, conn: c, most: most}
	b.until(context.Background())
	return b, there
}

func TestCloseEndsARead(t *testing.T) {
	for range 20 {
		b, _ := pipe(t, 100, 100)
		got := make(chan error)
		go func() {
			_, err := b.Read(make([]byte, 10))
			got <- err
		}()
		eventually(t, "the read is under way", func() bool {
			if b.mu.TryLock() {
				b.mu.Unlock()
				return false
			}
			return true
		})
		b.close()
		if err := <-got; err == nil {
			t.Error("no error")
		}
		if _, err := b.Read(make([]byte, 10)); !errors.Is(err, runtime.ErrGone) {
			t.Errorf("after close: %v", err)
		}
		b.close()
	}
}

func TestABodyEndsAtTheDeadline(t *testing.T) {
	b, _ := pipe(t, 100, 100)
	run, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	b.until(run)
	_, err := b.Read(make([]byte, 10))
	if <-run.Done(); !errors.Is(err, quotas.LimitTimeout) && !errors.Is(err, runtime.ErrGone) {
		t.Errorf("got %v", err)
	}
	if _, err := b.Read(make([]byte, 10)); !errors.Is(err, quotas.LimitTimeout) {
		t.Errorf("after the deadline: %v", err)
	}
}

func TestTheLimitOfABodyStays(t *testing.T) {
	b, there := pipe(t, 100, 2)
	go func() {
		for range 4 {
			io.WriteString(there, "a")
		}
	}()
	for i, want := range []error{nil, nil, abi.ErrorLimit, abi.ErrorLimit} {
		if n, err := b.Read(make([]byte, 10)); !errors.Is(err, want) || err != nil && n != 0 {
			t.Errorf("read %d: %d, %v, want %v", i, n, err, want)
		}
	}
}

func TestNoBodyIsFine(t *testing.T) {
	var b *requestBody
	b.until(context.Background())
	b.close()
	if b.broken() != nil {
		t.Error("broken")
	}
}

func TestMalformedRequests(t *testing.T) {
	f := newFixture(t, patience, blocks(nil, "taken"))
	for name, test := range map[string]struct {
		text   string
		status int
	}{
		"no HTTP":              {"\x16\x03\x01\x02\x00\r\n\r\n", 400},
		"no version":           {"GET /\r\nHost: h\r\n\r\n", 400},
		"a head too long":      {"GET / HTTP/1.1\r\nHost: h\r\nX: " + strings.Repeat("x", 8<<10) + "\r\n\r\n", 431},
		"a host of spaces":     {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
		"a length of letters":  {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n", 400},
		"two lengths":          {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nbbbbb", 400},
		"a negative length":    {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -5\r\n\r\n", 400},
		"a space before colon": {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length : 5\r\n\r\nbbbbb", 400},
		"an unknown encoding":  {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n", 400},
		"two hosts":            {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
	} {
		t.Run(name, func(t *testing.T) {
			c := f.dial()
			if _, err := io.WriteString(c, test.text); err != nil {
				t.Fatal(err)
			}
			got, text, _ := c.read("GET")
			if got.StatusCode != test.status || !strings.HasPrefix(text, fasthttp.StatusMessage(test.status)) {
				t.Errorf("got %d, %q", got.StatusCode, text)
			}
			if !c.ended() {
				t.Error("the connection is open")
			}
		})
	}
}
