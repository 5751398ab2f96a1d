package front

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"

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

// unreadable is a request that is no HTTP, or too large, or came too slowly.
type unreadable struct{ error }

func (u unreadable) Unwrap() error { return u.error }

// statusGone is for the log alone: nobody is there to get it. nginx has it too.
const statusGone = 499

// failure is a status of the server's own and the reason that is logged and told.
type failure struct {
	status int
	reason string
}

// failureOf decides which status an error of the layers below becomes.
func failureOf(err error) failure {
	var notLoaded *tenants.NotLoadedError
	var tooLarge errTooLarge
	var bad unreadable
	switch {
	case errors.As(err, &bad):
		return failure{unreadableStatus(bad), "the request cannot be read"}
	case errors.As(err, &tooLarge):
		return failure{fasthttp.StatusRequestEntityTooLarge, err.Error()}
	case errors.As(err, &notLoaded):
		return failure{fasthttp.StatusServiceUnavailable, "the app cannot be loaded"}
	case errors.Is(err, quotas.LimitQueue), errors.Is(err, quotas.LimitQueueTimeout), errors.Is(err, runtime.ErrClosed):
		return failure{fasthttp.StatusServiceUnavailable, err.Error()}
	case errors.Is(err, quotas.LimitTimeout), errors.Is(err, abi.ErrorDeadline), errors.Is(err, context.DeadlineExceeded):
		return failure{fasthttp.StatusGatewayTimeout, "the request's time is over"}
	case errors.Is(err, abi.ErrorLimit):
		return failure{fasthttp.StatusRequestEntityTooLarge, errTooLarge{}.Error()}
	case errors.Is(err, runtime.ErrGone):
		return failure{statusGone, err.Error()}
	case errors.Is(err, abi.ErrorBody):
		return failure{fasthttp.StatusBadRequest, err.Error()}
	}
	return failure{fasthttp.StatusInternalServerError, err.Error()}
}

func unreadableStatus(err error) int {
	var small *fasthttp.ErrSmallBuffer
	var timeout net.Error
	switch {
	case errors.As(err, &small), errors.Is(err, bufio.ErrBufferFull):
		return fasthttp.StatusRequestHeaderFieldsTooLarge
	case errors.As(err, &timeout) && timeout.Timeout():
		return fasthttp.StatusRequestTimeout
	}
	return fasthttp.StatusBadRequest
}

// write makes ctx's response the failure's. The client is told what it can act on;
// what went wrong inside an app is for the tenant's log.
func (f failure) write(ctx *fasthttp.RequestCtx, id string) {
	ctx.Response.Reset()
	ctx.SetStatusCode(f.status)
	ctx.SetContentType("text/plain; charset=utf-8")
	text := fasthttp.StatusMessage(f.status)
	if f.status != fasthttp.StatusInternalServerError && f.reason != "" {
		text += ": " + f.reason
	}
	if f.status == fasthttp.StatusServiceUnavailable {
		ctx.Response.Header.Set("Retry-After", "1")
	}
	if f.status == fasthttp.StatusBadRequest || f.status == fasthttp.StatusRequestEntityTooLarge {
		ctx.SetConnectionClose()
	}
	if id != "" {
		text += fmt.Sprintf("\nRequest %s", id)
	}
	ctx.SetBodyString(text + "\n")
}

func sprintf(format string, args []any) string { return fmt.Sprintf(format, args...) }
