package wasi

import (
	"context"
	"fmt"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// ModuleName is the module that guests import the functions of preview 1 from.
const ModuleName = "wasi_snapshot_preview1"

// function is one function of the specification, or of FilesModuleName.
type function struct {
	name   string
	params []param
	call   func(call) Errno
}

// param is a parameter as the specification names it and its type in the
// binary interface.
type param struct {
	name string
	typ  api.ValueType
}

// i32 and i64 are parameters of the two types there are.
func i32(name string) param { return param{name, api.ValueTypeI32} }
func i64(name string) param { return param{name, api.ValueTypeI64} }

// call is one call of a guest: the world it acts on, its memory, its arguments.
type call struct {
	*Sandbox
	mem  memory
	args []uint64
}

// u32 is argument i, of 32 bits.
func (c call) u32(i int) uint32 { return uint32(c.args[i]) }

// functions lists every function but proc_exit, which returns nothing.
func functions() []function {
	groups := [][]function{
		argsFunctions(), environFunctions(), clockFunctions(), fdFunctions(),
		fdIOFunctions(), fdStatFunctions(), pathFunctions(), pathStatFunctions(),
		pollFunctions(), procFunctions(), randomFunctions(), sockFunctions(),
	}
	var all []function
	for _, g := range groups {
		all = append(all, g...)
	}
	return all
}

// Instantiate registers the modules wasi_snapshot_preview1 and wasgi_files in
// r, once for each wazero.Runtime. They hold no state: which guest calls is
// told by the Sandbox in the context of the call, see WithSandbox. A call
// without one returns ENOSYS to the guest.
func Instantiate(ctx context.Context, r wazero.Runtime) error {
	b := build(r, ModuleName, functions())
	b.NewFunctionBuilder().
		WithGoModuleFunction(api.GoModuleFunc(procExit), []api.ValueType{api.ValueTypeI32}, nil).
		WithName("proc_exit").WithParameterNames("rval").Export("proc_exit")
	if _, err := b.Instantiate(ctx); err != nil {
		return fmt.Errorf("instantiate %s: %w", ModuleName, err)
	}
	if _, err := build(r, FilesModuleName, filesFunctions()).Instantiate(ctx); err != nil {
		return fmt.Errorf("instantiate %s: %w", FilesModuleName, err)
	}
	return nil
}

// build begins a module of r with functions that return an Errno.
func build(r wazero.Runtime, module string, fs []function) wazero.HostModuleBuilder {
	b := r.NewHostModuleBuilder(module)
	for _, f := range fs {
		var types []api.ValueType
		var names []string
		for _, p := range f.params {
			types, names = append(types, p.typ), append(names, p.name)
		}
		b.NewFunctionBuilder().
			WithGoModuleFunction(adapt(f.call), types, []api.ValueType{api.ValueTypeI32}).
			WithName(f.name).WithParameterNames(names...).Export(f.name)
	}
	return b
}

// adapt makes f callable by wazero: arguments come and the result goes on the
// stack.
func adapt(f func(call) Errno) api.GoModuleFunc {
	return func(ctx context.Context, mod api.Module, stack []uint64) {
		s := sandboxOf(ctx)
		if s == nil {
			stack[0] = uint64(ENOSYS)
			return
		}
		stack[0] = uint64(f(call{Sandbox: s, mem: s.memoryOf(mod), args: stack}))
	}
}

// sandboxKey is the context key of the Sandbox.
type sandboxKey struct{}

// sandboxContext is a context that knows its Sandbox without searching.
type sandboxContext struct {
	context.Context
	sandbox *Sandbox
}

// Value implements context.Context.
func (c *sandboxContext) Value(key any) any {
	if _, ok := key.(sandboxKey); ok {
		return c.sandbox
	}
	return c.Context.Value(key)
}

// WithSandbox returns a context such that guest calls made with it, or with
// one derived from it, act on s.
func WithSandbox(ctx context.Context, s *Sandbox) context.Context {
	return &sandboxContext{Context: ctx, sandbox: s}
}

// sandboxOf returns the Sandbox of ctx, nil if it has none.
func sandboxOf(ctx context.Context) *Sandbox {
	if c, ok := ctx.(*sandboxContext); ok {
		return c.sandbox
	}
	s, _ := ctx.Value(sandboxKey{}).(*Sandbox)
	return s
}
