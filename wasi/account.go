package wasi

import "sync"

// account keeps a file system's usage within its quota. It is safe for
// concurrent use and never blocks for long.
type account struct {
	mu    sync.Mutex
	quota Quota
	used  Usage
	short int64 // how often more was asked for than the quota has

	// take and give move bytes from and to where more than this file system's come
	// from; nil: nobody else counts them.
	take func(n int64) bool
	give func(n int64)
}

// refused returns how often more was asked for than the quota has.
func (a *account) refused() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.short
}

// left is how many bytes the quota still has, -1 where it has no end.
func (a *account) left() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.quota.Bytes == 0 {
		return -1
	}
	return max(a.quota.Bytes-a.used.Bytes, 0)
}

// usage is what is used now.
func (a *account) usage() Usage {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.used
}

// grow takes up to n bytes and returns how many it got, from 0 on.
func (a *account) grow(n int64) int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	if room := max(a.quota.Bytes-a.used.Bytes, 0); a.quota.Bytes > 0 && n > room {
		n = room
		a.short++
	}
	if n > 0 && a.take != nil && !a.take(n) {
		a.short++
		return 0
	}
	a.used.Bytes += n
	return n
}

// growAll takes n bytes or, if they do not fit, none: ENOSPC.
func (a *account) growAll(n int64) Errno {
	if got := a.grow(n); got < n {
		a.shrink(got)
		return ENOSPC
	}
	return ESUCCESS
}

// shrink gives n bytes back.
func (a *account) shrink(n int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.release(n)
}

// release gives n bytes back. The caller holds mu.
func (a *account) release(n int64) {
	a.used.Bytes -= n
	if a.give != nil {
		a.give(n)
	}
}

// addInode takes an inode. Errors: ENOSPC.
func (a *account) addInode() Errno {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.quota.Inodes > 0 && a.used.Inodes >= a.quota.Inodes {
		a.short++
		return ENOSPC
	}
	a.used.Inodes++
	return ESUCCESS
}

// freeInode gives an inode back, and the bytes of its file.
func (a *account) freeInode(bytes int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.used.Inodes--
	a.release(bytes)
}

// resize is how a file of size bytes takes a write of n bytes at off: it takes
// the bytes that the file grows by and returns how many of the n fit and how
// many bytes were taken. If not one fits, none is taken: ENOSPC.
func (a *account) resize(size, off int64, n int) (fit int, taken int64, errno Errno) {
	need := off + int64(n) - size
	if need <= 0 || n == 0 {
		return n, 0, ESUCCESS
	}
	taken = a.grow(need)
	short := need - taken
	if short >= int64(n) {
		a.shrink(taken)
		return 0, 0, ENOSPC
	}
	return n - int(short), taken, ESUCCESS
}
