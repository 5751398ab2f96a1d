package wasi

import (
	"encoding/binary"
	"math"

	"github.com/tetratelabs/wazero/api"
)

// Bounds on what one guest call can ask for. What is over them is refused, or
// done in part where the specification allows a part.
const (
	maxIovecs   = 1024    // POSIX's IOV_MAX on Linux; more: EINVAL
	maxTransfer = 1 << 20 // bytes read or written by one call; more: a short count
	maxPath     = 4096    // bytes of a path; more: ENAMETOOLONG
	maxName     = 255     // bytes of a name in it; more: ENAMETOOLONG
)

// memory is the guest's linear memory for the length of one call. Every
// pointer and length the guest gives passes through view and nowhere else.
type memory struct {
	mem api.Memory
}

// view returns n bytes of guest memory at ptr, or EFAULT if they are not all
// inside. Read adds the two in 64 bits, so their sum cannot wrap. The view must
// not be kept past the call.
func (m memory) view(ptr uint32, n uint64) ([]byte, Errno) {
	if m.mem == nil || n > math.MaxUint32 {
		return nil, EFAULT
	}
	b, ok := m.mem.Read(ptr, uint32(n))
	if !ok {
		return nil, EFAULT
	}
	return b, ESUCCESS
}

// putUint32 writes v at ptr, little endian.
func (m memory) putUint32(ptr uint32, v uint32) Errno {
	b, errno := m.view(ptr, 4)
	if errno == ESUCCESS {
		binary.LittleEndian.PutUint32(b, v)
	}
	return errno
}

// putUint64 writes v at ptr, little endian.
func (m memory) putUint64(ptr uint32, v uint64) Errno {
	b, errno := m.view(ptr, 8)
	if errno == ESUCCESS {
		binary.LittleEndian.PutUint64(b, v)
	}
	return errno
}

// iovecs is a guest's vector of buffers: n records of 8 bytes, each a pointer
// and a length.
type iovecs struct {
	mem  memory
	list []byte
}

// iovecs returns the vector of n buffers at ptr, all of them looked at, so a
// bad one is found before anything is done. Errors: EINVAL (more than
// maxIovecs), EFAULT.
func (m memory) iovecs(ptr, n uint32) (iovecs, Errno) {
	if n > maxIovecs {
		return iovecs{}, EINVAL
	}
	list, errno := m.view(ptr, uint64(n)*8)
	if errno != ESUCCESS {
		return iovecs{}, errno
	}
	for b := list; len(b) > 0; b = b[8:] {
		_, errno := m.view(binary.LittleEndian.Uint32(b), uint64(binary.LittleEndian.Uint32(b[4:])))
		if errno != ESUCCESS {
			return iovecs{}, errno
		}
	}
	return iovecs{mem: m, list: list}, ESUCCESS
}

// next takes the first buffer that is not empty off the vector, cut to limit
// bytes; nil when there is none left.
func (v *iovecs) next(limit int) ([]byte, Errno) {
	for len(v.list) > 0 {
		ptr := binary.LittleEndian.Uint32(v.list)
		n := binary.LittleEndian.Uint32(v.list[4:])
		v.list = v.list[8:]
		b, errno := v.mem.view(ptr, uint64(n))
		if errno != ESUCCESS {
			return nil, errno
		}
		if len(b) > limit {
			b = b[:limit]
		}
		if len(b) > 0 {
			return b, ESUCCESS
		}
	}
	return nil, ESUCCESS
}
