package wasi

import (
	"math"
	"os"
	"slices"
	"sync"
)

// maxLocks is how many ranges a sandbox can have locked, in all its files
// together; one more: ENOLCK.
const maxLocks = 1024

// lockable is implemented by files that have locks: those that several
// sandboxes can write.
type lockable interface {
	locks() *lockTable
}

// span is a lock on a range of bytes.
type span struct {
	first, last int64 // both locked
	write       bool  // else it is to read, and others may have one too
}

// excludes says whether two owners cannot have s and o.
func (s span) excludes(o span) bool { return s.overlaps(o) && (s.write || o.write) }

// overlaps says whether s and o have a byte in common.
func (s span) overlaps(o span) bool { return s.first <= o.last && o.first <= s.last }

// lockOwner is whose a lock is: one sandbox. The zero value has none. It is
// used by its sandbox only, one call at a time.
type lockOwner struct {
	held    int // spans in all tables
	refused refusal
}

// lockTable is the locks on one file. The rules are those of POSIX's fcntl
// with sandboxes for processes: they are advisory, an owner's never stand in its
// own way but take each other's place, byte by byte, and closing any descriptor
// of the file gives up all that its sandbox has there.
//
// Nothing waits for a lock. But who was refused one can sleep in a queue, and is
// woken when it can be had, which is then kept for it for a moment: with many who
// only try again and again, one may never have luck.
//
// The zero value is empty. It is safe for concurrent use.
type lockTable struct {
	// host is a file of the host on which other processes see what is locked
	// here, and the other way round. nil: there are none.
	host *os.File

	mu     sync.Mutex
	owners map[*lockOwner][]span // of each in order, none touching another of its kind
	queue  []*waiter             // who waited longest is first
}

// lock locks s for o, in place of what o had there.
// Errors: EAGAIN (another's is in the way, or it is kept for another), ENOLCK (o has too many), and the
// host's. Then all is as it was.
func (t *lockTable) lock(o *lockOwner, s span) Errno {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, found := t.conflict(o, s); found || t.kept(o, s) {
		return t.refuse(o, s)
	}
	list := insert(without(t.owners[o], s), s)
	if !t.fits(o, list) {
		return ENOLCK
	}
	if errno := lockHost(t.host, s); errno != ESUCCESS {
		return errno
	}
	t.settle(o, s)
	t.put(o, list)
	return ESUCCESS
}

// unlock gives up what o has locked between the ends of s.
// Errors: ENOLCK (a lock falls into two, and o has too many).
func (t *lockTable) unlock(o *lockOwner, s span) Errno {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := without(t.owners[o], s)
	if !t.fits(o, list) {
		return ENOLCK
	}
	t.put(o, list)
	t.unlockHost(s)
	return ESUCCESS
}

// test returns a lock that keeps o from locking s: of those of other sandboxes
// the first, else one of another process. Errors: the host's.
func (t *lockTable) test(o *lockOwner, s span) (blocking span, found bool, errno Errno) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if blocking, found = t.conflict(o, s); found {
		return blocking, true, ESUCCESS
	}
	return testHost(t.host, s, len(t.owners) == 0)
}

// release gives up all that o has locked.
func (t *lockTable) release(o *lockOwner) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.dequeue(o)
	if o.refused.table == t {
		o.refused = refusal{}
	}
	list := t.owners[o]
	if len(list) == 0 {
		t.wakeNext() // what was kept for o is free
		return
	}
	t.put(o, nil)
	for _, s := range list {
		t.unlockHost(s)
	}
}

// holds says whether o has something locked here.
func (t *lockTable) holds(o *lockOwner) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.owners[o]) > 0
}

// conflict returns the first lock of another owner that s cannot be beside.
func (t *lockTable) conflict(o *lockOwner, s span) (first span, found bool) {
	for other, list := range t.owners {
		if other == o {
			continue
		}
		for _, h := range list {
			if h.excludes(s) && (!found || h.first < first.first) {
				first, found = h, true
			}
		}
	}
	return first, found
}

// fits says whether o may have list here.
func (t *lockTable) fits(o *lockOwner, list []span) bool {
	more := len(list) - len(t.owners[o])
	return more <= 0 || o.held+more <= maxLocks
}

// put makes list what o has, and wakes who can have what it gave up.
func (t *lockTable) put(o *lockOwner, list []span) {
	o.held += len(list) - len(t.owners[o])
	if len(list) == 0 {
		delete(t.owners, o)
	} else {
		if t.owners == nil {
			t.owners = make(map[*lockOwner][]span)
		}
		t.owners[o] = list
	}
	t.wakeNext()
}

// unlockHost unlocks on the host what lies in s and nobody here has locked. If
// the host fails to, it stays locked for other processes until the file is
// closed, which harms no data.
func (t *lockTable) unlockHost(s span) {
	if t.host == nil {
		return
	}
	free := []span{s}
	for _, list := range t.owners {
		for _, h := range list {
			free = without(free, h)
		}
	}
	for _, f := range free {
		unlockHost(t.host, f, len(t.owners) == 0)
	}
}

// without returns a copy of list without what lies in s.
func without(list []span, s span) []span {
	out := make([]span, 0, len(list)+2)
	for _, h := range list {
		if !h.overlaps(s) {
			out = append(out, h)
			continue
		}
		if h.first < s.first {
			out = append(out, span{h.first, s.first - 1, h.write})
		}
		if h.last > s.last {
			out = append(out, span{s.last + 1, h.last, h.write})
		}
	}
	return out
}

// insert puts s into list, which has nothing there, and joins it with its
// neighbours of the same kind. It changes list.
func insert(list []span, s span) []span {
	i, _ := slices.BinarySearchFunc(list, s, func(a, b span) int {
		if a.first < b.first {
			return -1
		}
		return 1
	})
	list = slices.Insert(list, i, s)
	if i+1 < len(list) && joins(s, list[i+1]) {
		list[i].last = list[i+1].last
		list = slices.Delete(list, i+1, i+2)
	}
	if i > 0 && joins(list[i-1], s) {
		list[i-1].last = list[i].last
		list = slices.Delete(list, i, i+1)
	}
	return list
}

// joins says whether b goes on where a ends.
func joins(a, b span) bool {
	return a.write == b.write && a.last != math.MaxInt64 && a.last+1 == b.first
}
