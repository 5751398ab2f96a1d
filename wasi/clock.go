package wasi

import "time"

// clockFunctions are the functions of the group clock.
func clockFunctions() []function {
	return []function{
		{"clock_res_get", []param{i32("id"), i32("result.resolution")}, clockResGet},
		{"clock_time_get", []param{i32("id"), i64("precision"), i32("result.timestamp")}, clockTimeGet},
	}
}

// clockResGet is clock_res_get: it tells a clock's resolution.
//
// Parameters:
//   - id: the clock: 0 realtime, 1 monotonic, 2 process CPU, 3 thread CPU
//   - result.resolution: where it goes, 8 bytes, in nanoseconds: 1 for the
//     first two, 1000 for the CPU clocks
//
// Errors: EINVAL (no such clock), EFAULT.
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#clock_res_get
func clockResGet(c call) Errno {
	switch c.u32(0) {
	case clockRealtime, clockMonotonic:
		return c.mem.putUint64(c.u32(1), 1)
	case clockProcessCPU, clockThreadCPU:
		return c.mem.putUint64(c.u32(1), uint64(time.Microsecond))
	}
	return EINVAL
}

// clockTimeGet is clock_time_get: it tells the time.
//
// Parameters:
//   - id: the clock, as for clock_res_get. Realtime counts from the start of
//     1970, the others from the sandbox's beginning
//   - precision: how far off the answer may be; the best is always given
//   - result.timestamp: where the time goes, 8 bytes, in nanoseconds
//
// Errors: EINVAL (no such clock), EFAULT.
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#clock_time_get
func clockTimeGet(c call) Errno {
	now, errno := c.now(c.u32(0))
	if errno != ESUCCESS {
		return errno
	}
	return c.mem.putUint64(c.u32(2), uint64(now))
}

// now is the time of a clock in nanoseconds. Errors: EINVAL.
func (s *Sandbox) now(id uint32) (int64, Errno) {
	switch id {
	case clockRealtime:
		return time.Now().UnixNano(), ESUCCESS
	case clockMonotonic:
		return int64(s.monotonic()), ESUCCESS
	case clockProcessCPU, clockThreadCPU:
		return int64(s.cpu()), ESUCCESS
	}
	return 0, EINVAL
}
