package runtime

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"

	"wasgi/abi"
	"wasgi/quotas"
	"wasgi/wasi"
)

// Request is one request as the guest sees it.
type Request struct {
	ID      string     // stands in each line of the tenant's log
	Environ *abi.Pairs // PEP 3333's, but for the wsgi.* objects; not changed, not kept
	Body    io.Reader  // nil where the environ brings it, see Environ's "wsgi.input"

	Instance string // set by who serves it, before the app is called
	// Hits are the limits that the app met, in order, also where it went on. They are
	// appended by the goroutine that calls the Response.
	Hits []quotas.Limit
	// Usage is what the request used; it is there when Serve returns.
	Usage quotas.Usage
	// Wait calls a function that may block for long, while other guests run. It is set
	// by who serves it.
	Wait func(block func())
}

// Response is where an app's response goes. The methods are called by the goroutine
// that runs Serve, with windows on the guest's memory: what is kept must be copied.
// An error makes the app's call fail, and is what Serve returns.
type Response interface {
	// Start takes the status, as "200 OK", and the headers; once, before any block.
	// It refuses what is outside the grammar with abi.ErrorInvalid.
	Start(status []byte, headers abi.View) error
	// Expect tells, before any block, how long the body will be, where the app has not.
	Expect(length int64)
	// Write takes one block. It may block while the client is slow to take it. After
	// a last one, which may be empty, none follows. It returns abi.Enough where
	// further blocks would be of no use: the app is then done without being at fault.
	Write(block []byte, last bool) error
}

// phase is where a guest is in its request; host functions refuse what does not fit.
type phase int

const (
	phaseIdle phase = iota // no request
	phaseHead              // no ResponseStart yet
	phaseBody
	phaseDone // the last block was written
)

// exchange is what a guest's host functions see of its call in flight. One goroutine
// uses it: the one that runs the guest.
type exchange struct {
	ctx      context.Context
	request  *Request
	response Response
	phase    phase
	report   []byte   // what the guest reported
	warnings []string // what it has for the app's author, in its call
	err      error    // the first refusal that ends the request
	meter    *meter
	files    *wasi.Sandbox // the guest's
}

func (x *exchange) begin(ctx context.Context, req *Request, resp Response) {
	*x = exchange{ctx: ctx, request: req, response: resp, phase: phaseHead, report: x.report[:0], meter: x.meter, files: x.files}
}

func (x *exchange) end() {
	x.ctx, x.request, x.response, x.phase = nil, nil, nil, phaseIdle
}

// InputRead implements abi.Host.
func (x *exchange) InputRead(p []byte) (int, abi.Error) {
	if x.phase == phaseIdle {
		return 0, abi.ErrorOrder
	}
	if x.request.Body == nil {
		return 0, 0
	}
	if x.meter.interrupted != nil {
		return 0, abi.ErrorDeadline // nothing is waited for any more
	}
	n, err := 0, error(nil)
	x.meter.exchange(func() {
		for n == 0 && err == nil {
			n, err = x.request.Body.Read(p)
		}
	})
	if n > 0 || err == io.EOF {
		x.meter.usage.In += quotas.Bytes(n)
		return n, 0
	}
	return 0, x.refuse(err)
}

// ResponseStart implements abi.Host.
func (x *exchange) ResponseStart(status []byte, headers abi.View) abi.Error {
	if x.phase != phaseHead {
		return abi.ErrorOrder
	}
	x.meter.observe()
	err := x.response.Start(status, headers)
	if err == nil {
		x.phase = phaseBody
	}
	return x.refuse(err)
}

// ResponseWrite implements abi.Host.
func (x *exchange) ResponseWrite(block []byte, last bool) abi.Error {
	if x.phase == phaseDone && len(block) == 0 {
		return 0 // the end of an iterable whose one block was the last
	}
	if x.phase == phaseDone {
		return x.refuse(abi.ErrorLength)
	}
	if x.phase != phaseBody {
		return abi.ErrorOrder
	}
	if last {
		x.phase = phaseDone
	}
	x.meter.observe()
	x.meter.usage.Out += quotas.Bytes(len(block))
	err := x.response.Write(block, last)
	return x.refuse(err)
}

// fileBlock is how much of a file is sent at once, in bytes.
const fileBlock = 64 << 10

// ResponseFile implements abi.Host.
func (x *exchange) ResponseFile(fd uint32, offset, n int64) abi.Error {
	if x.phase != phaseBody {
		return abi.ErrorOrder
	}
	if size := x.files.FileSize(fd); n < 0 && offset >= 0 && offset <= size {
		n = size - offset
		x.response.Expect(n)
	}
	buffer := make([]byte, fileBlock)
	for n != 0 {
		if !x.meter.goOn() {
			return abi.ErrorDeadline
		}
		want := buffer
		if n >= 0 {
			want = buffer[:min(n, fileBlock)]
		}
		got, errno := x.files.ReadFile(fd, want, offset)
		if errno != wasi.ESUCCESS {
			return abi.ErrorFile
		}
		if e := x.ResponseWrite(want[:got], got < len(want)); e != 0 || got < len(want) {
			return e
		}
		offset += int64(got)
		n -= int64(got) // below 0 it stays there
	}
	return 0
}

// refuse keeps err as the reason the request fails for and returns what the guest
// is told of it.
func (x *exchange) refuse(err error) abi.Error {
	if err == nil {
		return 0
	}
	var told abi.Error
	if err == abi.Enough {
		return abi.Enough
	}
	if x.err == nil {
		x.err = err
	}
	if errors.Is(err, ErrGone) {
		x.meter.tellGone()
	}
	switch {
	case errors.As(err, &told):
		return told
	case errors.Is(err, quotas.LimitTimeout), errors.Is(err, context.DeadlineExceeded):
		return abi.ErrorDeadline
	case errors.Is(err, io.ErrUnexpectedEOF):
		return abi.ErrorBody
	}
	return abi.ErrorGone
}

// mostReport is how much of an exception's text is kept, in bytes.
const mostReport = 128 << 10

// Report implements abi.Host.
func (x *exchange) Report(text []byte) {
	text = text[:min(len(text), mostReport)]
	x.report = append(x.report[:0], bytes.ToValidUTF8(text, []byte("\uFFFD"))...)
}

// What is kept of warnings: so many, of so many bytes.
const (
	mostWarnings = 100
	mostWarning  = 1 << 10
)

// Warn implements abi.Host.
func (x *exchange) Warn(text []byte) {
	if len(x.warnings) < mostWarnings {
		text = text[:min(len(text), mostWarning)]
		x.warnings = append(x.warnings, strings.ToValidUTF8(string(text), "\uFFFD"))
	}
}

// LimitLeft implements abi.Host.
func (x *exchange) LimitLeft(index int) int64 { return x.meter.left(index) }

// Tick implements abi.Host.
func (x *exchange) Tick() { x.meter.tick() }
