package abi

import (
	"context"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// Host is what a guest may ask of the host during a call. Each slice is a window on
// the guest's memory, for the time of the method only. A method may block as long as
// its client does; it is called by the goroutine that runs the guest. A panic out of a
// method ends the guest's call: what is thrown, if it is an error, is wrapped by the one
// that Guest returns, and the guest runs no further instruction.
type Host interface {
	// InputRead fills p, not empty, with the next bytes of the request's body: how
	// many, and 0 at its end.
	InputRead(p []byte) (int, Error)
	// ResponseStart takes the status line's "200 OK" and the headers. Headers is
	// well formed as Pairs; what it says is not checked.
	ResponseStart(status []byte, headers View) Error
	// ResponseWrite takes a block of the body. After a last one, none follows.
	ResponseWrite(block []byte, last bool) Error
	// ResponseFile takes n bytes of the file that the guest has open as fd, from offset on,
	// as blocks of the body; all to its end where n is below 0. The numbers are the guest's,
	// any.
	ResponseFile(fd uint32, offset, n int64) Error
	// Report takes the UTF-8 text of the exception that ended the call.
	Report(text []byte)
	// Warn takes a line of UTF-8 for the app's author: nothing has failed.
	Warn(text []byte)
	// PBKDF2 fills out as RFC 8018, section 5.2 says.
	PBKDF2(d Digest, password, salt []byte, rounds int, out []byte) Error
	// Scrypt fills out as RFC 7914 says.
	Scrypt(password, salt []byte, n, r, p int, out []byte) Error
	// LimitLeft returns what is left of a limit, one of LeftCPU and so on: nanoseconds
	// or bytes, and -1 where there is no such limit. index is the guest's, any number.
	LimitLeft(index int) int64
	// Tick is called by metered code, at the head of any loop: the guest's memory is as
	// the C code left it there, and Guest.Interrupt may be called.
	Tick()
}

type hostKey struct{}

// WithHost returns a context for calls of a guest, whose host functions then act on
// h. So a guest is known by the call it runs in, never by what it says.
func WithHost(ctx context.Context, h Host) context.Context {
	return context.WithValue(ctx, hostKey{}, h)
}

func hostOf(ctx context.Context) Host {
	return ctx.Value(hostKey{}).(Host)
}

// Instantiate gives r the module of host functions that guests import. Once per
// runtime.
func Instantiate(ctx context.Context, r wazero.Runtime) error {
	b := r.NewHostModuleBuilder(importModule)
	export := func(name string, params int, f api.GoModuleFunc, results ...api.ValueType) {
		types := make([]api.ValueType, params)
		for i := range types {
			types[i] = api.ValueTypeI32
		}
		b.NewFunctionBuilder().WithGoModuleFunction(f, types, results).Export(name)
	}
	export(importInputRead, 2, inputRead, api.ValueTypeI32)
	export(importResponseStart, 4, responseStart, api.ValueTypeI32)
	export(importResponseWrite, 3, responseWrite, api.ValueTypeI32)
	b.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(responseFile),
		[]api.ValueType{api.ValueTypeI32, api.ValueTypeI64, api.ValueTypeI64}, []api.ValueType{api.ValueTypeI32}).Export(importResponseFile)
	export(importReport, 2, report)
	export(importWarn, 2, warn)
	export(importPBKDF2, 8, pbkdf2, api.ValueTypeI32)
	export(importScrypt, 9, scrypt, api.ValueTypeI32)
	export(importLimitLeft, 1, limitLeft, api.ValueTypeI64)
	export(MeterTick, 0, tick)
	_, err := b.Instantiate(ctx)
	return err
}

func inputRead(ctx context.Context, mod api.Module, stack []uint64) {
	to := view(mod, stack[0], stack[1])
	if len(to) == 0 {
		stack[0] = 0
		return
	}
	n, e := hostOf(ctx).InputRead(to)
	if e != 0 {
		n = int(e)
	}
	stack[0] = api.EncodeI32(int32(n))
}

func responseStart(ctx context.Context, mod api.Module, stack []uint64) {
	status := view(mod, stack[0], stack[1])
	headers, err := ParsePairs(view(mod, stack[2], stack[3]))
	e := ErrorInvalid
	if err == nil {
		e = hostOf(ctx).ResponseStart(status, headers)
	}
	stack[0] = api.EncodeI32(int32(e))
}

func responseWrite(ctx context.Context, mod api.Module, stack []uint64) {
	block := view(mod, stack[0], stack[1])
	e := hostOf(ctx).ResponseWrite(block, uint32(stack[2]) != 0)
	stack[0] = api.EncodeI32(int32(e))
}

func responseFile(ctx context.Context, _ api.Module, stack []uint64) {
	e := hostOf(ctx).ResponseFile(uint32(stack[0]), int64(stack[1]), int64(stack[2]))
	stack[0] = api.EncodeI32(int32(e))
}

func report(ctx context.Context, mod api.Module, stack []uint64) {
	hostOf(ctx).Report(view(mod, stack[0], stack[1]))
}

func warn(ctx context.Context, mod api.Module, stack []uint64) {
	hostOf(ctx).Warn(view(mod, stack[0], stack[1]))
}

func pbkdf2(ctx context.Context, mod api.Module, stack []uint64) {
	password, salt := view(mod, stack[1], stack[2]), view(mod, stack[3], stack[4])
	out := view(mod, stack[6], stack[7])
	e := hostOf(ctx).PBKDF2(Digest(uint32(stack[0])), password, salt, int(uint32(stack[5])), out)
	stack[0] = api.EncodeI32(int32(e))
}

func scrypt(ctx context.Context, mod api.Module, stack []uint64) {
	password, salt := view(mod, stack[0], stack[1]), view(mod, stack[2], stack[3])
	n, r, p := int(uint32(stack[4])), int(uint32(stack[5])), int(uint32(stack[6]))
	e := hostOf(ctx).Scrypt(password, salt, n, r, p, view(mod, stack[7], stack[8]))
	stack[0] = api.EncodeI32(int32(e))
}

func limitLeft(ctx context.Context, _ api.Module, stack []uint64) {
	stack[0] = api.EncodeI64(hostOf(ctx).LimitLeft(int(int32(uint32(stack[0])))))
}

func tick(ctx context.Context, _ api.Module, _ []uint64) { hostOf(ctx).Tick() }
