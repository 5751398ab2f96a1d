package abi

import "github.com/tetratelabs/wazero/api"

// fault ends the guest's call: it named memory that is not its own, which code made
// by a compiler does not do. wazero unwinds the guest and returns it from Call.
type fault string

func (f fault) Error() string { return string(f) }

// view returns the n bytes at ptr of the guest's memory, valid until the guest runs
// or its memory grows. Memory outside the guest's ends its call.
func view(mod api.Module, ptr, n uint64) []byte {
	if n = uint64(uint32(n)); n == 0 {
		return nil
	}
	b, ok := mod.Memory().Read(uint32(ptr), uint32(n))
	if !ok {
		panic(fault("the guest named memory that it does not have"))
	}
	return b
}
