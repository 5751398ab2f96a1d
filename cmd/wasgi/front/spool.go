package front

import (
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"wasgi/quotas"
	"wasgi/tenants"
)

const limitSpool quotas.Limit = "spool"

// mostAtHand is what all bodies that are kept may have in memory together, in bytes; what
// comes beyond that goes to files at once.
const mostAtHand = 32 << 20

// keepPiece is how much of a body is received at once, in bytes: so much has a connection in
// memory while its client sends nothing.
const keepPiece = 4 << 10

// stale is how long a body may be kept in memory for a client that is not done with it:
// then it goes to a file.
const stale = 100 * time.Millisecond

// spool bounds what is kept of bodies: of requests until they are whole, of responses until
// their clients have taken them.
type spool struct {
	http      *tenants.HTTP
	mostFiles int64
	memory    atomic.Int64 // bytes in use
	disk      atomic.Int64
	files     atomic.Int64 // how many are open
	blocks    sync.Pool    // of *[streamAhead]byte, for responses: new memory is dear
}

// block returns memory for a response, whose bytes are any. Who is done with it puts it into
// blocks.
func (s *spool) block() *[streamAhead]byte {
	if b, ok := s.blocks.Get().(*[streamAhead]byte); ok {
		return b
	}
	return new([streamAhead]byte)
}

// take takes n from what is left of a budget, if that much is.
func take(used *atomic.Int64, n, most int64) bool {
	if used.Add(n) <= most {
		return true
	}
	used.Add(-n)
	return false
}

// aside is what is kept of a body in a file, which has no name: written at its end and read
// from its beginning. The zero value but for spool has nothing. It is not safe for
// concurrent use, but for send beside add.
type aside struct {
	spool *spool
	file  *os.File // at what is to be read; nil: none is open
	size  int64
	read  int64
}

// left is how much of it has not been read.
func (a *aside) left() int64 { return a.size - a.read }

// add appends p, or nothing where there is an error: of a spool that is full, a refusal.
func (a *aside) add(p []byte) error {
	if !take(&a.spool.disk, int64(len(p)), int64(a.spool.http.Spool)) {
		return spoolFull()
	}
	err := a.open()
	if err == nil {
		_, err = a.file.WriteAt(p, a.size)
	}
	if err != nil {
		a.spool.disk.Add(-int64(len(p)))
		return err
	}
	a.size += int64(len(p))
	return nil
}

func spoolFull() error {
	return refusal{status: fasthttp.StatusServiceUnavailable, limit: limitSpool, reason: limitSpool.Error()}
}

func (a *aside) open() error {
	if a.file != nil {
		return nil
	}
	if !take(&a.spool.files, 1, a.spool.mostFiles) {
		return spoolFull()
	}
	folder := a.spool.http.SpoolFolder
	if folder == "" {
		folder = os.TempDir()
	}
	f, err := nameless(folder)
	if err != nil {
		a.spool.files.Add(-1)
		return err
	}
	a.file = f
	return nil
}

// unnamed makes a file in a folder, and takes its name away.
func unnamed(folder string) (*os.File, error) {
	f, err := os.CreateTemp(folder, "wasgi-body-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close() // the error tells more
		return nil, err
	}
	return f, nil
}

// take reads what there is, up to len(p); there must be some.
func (a *aside) take(p []byte) (int, error) {
	n, err := a.file.Read(p[:min(int64(len(p)), a.left())])
	a.read += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

// close gives back what it takes. It has nothing then.
func (a *aside) close() {
	if a.file == nil {
		return
	}
	a.file.Close() // it has no name: nothing is left of it
	a.spool.files.Add(-1)
	a.spool.disk.Add(-a.size)
	a.file, a.size, a.read = nil, 0, 0
}

// kept is the body of a request that is kept: in memory while it is short and new, else in
// a file. It is written, and then read.
type kept struct {
	mu     sync.Mutex
	spool  *spool
	memory []byte
	file   aside
	read   int  // of memory
	old    bool // no more than a piece stays in memory
	over   bool
}

// keep reads all of a body.
func (s *spool) keep(from io.Reader) (*kept, error) {
	k := &kept{spool: s, file: aside{spool: s}}
	old := time.AfterFunc(stale, k.age)
	_, err := io.CopyBuffer(k, struct{ io.Reader }{from}, make([]byte, keepPiece))
	old.Stop()
	if err != nil {
		k.close()
		return nil, err
	}
	return k, nil
}

// Write implements io.Writer.
func (k *kept) Write(p []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.file.size == 0 && len(k.memory)+len(p) <= k.room() && take(&k.spool.memory, int64(len(p)), mostAtHand) {
		k.memory = append(k.memory, p...)
		return len(p), nil
	}
	if err := k.spill(); err != nil {
		return 0, err
	}
	if err := k.file.add(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// room is how much may be in memory. The caller holds mu.
func (k *kept) room() int {
	if k.old {
		return keepPiece
	}
	return int(k.spool.http.Buffer)
}

// spill moves what is in memory to the file. The caller holds mu.
func (k *kept) spill() error {
	if len(k.memory) == 0 {
		return nil
	}
	if err := k.file.add(k.memory); err != nil {
		return err
	}
	k.spool.memory.Add(-int64(len(k.memory)))
	k.memory = nil
	return nil
}

// age is called when the body has been kept for some time: its client is slow. Where there
// is no room for a file, it stays in memory, and where it is no more than a piece.
func (k *kept) age() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.old = true
	if k.read == 0 && !k.over && len(k.memory) > keepPiece {
		_ = k.spill()
	}
}

// total is the body's length.
func (k *kept) total() int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return int64(len(k.memory)) + k.file.size
}

// Read implements io.Reader.
func (k *kept) Read(p []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.read < len(k.memory):
		n := copy(p, k.memory[k.read:])
		k.read += n
		return n, nil
	case k.file.left() == 0:
		return 0, io.EOF
	}
	return k.file.take(p)
}

// close gives back what the body takes.
func (k *kept) close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.spool.memory.Add(-int64(len(k.memory)))
	k.memory, k.over = nil, true
	k.file.close()
}
