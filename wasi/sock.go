package wasi

// sockFunctions are the functions of the group sock. All are refused: a
// sandbox has no sockets. A program asking learns whether its descriptor is
// open at all.
func sockFunctions() []function {
	return []function{
		{"sock_accept", []param{i32("fd"), i32("flags"), i32("result.fd")}, notSocket},
		{"sock_recv", []param{
			i32("fd"), i32("ri_data"), i32("ri_data_len"), i32("ri_flags"),
			i32("result.ro_datalen"), i32("result.ro_flags"),
		}, notSocket},
		{"sock_send", []param{
			i32("fd"), i32("si_data"), i32("si_data_len"), i32("si_flags"), i32("result.so_datalen"),
		}, notSocket},
		{"sock_shutdown", []param{i32("fd"), i32("how")}, notSocket},
	}
}

// notSocket is sock_accept, sock_recv, sock_send and sock_shutdown. It writes
// nothing.
//
// Parameters:
//   - fd: the descriptor; the others are not looked at
//
// Errors: EBADF (not open), else ENOTSOCK.
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#sock_accept,
// and below it #sock_recv, #sock_send and #sock_shutdown
func notSocket(c call) Errno {
	if _, errno := c.fds.get(c.u32(0)); errno != ESUCCESS {
		return errno
	}
	return ENOTSOCK
}
