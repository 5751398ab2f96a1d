package runtime

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"wasgi/quotas"
	"wasgi/wasi"
)

// ReadSnapshot reads a snapshot that was stored, of size bytes, with the base that it
// differs from, nil for none. It must be sealed with key and of the origin that is wanted,
// the error else tells what is wrong with it. Nothing of r is used after it returns. What is
// read is held to what can be, even where it is sealed.
func (img *Image) ReadSnapshot(r io.ReaderAt, size int64, key []byte, want Origin, base *Snapshot) (*Snapshot, error) {
	f := &storedFile{in: r, size: size}
	if err := f.readHeader(key, want); err != nil {
		return nil, err
	}
	if err := f.validate(len(img.globals), base); err != nil {
		return nil, err
	}
	s := &Snapshot{
		id: f.ID, globals: f.Globals, ptr: f.Buffer[0], size: f.Buffer[1], Warnings: f.Warnings,
	}
	buffers, ok := img.chunks.Get().(*chunkBuffers)
	if !ok {
		buffers = new(chunkBuffers)
	}
	defer img.chunks.Put(buffers)
	if err := f.readFiles(s, buffers); err != nil {
		return nil, err
	}
	var below *quotas.MemoryImage
	if base != nil {
		below = base.memory
	}
	var err error
	s.memory, err = f.readMemory(below, img.slots.images, buffers)
	return s, err
}

// CheckSnapshot is ReadSnapshot that only looks at the beginning.
func (img *Image) CheckSnapshot(r io.ReaderAt, size int64, key []byte, want Origin, base *Snapshot) error {
	f := &storedFile{in: r, size: size}
	if err := f.readHeader(key, want); err != nil {
		return err
	}
	return f.validate(len(img.globals), base)
}

// chunkBuffers are what chunks are read into, by as many goroutines. They are used again: the
// memory of new ones costs as much as reading into them.
type chunkBuffers [2][storedChunk]byte

// storedFile is a stored snapshot that is read.
type storedFile struct {
	storedHeader
	in   io.ReaderAt
	size int64
	head int64 // bytes up to the header's end
	seal *sealer
}

// readAt fills b.
func (f *storedFile) readAt(b []byte, at int64) error {
	n, err := f.in.ReadAt(b, at)
	switch {
	case n == len(b):
		return nil
	case errors.Is(err, io.EOF):
		return fmt.Errorf("it ends after %d bytes, want %d", at+int64(n), f.size)
	}
	return err
}

// readHeader reads all up to the header's end.
func (f *storedFile) readHeader(key []byte, want Origin) error {
	head := make([]byte, storedHead)
	if err := f.readAt(head, 0); err != nil {
		return err
	}
	if !bytes.HasPrefix(head, []byte(storedMagic)) {
		return fmt.Errorf("it begins with %q, want %q", head[:len(storedMagic)], storedMagic)
	}
	end := len(head) - tagSize
	length, tag := binary.LittleEndian.Uint32(head[end-lengthSize:]), head[end:]
	if length > mostHeader {
		return fmt.Errorf("its header has %d bytes, want at most %d", length, mostHeader)
	}
	text := make([]byte, length)
	if err := f.readAt(text, int64(len(head))); err != nil {
		return err
	}
	f.head = int64(len(head) + len(text))
	var err error
	if f.seal, err = newSealer(key, head[len(storedMagic):][:saltSize]); err != nil {
		return err
	}
	if !f.seal.opensFirst(tag, append(head[:end:end], text...)) {
		return errors.New("its header is not as it was written with this server's key")
	}
	if err := json.Unmarshal(text, &f.storedHeader); err != nil {
		return fmt.Errorf("its header: %w", err)
	}
	if name := f.Origin.differs(want); name != "" {
		return fmt.Errorf("it was made of another %s: %.16q, want %.16q", name, f.Origin[name], want[name])
	}
	return nil
}

// validate says what of the header cannot be.
func (f *storedFile) validate(globals int, base *Snapshot) error {
	var below int64
	if base != nil {
		below = int64(base.memory.Size())
	}
	const most = 4 * int64(quotas.GiB)
	switch {
	case len(f.Globals) != globals:
		return fmt.Errorf("it has %d globals, want %d", len(f.Globals), globals)
	case f.Memory < below || f.Memory > most || f.Memory%int64(quotas.PageSize) != 0:
		return fmt.Errorf("its memory is %d bytes, want a multiple of %d from %d to %d", f.Memory, int64(quotas.PageSize), below, most)
	case f.State < 0 || f.Tmp < 0 || f.State > mostFiles || f.Tmp > mostFiles-f.State:
		return fmt.Errorf("its files are %d and %d bytes, want at most %d", f.State, f.Tmp, mostFiles)
	case len(f.Warnings) > mostWarnings:
		return fmt.Errorf("it has %d warnings, want at most %d", len(f.Warnings), mostWarnings)
	}
	_, pages, err := f.pages()
	if err != nil {
		return err
	}
	chunks := inWhole(f.State+f.Tmp, storedChunk) + inWhole(pages, storedChunk)
	if len(f.Tags) != chunks*tagSize {
		return fmt.Errorf("it has %d bytes of tags, want %d", len(f.Tags), chunks*tagSize)
	}
	if want := f.head + int64(f.State) + int64(f.Tmp) + int64(pages); f.size != want {
		return fmt.Errorf("it has %d bytes, want %d", f.size, want)
	}
	return nil
}

// pages returns which pages follow, and their bytes.
func (f *storedFile) pages() (runs []quotas.PageRun, sum int, err error) {
	if len(f.Runs)%2 != 0 {
		return nil, 0, errors.New("its last run of pages has no length")
	}
	for i := 0; i < len(f.Runs); i += 2 {
		runs = append(runs, quotas.PageRun{First: f.Runs[i], N: f.Runs[i+1]})
	}
	n, err := quotas.CheckRuns(runs, quotas.Bytes(f.Memory))
	return runs, int(n), err
}

// inWhole returns how many of size hold n.
func inWhole(n, size int) int { return (n + size - 1) / size }

// chunks is a part of a stored snapshot that is in chunks.
type chunks struct {
	at    int64 // in the file
	size  int
	first int // chunk, of all
}

// files and memory are the parts of a stored snapshot after its header.
func (f *storedFile) files() chunks { return chunks{at: f.head, size: f.State + f.Tmp} }

func (f *storedFile) memory(size int) chunks {
	files := f.files()
	return chunks{at: files.at + int64(files.size), size: size, first: inWhole(files.size, storedChunk)}
}

// each reads a part and yields its chunks, proven, with where in the part they begin: in any
// order, and by as many goroutines at once as there are buffers.
func (f *storedFile) each(c chunks, buffers *chunkBuffers, yield func(chunk []byte, at int) error) error {
	var next atomic.Int64
	n := inWhole(c.size, storedChunk)
	work := func(buffer []byte) error {
		for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
			at := i * storedChunk
			chunk := buffer[:min(c.size-at, storedChunk)]
			if err := f.chunk(c, i, chunk); err != nil {
				return err
			}
			if err := yield(chunk, at); err != nil {
				return err
			}
		}
		return nil
	}
	errs := make(chan error, len(buffers))
	others := min(n, len(buffers)) - 1
	for i := range others {
		go func() { errs <- work(buffers[i+1][:]) }()
	}
	err := work(buffers[0][:])
	for range others {
		err = errors.Join(err, <-errs)
	}
	return err
}

// chunk reads chunk i of a part, and proves it.
func (f *storedFile) chunk(c chunks, i int, chunk []byte) error {
	if err := f.readAt(chunk, c.at+int64(i)*storedChunk); err != nil {
		return err
	}
	n := c.first + i
	return f.seal.opens(n, f.Tags[n*tagSize:][:tagSize], chunk)
}

func (f *storedFile) readFiles(s *Snapshot, buffers *chunkBuffers) error {
	files := make([]byte, f.State+f.Tmp)
	if err := f.each(f.files(), buffers, func(chunk []byte, at int) error {
		copy(files[at:], chunk)
		return nil
	}); err != nil {
		return err
	}
	s.files = new(wasi.State)
	if err := s.files.UnmarshalBinary(files[:f.State]); err != nil || f.Tmp == 0 {
		return err
	}
	s.tmp = new(wasi.TmpImage)
	return s.tmp.UnmarshalBinary(files[f.State:])
}

func (f *storedFile) readMemory(base *quotas.MemoryImage, memory *quotas.ImageMemory, buffers *chunkBuffers) (*quotas.MemoryImage, error) {
	runs, pages, err := f.pages()
	if err != nil {
		return nil, err
	}
	w, err := quotas.NewImageWriter(quotas.Bytes(f.Memory), base, runs, memory)
	if err != nil {
		return nil, err
	}
	defer w.Close()
	joined := make(chan error, 1)
	go func() { joined <- w.Join() }()
	err = f.each(f.memory(pages), buffers, func(chunk []byte, at int) error {
		_, err := w.WriteAt(chunk, int64(at))
		return err
	})
	if err = errors.Join(err, <-joined); err != nil {
		return nil, err
	}
	return w.Seal()
}
