package runtime

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"

	"wasgi/quotas"
)

// A stored snapshot is, one after the other:
//
//	magic    16 bytes
//	salt     32         random: with it each file has a key of its own
//	length    4         of the header, the lowest byte first
//	tag      16         of all above and the header
//	header              storedHeader, as JSON
//	files               wasi.State, then wasi.TmpImage
//	pages               those that differ from the base's, in the order of their numbers
//
// Files, and then pages, are in chunks, whose tags the header has: nothing is looked at
// before its tag is known to be right.
const (
	storedMagic = "wasgi snapshot 1"
	saltSize    = 32
	lengthSize  = 4
	storedChunk = 64 << 10
	mostHeader  = 1 << 20
	mostFiles   = 64 << 20
)

// storedHead is the size of what comes before the header.
const storedHead = len(storedMagic) + saltSize + lengthSize + tagSize

// StoreKeySize is the size of the key of stored snapshots.
const StoreKeySize = 32

// Origin tells, by names of the caller's, what a snapshot was made of. One that is stored is
// used for nothing else.
type Origin map[string]string

// differs returns the first name, in their order, of what is not as wanted, "" where all is.
func (o Origin) differs(want Origin) string {
	names := slices.Sorted(maps.Keys(want))
	for name := range maps.Keys(o) {
		if _, ok := want[name]; !ok {
			names = append(names, name)
		}
	}
	for _, name := range names {
		if o[name] != want[name] {
			return name
		}
	}
	return ""
}

// storedHeader is all of a stored snapshot but what is large.
type storedHeader struct {
	ID       string
	Origin   Origin
	Globals  []uint64
	Buffer   [2]uint32 // Snapshot's ptr and size
	Warnings []string
	Memory   int64
	Runs     []int // of pages: the first's number, and how many, of each
	State    int   // bytes
	Tmp      int   // bytes; 0: there is none
	Tags     []byte
}

// Store writes the snapshot, which is of that origin, sealed with key. One that is the
// difference from another is stored as that.
func (s *Snapshot) Store(w io.Writer, key []byte, o Origin) error {
	h, files, err := s.header(o)
	if err != nil {
		return err
	}
	head := append([]byte(storedMagic), make([]byte, saltSize)...)
	salt := head[len(storedMagic):]
	rand.Read(salt)
	seal, err := newSealer(key, salt)
	if err != nil {
		return err
	}
	for _, part := range s.parts(files) {
		if err := inChunks(part, func(chunk []byte) error {
			h.Tags = seal.next(h.Tags, chunk)
			return nil
		}); err != nil {
			return err
		}
	}
	if err := writeHead(w, seal, head, h); err != nil {
		return err
	}
	for _, part := range s.parts(files) {
		if err := part(func(data []byte) error {
			_, err := w.Write(data)
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// header returns the header, without tags, and the files.
func (s *Snapshot) header(o Origin) (h storedHeader, files []byte, err error) {
	h = storedHeader{ID: s.id, Origin: o, Globals: s.globals, Buffer: [2]uint32{s.ptr, s.size}, Warnings: s.Warnings, Memory: int64(s.memory.Size())}
	for _, r := range s.memory.Differences() {
		h.Runs = append(h.Runs, r.First, r.N)
	}
	if files, err = s.files.MarshalBinary(); err != nil {
		return h, nil, err
	}
	h.State = len(files)
	if s.tmp != nil {
		if bytes := s.tmp.Usage().Bytes; bytes > mostFiles/2 {
			return h, nil, fmt.Errorf("files in /tmp are %v, more than %v are not stored", quotas.Bytes(bytes), quotas.Bytes(mostFiles/2))
		}
		tmp, err := s.tmp.MarshalBinary()
		if err != nil {
			return h, nil, err
		}
		h.Tmp = len(tmp)
		files = append(files, tmp...)
	}
	if len(files) > mostFiles {
		return h, nil, fmt.Errorf("files are %v, more than %v are not stored", quotas.Bytes(len(files)), quotas.Bytes(mostFiles))
	}
	return h, files, nil
}

// part is content of a file, in pieces of any size.
type part func(yield func([]byte) error) error

// parts returns what follows a header.
func (s *Snapshot) parts(files []byte) []part {
	return []part{
		func(yield func([]byte) error) error { return yield(files) },
		func(yield func([]byte) error) (err error) {
			for _, r := range s.memory.Differences() {
				if err = yield(s.memory.Content(r)); err != nil {
					break
				}
			}
			return err
		},
	}
}

// inChunks yields a part in chunks of storedChunk, of which the last may be shorter.
func inChunks(p part, yield func(chunk []byte) error) error {
	chunk := make([]byte, 0, storedChunk)
	err := p(func(data []byte) error {
		for len(data) > 0 {
			n := min(len(data), storedChunk-len(chunk))
			chunk, data = append(chunk, data[:n]...), data[n:]
			if len(chunk) < storedChunk {
				return nil
			}
			if err := yield(chunk); err != nil {
				return err
			}
			chunk = chunk[:0]
		}
		return nil
	})
	if err == nil && len(chunk) > 0 {
		err = yield(chunk)
	}
	return err
}

// writeHead writes all up to the header's end. Head is the magic and the salt.
func writeHead(w io.Writer, seal *sealer, head []byte, h storedHeader) error {
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	if len(text) > mostHeader {
		return fmt.Errorf("the header has %d bytes, more than %d are not stored", len(text), mostHeader)
	}
	n := len(text)
	head = append(head, byte(n), byte(n>>8), byte(n>>16), byte(n>>24))
	tag := seal.first(append(slices.Clone(head), text...))
	for _, part := range [][]byte{head, tag, text} {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
}
