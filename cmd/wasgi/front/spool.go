package front

import (
	"io"
	"os"
	"sync/atomic"

	"github.com/valyala/fasthttp"

	"wasgi/quotas"
	"wasgi/tenants"
)

const limitSpool quotas.Limit = "spool"

// mostAtHand is what all bodies that are kept may have in memory together, in bytes; what
// comes beyond that goes to files at once.
const mostAtHand = 32 << 20

// spool keeps bodies of requests until they are whole.
type spool struct {
	http   *tenants.HTTP
	memory atomic.Int64 // bytes in use
	disk   atomic.Int64
}

// kept is a body that is kept: its first part in memory, the rest in a file that has no
// name. It is written, and then read.
type kept struct {
	spool  *spool
	memory []byte
	file   *os.File
	size   int64 // of what is in the file
	at     int64 // bytes that were read
}

// keep reads all of a body.
func (s *spool) keep(from io.Reader) (*kept, error) {
	k := &kept{spool: s}
	if _, err := io.CopyBuffer(k, struct{ io.Reader }{from}, make([]byte, bodyAtHand)); err != nil {
		k.close()
		return nil, err
	}
	return k, nil
}

// Write implements io.Writer.
func (k *kept) Write(p []byte) (int, error) {
	n := 0
	if k.file == nil {
		n = min(len(p), int(k.spool.http.Buffer)-len(k.memory))
		if !take(&k.spool.memory, n, mostAtHand) {
			n = 0
		}
		k.memory = append(k.memory, p[:n]...)
	}
	if n == len(p) {
		return n, nil
	}
	more, err := k.toFile(p[n:])
	return n + more, err
}

func (k *kept) toFile(p []byte) (int, error) {
	if !take(&k.spool.disk, len(p), int64(k.spool.http.Spool)) {
		return 0, refusal{status: fasthttp.StatusServiceUnavailable, limit: limitSpool, reason: limitSpool.Error()}
	}
	k.size += int64(len(p))
	if k.file == nil {
		if err := k.open(); err != nil {
			return 0, err
		}
	}
	return k.file.Write(p)
}

// take takes n from what is left of a budget, if that much is.
func take(used *atomic.Int64, n int, most int64) bool {
	if used.Add(int64(n)) <= most {
		return true
	}
	used.Add(-int64(n))
	return false
}

func (k *kept) open() error {
	f, err := os.CreateTemp(k.spool.http.SpoolFolder, "wasgi-body-")
	if err != nil {
		return err
	}
	k.file = f
	return os.Remove(f.Name())
}

// total is the body's length.
func (k *kept) total() int64 { return int64(len(k.memory)) + k.size }

// Read implements io.Reader.
func (k *kept) Read(p []byte) (int, error) {
	if k.at < int64(len(k.memory)) {
		n := copy(p, k.memory[k.at:])
		k.at += int64(n)
		return n, nil
	}
	if k.file == nil {
		return 0, io.EOF
	}
	n, err := k.file.ReadAt(p, k.at-int64(len(k.memory)))
	k.at += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

// close gives back what the body takes.
func (k *kept) close() {
	k.spool.memory.Add(-int64(len(k.memory)))
	k.spool.disk.Add(-k.size)
	k.memory, k.size = nil, 0
	if k.file != nil {
		k.file.Close() // it has no name: nothing is left of it
	}
}
