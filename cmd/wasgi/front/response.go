package front

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"wasgi/abi"
	"wasgi/quotas"
	"wasgi/runtime"
)

// response takes what the app answers, on the goroutine that runs the app, while the
// connection's goroutine waits. A short body that is whole with its first block is handed
// over at once; any other becomes a stream, and the connection's goroutine sends it
// while the app goes on. It implements runtime.Response.
type response struct {
	run    context.Context
	access *access
	req    *runtime.Request
	body   *requestBody
	ready  chan error // one value: the connection's goroutine may go on

	mu     sync.Mutex
	ctx    *fasthttp.RequestCtx // nil once the connection's goroutine has gone on
	head   bool                 // Start has been called
	over   bool                 // no block is taken any more
	bare   bool                 // no body belongs to it: HEAD, 204, 304, a tunnel
	length int64                // the app's Content-Length, -1 where it set none
	most   int64                // bytes of body that the app may send, 0: any number
	sent   int64
	stream *stream

	squeeze squeeze
	spool   *spool // of streams
	holds   bool   // the app waits for its client, see stream
	keeps   bool   // a cache may want the body
	whole   []byte // the body of a stream for a cache, nil where none may want it, or it is not whole
}

func newResponse(run context.Context, ctx *fasthttp.RequestCtx, a *access, req *runtime.Request, body *requestBody) *response {
	a.begin()
	return &response{run: run, ctx: ctx, access: a, req: req, body: body, ready: make(chan error, 1), length: -1}
}

// wait returns when the response is in ctx, or why there will be none. An app that
// does not come back after its deadline is given up.
func (r *response) wait() error {
	select {
	case err := <-r.ready:
		return err
	case <-r.run.Done():
	}
	select {
	case err := <-r.ready:
		return err
	case <-time.After(graceTimeout):
	}
	r.mu.Lock()
	waiting := r.ctx != nil
	r.ctx, r.over = nil, true
	r.mu.Unlock()
	if !waiting {
		return <-r.ready
	}
	r.access.abandon()
	r.body.close()
	return runtime.Ended(r.run)
}

// goOn lets the connection's goroutine go on. The caller holds mu.
func (r *response) goOn(err error) {
	if r.ctx == nil {
		return
	}
	r.access.instance = r.req.Instance
	r.tellLimits()
	r.ctx = nil
	if r.stream == nil {
		r.body.close()
	}
	r.ready <- err
}

// tellLimits puts the limits that the request has met into the head. The caller holds
// mu, and is the app's goroutine.
func (r *response) tellLimits() {
	if errors.Is(r.body.broken(), quotas.LimitRequestBody) && !slices.Contains(r.req.Hits, quotas.LimitRequestBody) {
		r.req.Hits = append(r.req.Hits, quotas.LimitRequestBody)
	}
	r.access.hits = slices.Clone(r.req.Hits)
	if names := limitNames(r.access.hits); names != "" {
		r.ctx.Response.Header.Set(limitHeader, names)
	}
}

// Start implements runtime.Response.
func (r *response) Start(status []byte, headers abi.View) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ctx == nil {
		return r.lost()
	}
	if len(status)+headers.Size() > abi.MostHead || headers.Len() > abi.MostHeaders {
		return errHead
	}
	code, reason, ok := parseStatus(status)
	if !ok {
		return abi.ErrorInvalid
	}
	r.length = -1
	h := &r.ctx.Response.Header
	h.DisableNormalizing()
	h.SetStatusCode(code)
	h.SetStatusMessage(reason)
	for name, value := range headers.All() {
		if !r.addHeader(h, name, value) {
			r.ctx.Response.Reset()
			return abi.ErrorInvalid
		}
	}
	tunnel := isTunnel(r.ctx, code)
	r.ctx.Response.SkipBody = tunnel // nor has it a length
	r.bare = r.ctx.IsHead() || code == fasthttp.StatusNoContent || code == fasthttp.StatusNotModified || tunnel
	if !r.bare && r.beyond(r.length) {
		r.ctx.Response.Reset()
		return overLimit(quotas.LimitResponseBody, r.most)
	}
	r.head = true
	r.access.status = code
	return nil
}

// isTunnel tells whether a response is one to CONNECT after which no HTTP follows, RFC 9110,
// section 9.3.6. No app has a tunnel: the connection ends.
func isTunnel(ctx *fasthttp.RequestCtx, code int) bool { return ctx.IsConnect() && code/100 == 2 }

// lost is the reason why nobody waits for the response any more.
func (r *response) lost() error {
	if r.run.Err() != nil {
		return runtime.Ended(r.run)
	}
	return runtime.ErrGone
}

// parseStatus reads "200 OK". A reason that is empty becomes a space: fasthttp would write its
// own for none.
func parseStatus(status []byte) (code int, reason []byte, ok bool) {
	digits, reason, ok := bytes.Cut(status, []byte{' '})
	code, err := strconv.Atoi(string(digits))
	if len(reason) == 0 {
		reason = []byte{' '}
	}
	return code, reason, ok && err == nil && len(digits) == 3 && code >= 200 && isFieldValue(reason)
}

// addHeader checks what the guest is to have checked: it is not trusted.
func (r *response) addHeader(h *fasthttp.ResponseHeader, name, value []byte) bool {
	if !isToken(name) || !isFieldValue(value) {
		return false
	}
	switch {
	case isName(name, "Content-Length"):
		n, err := strconv.ParseUint(string(value), 10, 63)
		if err != nil || r.length >= 0 && r.length != int64(n) {
			return false
		}
		r.length = int64(n)
	case isHopByHop(name):
		return false
	case isName(name, "Date"), isName(name, limitHeader):
		// The server's own stands.
	default:
		if r.squeeze.note(name, value) {
			h.AddBytesKV(name, value)
		}
	}
	return true
}

// isHopByHop tells whether a header is the connection's, RFC 9110, section 7.6.1.
func isHopByHop(name []byte) bool {
	switch kindOf(string(name)) {
	case fieldConnection, fieldHop, fieldTrailer, fieldCoding:
		return true
	}
	return isName(name, "Trailers")
}

func isName(name []byte, want string) bool {
	return len(name) == len(want) && bytes.EqualFold(name, []byte(want))
}

// Expect implements runtime.Response.
func (r *response) Expect(length int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ctx != nil && r.length < 0 && r.sent == 0 && !r.beyond(length) {
		r.length = length
	}
}

// Write implements runtime.Response.
func (r *response) Write(block []byte, last bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return r.afterEnd(block)
	}
	if !r.head {
		return abi.ErrorOrder
	}
	block, tooLong := r.within(block)
	if !r.bare && r.beyond(r.sent+int64(len(block))) {
		return r.cutOff()
	}
	r.sent += int64(len(block))
	whole := last || r.sent == r.length || tooLong
	err := r.take(block, whole)
	if tooLong && err == nil {
		err = abi.ErrorLength
	}
	return err
}

// afterEnd answers a block that comes after the body was whole.
func (r *response) afterEnd(block []byte) error {
	switch {
	case r.bare:
		return abi.Enough
	case len(block) == 0:
		return nil
	case r.length >= 0 && r.sent == r.length:
		return abi.ErrorLength
	}
	return r.lost()
}

// within cuts a block where the app's Content-Length ends.
func (r *response) within(block []byte) (cut []byte, tooLong bool) {
	if r.length >= 0 && int64(len(block)) > r.length-r.sent {
		return block[:r.length-r.sent], true
	}
	return block, false
}

// beyond tells whether a body of n bytes is longer than it may be.
func (r *response) beyond(n int64) bool { return r.most > 0 && n > r.most }

// cutOff ends a body that would be longer than it may be. The caller holds mu.
func (r *response) cutOff() error {
	err := overLimit(quotas.LimitResponseBody, r.most)
	r.over = true
	if r.stream != nil {
		r.stream.finish(err)
	}
	return err
}

// finish is called when the app is done with the request. It is the last that touches
// the response on the app's side.
func (r *response) finish(err error) {
	req := r.req
	defer func() { r.access.ended(req.Usage, req.Hits) }()
	r.mu.Lock()
	defer r.mu.Unlock()
	defer func() { r.req = nil }() // the response may be on its way for long
	defer r.squeeze.free()
	if r.stream != nil && !r.over {
		if err == nil {
			err = r.shortage()
		}
		if err == nil {
			r.stream.last(r.squeeze.end())
		}
		r.over = true
		r.stream.finish(err)
	}
	if err == nil && r.ctx != nil && r.head {
		r.ctx.Response.SetBody(nil)
		r.end()
	}
	if err == nil {
		err = errNoResponse
	}
	r.over = true
	r.goOn(err)
	r.body.release()
}
