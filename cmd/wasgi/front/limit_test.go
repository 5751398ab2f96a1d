package front

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"wasgi/abi"
	"wasgi/quotas"
	"wasgi/runtime"
	"wasgi/tenants"
)

// Each limit has its status, its name in a header, and in the access log.
func TestLimitsAndTheirStatus(t *testing.T) {
	over := func(l quotas.Limit, after time.Duration) error {
		return fmt.Errorf("wrapped: %w", &quotas.Exceeded{Limit: l, Detail: "used much", RetryAfter: after})
	}
	notLoaded := &tenants.NotLoadedError{Tenant: "blog", File: "/secret/wasgi.toml", Why: "a traceback"}
	type failed struct {
		err    error
		status int
		limit  string
		retry  string
		text   string
	}
	tests := map[string]failed{
		"timeout":         {over(quotas.LimitTimeout, 0), 504, "timeout", "", "Gateway Timeout: the request's time is over"},
		"cpu":             {over(quotas.LimitCPU, 0), 503, "cpu", "1", "Service Unavailable: over the limit cpu"},
		"cpu_share":       {over(quotas.LimitCPUShare, 2500*time.Millisecond), 503, "cpu_share", "3", "Service Unavailable: over the limit cpu_share"},
		"queue":           {over(quotas.LimitQueue, time.Second), 503, "queue", "1", "Service Unavailable: over the limit queue"},
		"queue_timeout":   {over(quotas.LimitQueueTimeout, time.Second+1), 503, "queue_timeout", "2", "Service Unavailable: over the limit queue_timeout"},
		"startup_cpu":     {over(quotas.LimitStartupCPU, 0), 503, "startup_cpu", "1", "Service Unavailable: over the limit startup_cpu"},
		"startup_timeout": {over(quotas.LimitStartupTimeout, 0), 503, "startup_timeout", "1", "Service Unavailable: over the limit startup_timeout"},
		"memory":          {over(quotas.LimitMemory, 0), 500, "memory", "", "Internal Server Error\n"},
		"stack":           {over(quotas.LimitStack, 0), 500, "stack", "", "Internal Server Error\n"},
		"data":            {over(quotas.LimitData, 0), 500, "data", "", "Internal Server Error\n"},
		"tmp":             {over(quotas.LimitTmp, 0), 500, "tmp", "", "Internal Server Error\n"},
		"response_body":   {over(quotas.LimitResponseBody, 0), 500, "response_body", "", "Internal Server Error\n"},
		"request_body":    {overLimit(quotas.LimitRequestBody, 10<<20), 413, "request_body", "", "Request Entity Too Large: over the limit request_body: a body longer than 10MiB"},

		"a limit alone":     {fmt.Errorf("x: %w", quotas.LimitCPU), 503, "cpu", "1", "Service Unavailable: over the limit cpu"},
		"a deadline":        {fmt.Errorf("%w: %w", quotas.LimitTimeout, runtime.ErrRaised), 504, "timeout", "", "Gateway Timeout: the request's time is over"},
		"the app's":         {abi.ErrorDeadline, 504, "timeout", "", "Gateway Timeout: the request's time is over"},
		"a context's":       {context.DeadlineExceeded, 504, "timeout", "", "Gateway Timeout: the request's time is over"},
		"not loaded":        {notLoaded, 503, "", "1", "Service Unavailable: the app cannot be loaded\n"},
		"not loaded, limit": {errors.Join(notLoaded, over(quotas.LimitStartupCPU, 7*time.Second)), 503, "startup_cpu", "7", "Service Unavailable: the app cannot be loaded\n"},
		"shutting down":     {runtime.ErrClosed, 503, "", "1", "Service Unavailable: the pool is closed"},
		"an exception":      {runtime.ErrRaised, 500, "", "", "Internal Server Error\n"},
	}
	f := newFixture(t, patience, func(_ context.Context, req *runtime.Request, _ *response) error {
		return tests[unescaped(key(req, "QUERY_STRING"))].err
	})
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f.clearLog()
			c := f.dial()
			c.send("GET /?"+strings.ReplaceAll(name, " ", "%20")+" HTTP/1.1\nHost: h", "")
			got, text, err := c.read("GET")
			if got.StatusCode != test.status || !strings.HasPrefix(text, test.text) || err != nil {
				t.Errorf("got %d, %q, %v", got.StatusCode, text, err)
			}
			if got.Header.Get(limitHeader) != test.limit || got.Header.Get("Retry-After") != test.retry {
				t.Errorf("headers %q", got.Header)
			}
			if strings.Contains(text, "used much") || strings.Contains(text, "secret") {
				t.Errorf("the client is told of the inside: %q", text)
			}
			eventually(t, "the line", func() bool { return strings.Count(f.logged(), "\n") == 1 })
			line := f.logged()
			if has := strings.Contains(line, " limit="); has != (test.limit != "") || has && !strings.Contains(line, " limit="+test.limit+" ") {
				t.Errorf("the line is %q", line)
			}
		})
	}
}

// Limits that the app met, and answered for itself, are told too; an app's own header
// of that name is not.
func TestLimitsThatTheAppSurvived(t *testing.T) {
	raise := errors.New("an exception")
	type met struct {
		app    app
		status int
		limit  string
	}
	block := func(hits ...quotas.Limit) app {
		return func(_ context.Context, req *runtime.Request, resp *response) error {
			req.Hits = append(req.Hits, hits...)
			return errors.Join(begin(resp, "200 OK", "x-wasgi-limit", "mine"), resp.Write([]byte("hello"), true))
		}
	}
	tests := map[string]met{
		"none": {block(), 200, ""},
		"one":  {block(quotas.LimitMemory), 200, "memory"},
		"some": {block(quotas.LimitTmp, quotas.LimitLogRate, quotas.LimitTmp), 200, "tmp, log_rate"},
		"after the head": {func(_ context.Context, req *runtime.Request, resp *response) error {
			err := begin(resp, "200 OK")
			req.Hits = append(req.Hits, quotas.LimitData)
			return errors.Join(err, resp.Write([]byte("hello"), true))
		}, 200, "data"},
		"in a stream": {func(_ context.Context, req *runtime.Request, resp *response) error {
			req.Hits = append(req.Hits, quotas.LimitData)
			err := errors.Join(begin(resp, "200 OK"), resp.Write([]byte("hel"), false))
			req.Hits = append(req.Hits, quotas.LimitMemory) // too late for the head
			return errors.Join(err, resp.Write([]byte("lo"), true))
		}, 200, "data"},
		"and raised": {func(_ context.Context, req *runtime.Request, resp *response) error {
			req.Hits = append(req.Hits, quotas.LimitMemory)
			return raise
		}, 500, "memory"},
		"and went over another": {func(_ context.Context, req *runtime.Request, resp *response) error {
			req.Hits = append(req.Hits, quotas.LimitTmp)
			return &quotas.Exceeded{Limit: quotas.LimitCPU}
		}, 503, "cpu, tmp"},
	}
	f := newFixture(t, patience, func(run context.Context, req *runtime.Request, resp *response) error {
		return tests[unescaped(key(req, "QUERY_STRING"))].app(run, req, resp)
	})
	for name, test := range tests {
		for _, proto := range []string{"1.0", "1.1"} {
			t.Run(name+" HTTP/"+proto, func(t *testing.T) {
				c := f.dial()
				c.send("GET /?"+strings.ReplaceAll(name, " ", "%20")+" HTTP/"+proto+"\nHost: h", "")
				got, _, err := c.read("GET")
				if got.StatusCode != test.status || strings.Join(got.Header.Values(limitHeader), "; ") != test.limit || err != nil {
					t.Errorf("got %d, %q, %v", got.StatusCode, got.Header, err)
				}
			})
		}
	}
}

func TestResponsesOverTheirLimit(t *testing.T) {
	long := strings.Repeat("x", 100)
	type form struct {
		method string
		app    app
		status int
		body   string // of a 200
		cut    bool
		limit  bool
	}
	tests := map[string]form{
		"the most":            {"GET", blocks(nil, long), 200, long, false, false},
		"the most, in blocks": {"GET", blocks(nil, long[:50], long[50:], ""), 200, long, false, false},
		"the most, told":      {"GET", blocks([]string{"Content-Length", "100"}, long), 200, long, false, false},
		"one block":           {"GET", blocks(nil, long+"x"), 500, "", false, true},
		"the first block":     {"GET", blocks(nil, long+"x", "x"), 500, "", false, true},
		"told":                {"GET", blocks([]string{"Content-Length", "101"}, long, "x"), 500, "", false, true},
		"the last block":      {"GET", blocks(nil, long, "x"), 200, long, true, true},
		"far too much":        {"GET", blocks(nil, "x", strings.Repeat(long, 10_000)), 200, "x", true, true},
		"HEAD":                {"HEAD", blocks([]string{"Content-Length", "101"}, long, "x"), 200, "", false, false},
		"HEAD, in blocks":     {"HEAD", blocks(nil, long, "x"), 200, "", false, false},
	}
	f := newFixture(t, patience, func(run context.Context, req *runtime.Request, resp *response) error {
		test := tests[unescaped(key(req, "QUERY_STRING"))]
		err := test.app(run, req, resp)
		if told := errors.Is(err, abi.ErrorLimit) && errors.Is(err, quotas.LimitResponseBody); told != test.limit {
			t.Errorf("the app gets %v", err)
		}
		return err
	})
	f.most = int64(len(long))
	for name, test := range tests {
		for _, proto := range []string{"1.0", "1.1"} {
			t.Run(name+" HTTP/"+proto, func(t *testing.T) {
				f.clearLog()
				c := f.dial()
				c.send(test.method+" /?"+strings.ReplaceAll(name, " ", "%20")+" HTTP/"+proto+"\nHost: h", "")
				got, body, err := c.read(test.method)
				cut := test.cut && proto == "1.1" // in HTTP/1.0 the end of the connection is the body's
				if got.StatusCode != test.status || test.status == 200 && body != test.body || (err != nil) != cut {
					t.Errorf("got %d, %d bytes, %v", got.StatusCode, len(body), err)
				}
				if (got.Header.Get(limitHeader) == "response_body") != (test.status == 500) {
					t.Errorf("headers %q", got.Header)
				}
				eventually(t, "the line", func() bool { return strings.Count(f.logged(), "\n") == 1 })
				if strings.Contains(f.logged(), "limit=response_body") != test.limit {
					t.Errorf("the line is %q", f.logged())
				}
			})
		}
	}
}

// The client does not wait for an app that has said all; the line does, to tell what
// was used.
func TestTheLineTellsWhatWasUsed(t *testing.T) {
	goOn := make(chan struct{})
	f := newFixture(t, patience, func(_ context.Context, req *runtime.Request, resp *response) error {
		err := errors.Join(begin(resp, "200 OK"), resp.Write([]byte("hello"), true))
		<-goOn
		req.Usage = quotas.Usage{
			CPU: 1500 * time.Microsecond, Fuel: 7, Ticks: 3, Memory: quotas.MiB, In: 4, Out: 5, Wait: 2 * time.Millisecond,
		}
		req.Hits = append(req.Hits, quotas.LimitLogRate)
		return err
	})
	c := f.dial()
	c.send("GET / HTTP/1.1\nHost: h", "")
	if got, text, err := c.read("GET"); text != "hello" || got.Header.Get(limitHeader) != "" || err != nil {
		t.Errorf("got %q, %v", text, err)
	}
	if line := f.logged(); line != "" {
		t.Errorf("before the app is done: %q", line)
	}
	close(goOn)
	eventually(t, "the line", func() bool { return f.logged() != "" })
	for _, want := range []string{" status=200 ", " cpu_ms=1.5 ", " fuel=7 ", " ticks=3 ", " memory_peak=1048576 ", " in=4 ", " out=5 ", " wait_ms=2 ", " limit=log_rate\n"} {
		if strings.Count(f.logged(), want) != 1 {
			t.Errorf("%q is not in %q", want, f.logged())
		}
	}
}

func TestTheLineOfAnAppThatDoesNotComeBack(t *testing.T) {
	goOn := make(chan struct{})
	f := newFixture(t, 10*time.Millisecond, func(_ context.Context, req *runtime.Request, _ *response) error {
		<-goOn
		req.Usage.CPU, req.Hits = time.Hour, []quotas.Limit{quotas.LimitCPU}
		return nil
	})
	c := f.dial()
	c.send("GET / HTTP/1.1\nHost: h", "")
	if got, _, err := c.read("GET"); got.StatusCode != 504 || got.Header.Get(limitHeader) != "timeout" || err != nil {
		t.Errorf("got %d, %q, %v", got.StatusCode, got.Header, err)
	}
	eventually(t, "the line", func() bool { return strings.Contains(f.logged(), "status=504") })
	close(goOn)
	f.ended.Wait()
	if line := f.logged(); strings.Count(line, "\n") != 1 || strings.Contains(line, "cpu") {
		t.Errorf("got %q", line)
	}
}

// A tenant's own limits hold, whatever another's are.
func TestBodiesHaveTheLimitOfTheirTenant(t *testing.T) {
	f := newServed(t, map[string]string{
		"small": "[app]\nentry = \"small:app\"\nhosts = [\"small\"]\n[limits]\nrequest_body = \"20KiB\"\nresponse_body = \"10KiB\"",
		"large": "[app]\nentry = \"large:app\"\nhosts = [\"large\"]",
	})
	for name, test := range map[string]struct {
		host  string
		size  int
		sent  bool // the body, and not its head alone
		want  int
		limit string
	}{
		"within":            {"small", 1 << 10, true, 200, ""},
		"too long":          {"small", 20<<10 + 1, true, 413, "request_body"},
		"before it comes":   {"small", 20<<10 + 1, false, 413, "request_body"},
		"far too long":      {"small", 2 << 30, false, 413, "request_body"},
		"of another tenant": {"large", 20<<10 + 1, true, 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := f.dial()
			body := "b"
			if test.sent {
				body = strings.Repeat("b", test.size)
			}
			c.send(fmt.Sprintf("POST / HTTP/1.1\nHost: %s\nContent-Length: %d", test.host, test.size), body)
			got, _, _ := c.read("POST")
			if got.StatusCode != test.want || got.Header.Get(limitHeader) != test.limit {
				t.Errorf("got %d, %q", got.StatusCode, got.Header)
			}
		})
	}
	c := f.dial()
	c.send("POST / HTTP/1.1\nHost: small\nContent-Length: 12000", strings.Repeat("b", 12_000)) // echoed
	if got, text, err := c.read("POST"); got.StatusCode != http.StatusOK || err == nil || len(text) > 10<<10 {
		t.Errorf("got %d, %d bytes, %v", got.StatusCode, len(text), err)
	}
	c = f.dial()
	c.send("POST / HTTP/1.1\nHost: small\nTransfer-Encoding: chunked", chunks(21<<10, 1000))
	if got, _, err := c.read("POST"); got.StatusCode != http.StatusRequestEntityTooLarge || got.Header.Get(limitHeader) != "request_body" || err != nil {
		t.Errorf("got %d, %v", got.StatusCode, err)
	}
}
