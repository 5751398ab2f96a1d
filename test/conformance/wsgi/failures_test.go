package wsgi

import (
	"fmt"
	"net/http"
	"strings"

	"wasgi/test/testkit"
)

func failures() []statement {
	return []statement{
		{71, "S", "an exception of the app is logged, and a 500 if nothing was sent", failsBefore},
		{72, "S", "an app that does not call start_response: 500", neverStarted},
		{73, "X", "a failure in the middle: the body is truncated, without its last chunk", failsLater},
		{74, "M", "Expect: 100-continue works", expectContinue},
		{75, "S", "the server plays dumb: what the app says is what the client gets", playsDumb},
		{76, "M", "an extension that sends by itself does not pass by middleware", notPassedBy},
		{77, "X", "keep-alive and pipelining never mix responses", pipelined},
	}
}

func failsBefore(p probe) {
	for how, text := range map[string]string{"before": "ValueError: before the start", "after": "ValueError: after the start"} {
		mark := p.server.Log.Mark()
		got := p.get("/fails?" + how)
		if got.StatusCode != http.StatusInternalServerError || strings.Contains(got.Text, "ValueError") {
			p.Errorf("%s: status %d, %q", how, got.StatusCode, got.Text)
		}
		p.server.Log.Wait(p, mark, testkit.Match{Tenant: "statements", Request: got.RequestID(), Text: text})
	}
}

func neverStarted(p probe) {
	mark := p.server.Log.Mark()
	equal(p, "the status", p.get("/no-start").StatusCode, http.StatusInternalServerError)
	p.server.Log.Wait(p, mark, testkit.Match{Text: "has not called start_response"})
}

func failsLater(p probe) {
	got := p.raw("/fails?later")
	if !strings.HasPrefix(got, "HTTP/1.1 200 OK\r\n") || !strings.Contains(got, "the beginning") || strings.HasSuffix(got, "0\r\n\r\n") {
		p.Errorf("got %q", got)
	}
}

// expectContinue sends the body only when it was told to.
func expectContinue(p probe) {
	for _, size := range []int{5, 100_000} {
		c := p.server.Dial(p)
		c.Say(fmt.Sprintf("POST /swallow HTTP/1.1\r\nHost: %s\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", host, size))
		if got, err := c.Hear(http.MethodPost); err != nil || got.StatusCode != http.StatusContinue {
			p.Fatalf("the first answer is %v, %v; want 100", got.Response, err)
		}
		c.Say(strings.Repeat("x", size))
		got, err := c.Hear(http.MethodPost)
		if err != nil {
			p.Fatal(err)
		}
		p.is(got, http.StatusOK, fmt.Sprint(size))
	}
}

// playsDumb asks for what the app knows nothing of, and gets the app's answer.
func playsDumb(p probe) {
	got := p.get("/one-block", "Range: bytes=0-2", "If-None-Match: *", "If-Modified-Since: Mon, 01 Jan 2035 00:00:00 GMT")
	p.is(got, http.StatusOK, "one block")
	for _, name := range []string{"Content-Range", "Content-Encoding", "Accept-Ranges", "Etag", "Last-Modified"} {
		if got.Header[name] != nil {
			p.Errorf("%s is %q, and not the app's", name, got.Header[name])
		}
	}
}

// notPassedBy sends a file through a middleware that changes it.
func notPassedBy(p probe) {
	p.is(p.get("/file?name=plain&how=shouted"), http.StatusOK, strings.ToUpper(large()))
	p.is(p.get("/file?name=memory&how=shouted"), http.StatusOK, strings.Repeat("IN MEMORY ", 1000))
}

// pipelined sends requests of all kinds before it reads: with bodies, read in part, and
// answers with one block, with many, and with none.
func pipelined(p probe) {
	const rounds = 20
	methods := []string{"GET", "POST", "HEAD", "GET"}
	counts := []int{1, 3, 2, 3000}
	c := p.server.Dial(p)
	go func() {
		for round := range rounds {
			for i, method := range methods {
				head := strings.TrimPrefix(testkit.Head(host, fmt.Sprintf("/by-size?%d-%d,%d", round, i, counts[i])), "GET")
				body := ""
				if method == http.MethodPost {
					body = strings.Repeat("GET", 100)
					head = strings.Replace(head, "\r\n\r\n", fmt.Sprintf("\r\nContent-Length: %d\r\n\r\n", len(body)), 1)
				}
				c.Say(method + head + body)
			}
		}
	}()
	for round := range rounds {
		for i, method := range methods {
			got, err := c.Hear(method)
			if err != nil {
				p.Fatalf("answer %d-%d: %v", round, i, err)
			}
			want := ""
			if method != http.MethodHead {
				want = strings.Repeat(fmt.Sprintf("%d-%d", round, i), counts[i])
			}
			p.is(got, http.StatusOK, want)
		}
	}
}
