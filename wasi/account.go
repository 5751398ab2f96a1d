package wasi

import "sync"

// account keeps a file system's usage within its quota. It is safe for
// concurrent use and never blocks for long.
type account struct {
	mu    sync.Mutex
	quota Quota
	used  Usage
	lent  int64 // bytes of used that an image has, and that were not taken
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
func (a *account) shrink(n int64) { a.shrinkLent(n, 0) }

// shrinkLent gives n bytes back, lent of which an image has.
func (a *account) shrinkLent(n, lent int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.release(n, lent)
}

// release gives n bytes back, lent of which an image has. The caller holds mu.
func (a *account) release(n, lent int64) {
	a.used.Bytes -= n
	a.lent -= lent
	if a.give != nil {
		a.give(n - lent)
	}
}

// free gives back all bytes.
func (a *account) free() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.release(a.used.Bytes, a.lent)
}

// add counts what is there, which may be more than the quota.
func (a *account) add(u Usage) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.used.Inodes += u.Inodes
	a.used.Bytes += u.Bytes
}

// addLent counts what an image has, which may be more than the quota.
func (a *account) addLent(u Usage) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.used.Inodes += u.Inodes
	a.used.Bytes += u.Bytes
	a.lent += u.Bytes
}

// lend notes that an image has n bytes from now on that were taken.
func (a *account) lend(n int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lent += n
	if a.give != nil {
		a.give(n)
	}
}

// takeLent takes n bytes that an image has, to have copies of one's own.
// Errors: ENOSPC.
func (a *account) takeLent(n int64) Errno {
	if n == 0 {
		return ESUCCESS
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.take != nil && !a.take(n) {
		a.short++
		return ENOSPC
	}
	a.lent -= n
	return ESUCCESS
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

// freeInode gives an inode back, and the bytes of its file, lent of which an
// image has.
func (a *account) freeInode(bytes, lent int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.used.Inodes--
	a.release(bytes, lent)
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
