package runtime

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"wasgi/quotas"
	"wasgi/wasi"
)

// ReadSnapshot reads a snapshot that was stored, of size bytes, with the base that it
// differs from, nil for none. It must be sealed with key and of the origin that is wanted,
// the error else tells what is wrong with it. Nothing of r is used after it returns. What is
// read is held to what can be, even where it is sealed.
func (img *Image) ReadSnapshot(r io.Reader, size int64, key []byte, want Origin, base *Snapshot) (*Snapshot, error) {
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
	if err := f.readFiles(s); err != nil {
		return nil, err
	}
	var below *quotas.MemoryImage
	if base != nil {
		below = base.memory
	}
	buffers, ok := img.chunks.Get().(*chunkBuffers)
	if !ok {
		buffers = new(chunkBuffers)
	}
	defer img.chunks.Put(buffers)
	var err error
	s.memory, err = f.readMemory(below, buffers)
	return s, err
}

// CheckSnapshot is ReadSnapshot that only looks at the beginning.
func (img *Image) CheckSnapshot(r io.Reader, size int64, key []byte, want Origin, base *Snapshot) error {
	f := &storedFile{in: r, size: size}
	if err := f.readHeader(key, want); err != nil {
		return err
	}
	return f.validate(len(img.globals), base)
}

// chunkBuffers are what chunks are read into. They are used again: the memory of new ones
// costs as much as reading into them.
type chunkBuffers [4][storedChunk]byte

// storedFile is a stored snapshot that is read.
type storedFile struct {
	storedHeader
	in   io.Reader
	size int64
	read int64 // so far
	seal *sealer
	tags []byte // of what is still to be read
}

// take fills b.
func (f *storedFile) take(b []byte) error {
	n, err := io.ReadFull(f.in, b)
	f.read += int64(n)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("it ends after %d bytes, want %d", f.read, f.size)
	}
	return err
}

// readHeader reads all up to the header's end.
func (f *storedFile) readHeader(key []byte, want Origin) error {
	head := make([]byte, storedHead)
	if err := f.take(head); err != nil {
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
	if err := f.take(text); err != nil {
		return err
	}
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
	f.tags = f.Tags
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
	pages, err := f.pages()
	if err != nil {
		return err
	}
	chunks := inWhole(f.State+f.Tmp, storedChunk) + inWhole(pages, storedChunk)
	if len(f.Tags) != chunks*tagSize {
		return fmt.Errorf("it has %d bytes of tags, want %d", len(f.Tags), chunks*tagSize)
	}
	if want := f.read + int64(f.State) + int64(f.Tmp) + int64(pages); f.size != want {
		return fmt.Errorf("it has %d bytes, want %d", f.size, want)
	}
	return nil
}

// pages returns the bytes of all pages.
func (f *storedFile) pages() (sum int, err error) {
	if len(f.Runs)%2 != 0 {
		return 0, errors.New("its last run of pages has no length")
	}
	next, end := 0, int(f.Memory/int64(quotas.ImagePage))
	for i := 0; i < len(f.Runs); i += 2 {
		first, n := f.Runs[i], f.Runs[i+1]
		if first < next || first >= end || n < 1 || n > end-first {
			return 0, fmt.Errorf("%d pages from page %d on, want some from %d to %d", n, first, next, end)
		}
		next, sum = first+n, sum+n*int(quotas.ImagePage)
	}
	return sum, nil
}

// inWhole returns how many of size hold n.
func inWhole(n, size int) int { return (n + size - 1) / size }

// chunks reads n bytes and yields them, proven, in chunks. Buffer returns memory for the
// next, of storedChunk.
func (f *storedFile) chunks(n int, buffer func() []byte, yield func(chunk []byte) error) error {
	for n > 0 {
		chunk := buffer()[:min(n, storedChunk)]
		if err := f.take(chunk); err != nil {
			return err
		}
		var err error
		if f.tags, err = f.seal.open(f.tags, chunk); err != nil {
			return err
		}
		if err := yield(chunk); err != nil {
			return err
		}
		n -= len(chunk)
	}
	return nil
}

// chunksAhead is chunks, of which the next are read and proven while one is used.
func (f *storedFile) chunksAhead(n int, buffers *chunkBuffers, yield func(chunk []byte) error) error {
	free, full, end := make(chan []byte, len(buffers)), make(chan []byte, len(buffers)), make(chan error, 1)
	for i := range buffers {
		free <- buffers[i][:]
	}
	go func() {
		defer close(full)
		end <- f.chunks(n, func() []byte { return <-free }, func(chunk []byte) error {
			full <- chunk
			return nil
		})
	}()
	var err error
	for chunk := range full {
		if err == nil {
			err = yield(chunk)
		}
		free <- chunk
	}
	if e := <-end; err == nil {
		err = e
	}
	return err
}

func (f *storedFile) readFiles(s *Snapshot) error {
	var files []byte
	buffer := make([]byte, min(f.State+f.Tmp, storedChunk))
	err := f.chunks(f.State+f.Tmp, func() []byte { return buffer }, func(chunk []byte) error {
		files = append(files, chunk...)
		return nil
	})
	if err != nil {
		return err
	}
	s.files = new(wasi.State)
	if err := s.files.UnmarshalBinary(files[:f.State]); err != nil || f.Tmp == 0 {
		return err
	}
	s.tmp = new(wasi.TmpImage)
	return s.tmp.UnmarshalBinary(files[f.State:])
}

func (f *storedFile) readMemory(base *quotas.MemoryImage, buffers *chunkBuffers) (*quotas.MemoryImage, error) {
	w, err := quotas.NewImageWriter(quotas.Bytes(f.Memory), base)
	if err != nil {
		return nil, err
	}
	defer w.Close()
	pages, err := f.pages()
	if err != nil {
		return nil, err
	}
	at, left := 0, 0 // where the next page is to be, and how many follow it
	runs := f.Runs
	err = f.chunksAhead(pages, buffers, func(chunk []byte) error {
		for len(chunk) > 0 {
			if left == 0 {
				at, left, runs = runs[0]*int(quotas.ImagePage), runs[1]*int(quotas.ImagePage), runs[2:]
			}
			n := min(left, len(chunk))
			if _, err := w.WriteNew(chunk[:n], int64(at)); err != nil {
				return err
			}
			at, left, chunk = at+n, left-n, chunk[n:]
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return w.Seal()
}
