package wasi

import "io"

// maxRandom is how many random bytes are made at a time, between looks at the
// context.
const maxRandom = 1 << 16

// watchedRandom tells of what is read of a source.
type watchedRandom struct {
	source io.Reader
	tell   func(n int)
}

// Read implements io.Reader.
func (r watchedRandom) Read(p []byte) (int, error) {
	n, err := r.source.Read(p)
	if n > 0 {
		r.tell(n)
	}
	return n, err
}

// randomFunctions are the functions of the group random.
func randomFunctions() []function {
	return []function{
		{"random_get", []param{i32("buf"), i32("buf_len")}, randomGet},
	}
}

// randomGet is random_get: it fills memory with random bytes.
//
// Parameters:
//   - buf: where they go
//   - buf_len: how many
//
// Errors: EFAULT (nothing is written), EINTR (the context is done; a part may
// be written), EIO (the host's source failed; a part may be written).
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#random_get
func randomGet(c call) Errno {
	b, errno := c.mem.view(c.u32(0), uint64(c.u32(1)))
	if errno != ESUCCESS {
		return errno
	}
	for len(b) > 0 {
		n := min(len(b), maxRandom)
		if _, err := io.ReadFull(c.random, b[:n]); err != nil {
			return EIO
		}
		b = b[n:]
		c.work(n)
		if len(b) > 0 && c.ctx.Err() != nil {
			return EINTR
		}
	}
	return ESUCCESS
}
