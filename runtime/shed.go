package runtime

import (
	"reflect"
	"unsafe"

	"github.com/tetratelabs/wazero"
)

// shed lets go of what wazero keeps of a module's text once it is compiled: the bodies of
// its functions and the names that they were given, 30,000 objects for Python, which each
// collection of Go's garbage would go through. Machine code and instances need neither. A
// wazero that keeps them elsewhere keeps them.
func shed(compiled wazero.CompiledModule) {
	module := pointee(reflect.ValueOf(compiled)).FieldByName("module")
	if !module.IsValid() {
		return
	}
	text := pointee(module)
	if names := writable(text.FieldByName("NameSection")); names.Kind() == reflect.Pointer {
		names.SetZero()
	}
	code := writable(text.FieldByName("CodeSection"))
	if code.Kind() != reflect.Slice {
		return
	}
	for n := range code.Len() {
		if body := code.Index(n).FieldByName("Body"); body.Kind() == reflect.Slice {
			body.SetZero()
		}
	}
}

// pointee returns the struct that v points to, as the zero Value's where it does not.
func pointee(v reflect.Value) reflect.Value {
	if v.Kind() == reflect.Pointer && v.Elem().Kind() == reflect.Struct {
		return v.Elem()
	}
	return reflect.ValueOf(struct{}{})
}

// writable returns the field of a struct that can be reached by a pointer so that it can
// be set, and an invalid one as it is.
func writable(field reflect.Value) reflect.Value {
	if !field.IsValid() || !field.CanAddr() {
		return reflect.Value{}
	}
	return reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem()
}
