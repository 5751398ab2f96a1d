package abi

import (
	"fmt"
	"reflect"

	"github.com/tetratelabs/wazero/api"
)

// usualStack is what a function may keep of native stack between calls, in bytes.
const usualStack = 1 << 20

// leastStack is what it may keep while there is no guest, in bytes.
const leastStack = 64 << 10

// export is a function of the guest, found by its name.
type export struct {
	api.Function
	name  string
	stack nativeStack
}

func (e *export) find(mod api.Module, name string) (err error) {
	e.name, e.Function = name, mod.ExportedFunction(name)
	if e.Function == nil {
		return fmt.Errorf("guest does not export %q", name)
	}
	e.stack, err = newNativeStack(e.Function)
	return err
}

// nativeStack is the stack that wazero has for the calls of one function. It is on Go's
// heap, begins small, doubles where calls within calls need more, and stays as long as the
// function. wazero has no word to tell its size, so it is read where it stands: the
// field "stack", a slice, of its callEngine.
type nativeStack struct{ field reflect.Value }

func newNativeStack(f api.Function) (nativeStack, error) {
	v := reflect.ValueOf(f)
	if v.Kind() == reflect.Pointer && v.Elem().Kind() == reflect.Struct {
		if field := v.Elem().FieldByName("stack"); field.IsValid() && field.Kind() == reflect.Slice {
			return nativeStack{field}, nil
		}
	}
	return nativeStack{}, fmt.Errorf("a function of this wazero, %T, does not tell its stack", f)
}

// size returns its bytes now. Its elements are bytes.
func (s nativeStack) size() int64 { return int64(s.field.Len()) }
