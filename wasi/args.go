package wasi

import "encoding/binary"

// argsFunctions are the functions of the group args.
func argsFunctions() []function {
	return []function{
		{"args_get", []param{i32("argv"), i32("argv_buf")}, argsGet},
		{"args_sizes_get", []param{i32("result.argc"), i32("result.argv_buf_size")}, argsSizesGet},
	}
}

// argsGet is args_get: it writes the arguments.
//
// Parameters:
//   - argv: where the pointers go, one of 4 bytes for each argument, in order
//   - argv_buf: where the arguments go, one after the other, each with a NUL
//
// With the arguments "a" and "bc", argv 8 and argv_buf 16:
//
//	 8: 16 0 0 0  18 0 0 0
//	16: 'a' 0 'b' 'c' 0
//
// Errors: EFAULT; then nothing is written.
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#args_get
func argsGet(c call) Errno {
	return c.putStrings(c.args0(), c.u32(0), c.u32(1))
}

// argsSizesGet is args_sizes_get: it tells how much args_get writes.
//
// Parameters:
//   - result.argc: where the number of arguments goes, 4 bytes
//   - result.argv_buf_size: where the bytes that argv_buf needs go, 4 bytes
//
// Errors: EFAULT.
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#args_sizes_get
func argsSizesGet(c call) Errno {
	return c.putSizes(c.args0(), c.u32(0), c.u32(1))
}

// args0 is the sandbox's list of arguments; the name args is the call's.
func (c call) args0() []string { return c.Sandbox.args }

// putStrings writes list at buf, each with a NUL, and where each begins at ptrs.
// Errors: EFAULT; then nothing is written.
func (c call) putStrings(list []string, ptrs, buf uint32) Errno {
	p, errno := c.mem.view(ptrs, uint64(len(list))*4)
	if errno != ESUCCESS {
		return errno
	}
	b, errno := c.mem.view(buf, stringsSize(list))
	if errno != ESUCCESS {
		return errno
	}
	at := 0
	for i, s := range list {
		binary.LittleEndian.PutUint32(p[i*4:], buf+uint32(at))
		at += copy(b[at:], s)
		b[at] = 0
		at++
	}
	return ESUCCESS
}

// putSizes writes the length of list and the bytes it takes with its NULs.
// Errors: EFAULT; then nothing is written.
func (c call) putSizes(list []string, count, size uint32) Errno {
	if _, errno := c.mem.view(size, 4); errno != ESUCCESS {
		return errno
	}
	if errno := c.mem.putUint32(count, uint32(len(list))); errno != ESUCCESS {
		return errno
	}
	return c.mem.putUint32(size, uint32(stringsSize(list)))
}

// stringsSize is the bytes that list takes with a NUL after each.
func stringsSize(list []string) uint64 {
	n := uint64(len(list))
	for _, s := range list {
		n += uint64(len(s))
	}
	return n
}
