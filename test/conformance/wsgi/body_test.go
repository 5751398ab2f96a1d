package wsgi

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"

	"wasgi/test/testkit"
)

func body() []statement {
	return []statement{
		{54, "M", "each block is on its way before the next one is asked for", blocksInTurn},
		{55, "M", "bytes are sent unchanged, what is no bytes is an error", blocksAreBytes},
		{56, "M", "what is written comes before the iterable", writtenFirst},
		{57, "M", "close() is called once: at the end, after an error, where the client has gone, …", closedOnce},
		{58, "M", "len(iterable) is trusted", lengthTrusted},
		{59, "O", "one block has a Content-Length", oneBlock},
		{60, "O", "bodies of unknown length are chunked, in HTTP/1.0 ended by the connection", unknownLength},
		{61, "S", "never more than the Content-Length: iteration ends, write() raises", tooMuch},
		{62, "S", "too little body: the connection is closed, the log tells", tooLittle},
		{63, "M", "the server does not depend on exhausting the iterator", endedEarly},
		{64, "M", "of an empty iterable the headers are sent at its end", emptyIterable},
		{65, "X", "HEAD: no body, headers as for GET", headRequests},
		{66, "X", "204 and 304 have no body, no length and no encoding; 1xx is refused", bareStatuses},
	}
}

// blocksInTurn reads each block before it lets the app make the next.
func blocksInTurn(p probe) {
	for _, path := range []string{"/in-turn", "/in-turn-written"} {
		c := p.server.Dial(p)
		c.Say(testkit.Head(host, path))
		got, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			p.Fatal(err)
		}
		for n := range 5 {
			block := make([]byte, 1)
			if _, err := io.ReadFull(got.Body, block); err != nil || string(block) != fmt.Sprint(n) {
				p.Fatalf("%s: block %d is %q, %v", path, n, block, err)
			}
			p.letGo()
		}
		if rest, err := io.ReadAll(got.Body); err != nil || len(rest) > 0 {
			p.Errorf("%s: the rest is %q, %v", path, rest, err)
		}
	}
}

func blocksAreBytes(p probe) {
	all := make([]byte, 256)
	reversed := make([]byte, 256)
	for n := range all {
		all[n], reversed[255-n] = byte(n), byte(n)
	}
	p.is(p.get("/all-bytes"), http.StatusOK, string(all)+"\r\n0\r\n\r\n"+string(reversed))
	for _, kind := range []string{"str", "bytearray", "memoryview", "int", "none"} {
		mark := p.server.Log.Mark()
		if got := p.get("/no-bytes?" + kind); got.StatusCode != http.StatusInternalServerError {
			p.Errorf("a block of %s: status %d", kind, got.StatusCode)
		}
		p.server.Log.Wait(p, mark, testkit.Match{Text: "TypeError: the body must be blocks of bytes"})
	}
}

func writtenFirst(p probe) {
	p.is(p.get("/written"), http.StatusOK, "first, second, then the iterable")
}

// closedOnce counts the calls of close in the log: some ways of ending take the instance
// with them.
func closedOnce(p probe) {
	for _, how := range []string{"", "whole", "error-first", "error", "text", "no-start", "no-iterator", "204", "304", "length", "exit"} {
		p.closes(host, "GET", how)
	}
	p.closes(host, "HEAD", "endless")
	p.closes(host, "HEAD", "whole")
	p.closes("limited.localhost", "GET", "cpu")
	mark := p.server.Log.Mark()
	gone := p.server.Dial(p)
	gone.Say(testkit.Head(host, "/closing?endless"))
	if _, err := http.ReadResponse(bufio.NewReader(gone), nil); err != nil {
		p.Fatal(err)
	}
	gone.Close()
	p.closedOne(mark, "endless")
	p.is(p.get("/one-block"), http.StatusOK, "one block")
}

func (p probe) closes(host, method, how string) {
	p.Helper()
	mark := p.server.Log.Mark()
	head := testkit.Head(host, "/closing?"+how)
	p.on(method, method+strings.TrimPrefix(head, "GET"))
	p.closedOne(mark, how)
}

// closedOne waits for the end of a request and fails the test unless close was called once.
func (p probe) closedOne(mark testkit.Mark, how string) {
	p.Helper()
	p.server.Log.Wait(p, mark, testkit.Match{Text: "/closing?" + how})
	if found := p.server.Log.Find(mark, testkit.Match{Text: "noted: " + how + " closed"}); len(found) != 1 {
		p.Errorf("%s: close was called %d times", how, len(found))
	}
}

// lengthTrusted gets the whole answer while the iterator still waits after its one block.
func lengthTrusted(p probe) {
	c := p.server.Dial(p)
	c.Say(testkit.Head(host, "/trusted-length"))
	got, err := c.Hear(http.MethodGet)
	if err != nil {
		p.Fatal(err)
	}
	p.letGo()
	p.is(got, http.StatusOK, "the one block")
	equal(p, "Content-Length", got.ContentLength, 13)
}

func oneBlock(p probe) {
	got := p.get("/one-block")
	p.is(got, http.StatusOK, "one block")
	equal(p, "Content-Length", got.ContentLength, 9)
	equal(p, "Transfer-Encoding", strings.Join(got.TransferEncoding, ","), "")
}

func unknownLength(p probe) {
	got := p.get("/blocks")
	p.is(got, http.StatusOK, "abcdef")
	equal(p, "Transfer-Encoding", strings.Join(got.TransferEncoding, ","), "chunked")
	for _, more := range []string{"", "Connection: keep-alive\r\n"} {
		c := p.server.Dial(p)
		c.Say("GET /blocks HTTP/1.0\r\nHost: " + host + "\r\n" + more + "\r\n")
		head, body, _ := strings.Cut(c.Rest(), "\r\n\r\n")
		equal(p, "the body in HTTP/1.0", body, "abcdef")
		if lower := strings.ToLower(head); strings.Contains(lower, "transfer-encoding") || strings.Contains(lower, "content-length") {
			p.Errorf("the head in HTTP/1.0 is %q", head)
		}
	}
}

func tooMuch(p probe) {
	p.noted()
	p.is(p.get("/too-much"), http.StatusOK, "12345")
	equal(p, "what the app saw", p.noted(), "too-much closed")
	p.is(p.get("/too-much-written"), http.StatusOK, "12345")
	equal(p, "what the app saw of write()", p.noted(), "raised")
	_, body, _ := strings.Cut(p.raw("/too-much"), "\r\n\r\n")
	equal(p, "all that came", body, "12345")
}

func tooLittle(p probe) {
	mark := p.server.Log.Mark()
	c := p.server.Dial(p)
	c.Say(testkit.Head(host, "/too-little"))
	if got, err := c.Hear(http.MethodGet); err == nil && got.Err == nil {
		p.Errorf("status %d, %q is whole", got.StatusCode, got.Text)
	}
	c.Rest()
	p.server.Log.Wait(p, mark, testkit.Match{Text: "less body than its Content-Length"})
}

func endedEarly(p probe) {
	p.noted()
	p.is(p.on(http.MethodHead, "HEAD"+strings.TrimPrefix(testkit.Head(host, "/endless"), "GET")), http.StatusOK, "")
	equal(p, "what the app saw", p.noted(), "endless closed")
}

func emptyIterable(p probe) {
	got := p.get("/nothing")
	p.is(got, http.StatusOK, "")
	equal(p, "X-Nothing", got.Header.Get("X-Nothing"), "1")
	equal(p, "Content-Length", got.ContentLength, 0)
}

// headRequests compares what comes back for HEAD with the head for GET. A length that GET
// does not tell must not be told.
func headRequests(p probe) {
	for _, path := range []string{"/one-block", "/blocks", "/replaced", "/nothing", "/file?name=plain", "/file?name=plain&length=5", "/too-little"} {
		head := func(method string) string {
			c := p.server.Dial(p)
			c.Say(method + strings.TrimPrefix(testkit.Head(host, path, "Connection: close"), "GET"))
			return c.Rest()
		}
		get, _, _ := strings.Cut(head("GET"), "\r\n\r\n")
		got, rest, _ := strings.Cut(head("HEAD"), "\r\n\r\n")
		equal(p, path+": what follows the head", rest, "")
		equal(p, path+": the head", sameAnyDay(got), sameAnyDay(get))
	}
}

// sameAnyDay returns a head without what HEAD may leave out and what the clock decides.
func sameAnyDay(head string) string {
	var kept []string
	for line := range strings.SplitSeq(head, "\r\n") {
		if name, _, _ := strings.Cut(line, ":"); name != "Date" && name != "Transfer-Encoding" {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}

func bareStatuses(p probe) {
	p.noted()
	for _, status := range []string{"204+No+Content", "304+Not+Modified"} {
		got := p.raw("/bare?" + status)
		head, rest, _ := strings.Cut(got, "\r\n\r\n")
		lower := strings.ToLower(head)
		if rest != "" || !strings.HasPrefix(got, "HTTP/1.1 "+strings.ReplaceAll(status, "+", " ")+"\r\n") ||
			strings.Contains(lower, "content-length") || strings.Contains(lower, "transfer-encoding") {
			p.Errorf("%s: %q", status, got)
		}
		equal(p, "what the app saw", p.noted(), "bare closed")
	}
	for _, status := range []string{"100+Continue", "103+Early+Hints"} {
		equal(p, "the status for "+status, p.get("/bare?"+status).StatusCode, http.StatusInternalServerError)
	}
}
