package wasi

import (
	"context"
	"runtime"

	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/sys"
)

// procFunctions are the functions of the groups proc and sched, but for
// proc_exit.
func procFunctions() []function {
	return []function{
		{"proc_raise", []param{i32("sig")}, procRaise},
		{"sched_yield", nil, schedYield},
	}
}

// procExit is proc_exit: the guest ends. It does not return to the guest: the
// module is closed with the code, and the call into the guest returns a
// *sys.ExitError with it.
//
// Parameters:
//   - rval: the code, 0 for success
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#proc_exit
func procExit(ctx context.Context, mod api.Module, stack []uint64) {
	code := uint32(stack[0])
	_ = mod.CloseWithExitCode(ctx, code) // an error of closing is not the guest's
	panic(sys.NewExitError(code))        // how wazero unwinds a guest, see ExitError
}

// procRaise is proc_raise. Refused: there are no signals here, and later
// versions of the specification dropped it.
//
// Parameters:
//   - sig: the signal
//
// Errors: ENOTSUP, always.
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#proc_raise
func procRaise(call) Errno { return ENOTSUP }

// schedYield is sched_yield: other work may go first.
//
// Errors: none.
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#sched_yield
func schedYield(call) Errno {
	runtime.Gosched()
	return ESUCCESS
}
