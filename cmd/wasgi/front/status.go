package front

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"wasgi/abi"
	"wasgi/quotas"
	"wasgi/runtime"
	"wasgi/tenants"
)

// mistake is an app's breach of WSGI that shows only when it is done.
type mistake string

const (
	errNoResponse mistake = "the app ended without a response"
	errShort      mistake = "the app sent less body than its Content-Length says"
	errHead       mistake = "the app's status and headers are larger than the server sends"
	errPanicked   mistake = "the server failed"
)

func (m mistake) Error() string { return string(m) }

// statusGone is for the log alone: nobody is there to get it. nginx has it too.
const statusGone = 499

// failure is a status of the server's own and the reason that is logged.
type failure struct {
	status int
	reason string
	told   string        // of the reason to the client; "": all, but none of a 500's
	limit  quotas.Limit  // that was met, "" for none
	retry  time.Duration // when another try may be worth while, where it is a 503
}

// failureOf decides which status an error of the layers below becomes.
func failureOf(err error) failure {
	var notLoaded *tenants.NotLoadedError
	var no refusal
	over := exceeded(err)
	switch {
	case errors.As(err, &no):
		return failure{status: no.status, reason: no.reason, limit: no.limit}
	case errors.As(err, &notLoaded):
		f := failure{status: fasthttp.StatusServiceUnavailable, reason: "the app cannot be loaded"}
		if over != nil {
			f.limit, f.retry = over.Limit, over.RetryAfter
		}
		return f
	case over != nil:
		return overFailure(err, over)
	case errors.Is(err, runtime.ErrClosed), errors.Is(err, runtime.ErrShutdown):
		return failure{status: fasthttp.StatusServiceUnavailable, reason: err.Error()}
	case errors.Is(err, runtime.ErrGone):
		return failure{status: statusGone, reason: err.Error()}
	case errors.Is(err, abi.ErrorBody):
		return failure{status: fasthttp.StatusBadRequest, reason: err.Error()}
	}
	return failure{status: fasthttp.StatusInternalServerError, reason: err.Error()}
}

// overFailure is the failure of a request that met a limit. How much of it the tenant
// used is for the log; how long a body may be is for who sent it.
func overFailure(err error, over *quotas.Exceeded) failure {
	f := failure{status: limitStatus(over.Limit), reason: err.Error(), limit: over.Limit, retry: over.RetryAfter}
	switch {
	case over.Limit == quotas.LimitTimeout:
		f.told = "the request's time is over"
	case over.Limit != quotas.LimitRequestBody && f.status != fasthttp.StatusInternalServerError:
		f.told = over.Limit.Error()
	}
	return f
}

// limitStatus is the table of the README: what the client may mend is a 4xx, what may be
// better later a 503, what took too long to wait for a 504, and the rest the app's fault.
func limitStatus(l quotas.Limit) int {
	switch l {
	case quotas.LimitRequestBody:
		return fasthttp.StatusRequestEntityTooLarge
	case quotas.LimitTimeout:
		return fasthttp.StatusGatewayTimeout
	case quotas.LimitCPU, quotas.LimitCPUShare, quotas.LimitQueue, quotas.LimitQueueTimeout,
		quotas.LimitStartupCPU, quotas.LimitStartupTimeout:
		return fasthttp.StatusServiceUnavailable
	}
	return fasthttp.StatusInternalServerError
}

// write makes ctx's response the failure's; hits are limits that the request met before.
// The client is told what it can act on; what went wrong inside an app is for the
// tenant's log.
func (f failure) write(ctx *fasthttp.RequestCtx, id string, hits ...quotas.Limit) {
	ctx.Response.Reset()
	ctx.SetStatusCode(f.status)
	ctx.SetContentType("text/plain; charset=utf-8")
	text := append(make([]byte, 0, 128), fasthttp.StatusMessage(f.status)...)
	if told := f.tell(); told != "" {
		text = append(append(text, ": "...), told...)
	}
	if f.limit != "" {
		hits = append([]quotas.Limit{f.limit}, hits...)
	}
	if names := limitNames(hits); names != "" {
		ctx.Response.Header.Set(limitHeader, names)
	}
	if f.status == fasthttp.StatusServiceUnavailable {
		ctx.Response.Header.Set("Retry-After", retryAfter(f.retry))
	}
	if f.status == fasthttp.StatusBadRequest || f.status == fasthttp.StatusRequestEntityTooLarge {
		ctx.SetConnectionClose()
	}
	if id != "" {
		text = append(append(text, "\nRequest "...), id...)
	}
	ctx.Response.SetBodyRaw(append(text, '\n'))
}

// tell returns what the client is told of the reason.
func (f failure) tell() string {
	if f.told == "" && f.status != fasthttp.StatusInternalServerError {
		return f.reason
	}
	return f.told
}

// retryAfter writes d in whole seconds, at least one.
func retryAfter(d time.Duration) string {
	return strconv.FormatInt(max(1, int64((d+time.Second-1)/time.Second)), 10)
}

func sprintf(format string, args []any) string { return fmt.Sprintf(format, args...) }
