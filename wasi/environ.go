package wasi

// environFunctions are the functions of the group environ.
func environFunctions() []function {
	return []function{
		{"environ_get", []param{i32("environ"), i32("environ_buf")}, environGet},
		{"environ_sizes_get", []param{i32("result.environc"), i32("result.environv_buf_size")}, environSizesGet},
	}
}

// environGet is environ_get: it writes the environment's variables, each as
// "NAME=value", in the layout of args_get.
//
// Parameters:
//   - environ: where the pointers go, one of 4 bytes for each variable
//   - environ_buf: where the variables go, each with a NUL
//
// Errors: EFAULT; then nothing is written.
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#environ_get
func environGet(c call) Errno {
	return c.putStrings(c.env, c.u32(0), c.u32(1))
}

// environSizesGet is environ_sizes_get: it tells how much environ_get writes.
//
// Parameters:
//   - result.environc: where the number of variables goes, 4 bytes
//   - result.environv_buf_size: where the bytes environ_buf needs go, 4 bytes
//
// Errors: EFAULT.
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#environ_sizes_get
func environSizesGet(c call) Errno {
	return c.putSizes(c.env, c.u32(0), c.u32(1))
}
