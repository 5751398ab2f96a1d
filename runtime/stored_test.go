package runtime

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"wasgi/abi"
	"wasgi/quotas"
	"wasgi/wasi"
)

func testKey() []byte { return bytes.Repeat([]byte{7}, StoreKeySize) }

func testOrigin() Origin { return Origin{"image": "a", "bundle": "b"} }

// stored returns the file that a snapshot is stored in.
func stored(t testing.TB, s *Snapshot) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := s.Store(&b, testKey(), testOrigin()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func readStored(img *Image, file []byte, base *Snapshot) (*Snapshot, error) {
	return img.ReadSnapshot(bytes.NewReader(file), int64(len(file)), testKey(), testOrigin(), base)
}

// withTmp returns a snapshot of a guest with a file in memory, and the spec of its copies.
func withTmp(t *testing.T, img *Image) (*Snapshot, Spec) {
	t.Helper()
	room := wasi.Quota{Bytes: 1 << 20, Inodes: 10}
	tmp := wasi.NewTmp(room)
	spec := Spec{ID: "a", Quota: quotaOf(8 * quotas.PageSize), Tmp: tmp, Mounts: []wasi.Mount{{Path: "/tmp", FS: tmp}}}
	f, errno := tmp.Open("kept", wasi.OpenCreate|wasi.OpenWrite)
	if errno != wasi.ESUCCESS {
		t.Fatal(errno)
	}
	if _, errno := f.WriteAt(bytes.Repeat([]byte("text"), 100_000), 0); errno != wasi.ESUCCESS {
		t.Fatal(errno)
	}
	f.Close()
	s := snapshot(t, img, spec)
	s.Warnings = []string{"a line", "and another"}
	spec.Tmp = wasi.NewTmpFrom(room, s.Tmp())
	spec.Mounts = []wasi.Mount{{Path: "/tmp", FS: spec.Tmp}}
	return s, spec
}

func TestStoredSnapshotIsTheSame(t *testing.T) {
	img := loadImage(t, scripted(t))
	s, spec := withTmp(t, img)
	again, err := readStored(img, stored(t, s), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if again.ID() != s.ID() || !slices.Equal(again.Warnings, s.Warnings) || !slices.Equal(again.globals, s.globals) || again.ptr != s.ptr || again.size != s.size {
		t.Errorf("got %+v, want %+v", again, s)
	}
	room := wasi.Quota{Bytes: 1 << 20, Inodes: 10}
	other := spec
	other.Tmp = wasi.NewTmpFrom(room, again.Tmp())
	other.Mounts = []wasi.Mount{{Path: "/tmp", FS: other.Tmp}}
	a, err := img.Restore(context.Background(), spec, s)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	b, err := img.Restore(context.Background(), other, again)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	was, _ := a.mod.Memory().Read(0, a.mod.Memory().Size())
	is, _ := b.mod.Memory().Read(0, b.mod.Memory().Size())
	if !bytes.Equal(was, is) {
		t.Error("the memories differ")
	}
	if d := wasi.Differences(a.sandbox, b.sandbox); len(d) > 0 {
		t.Errorf("the files differ: %q", d)
	}
	if got := ask(t, b); !slices.Equal(got, []abi.Error{3, 0, 0}) {
		t.Errorf("the host answered %d", got)
	}
}

// TestStoredDifference stores a snapshot of a guest that began with another.
func TestStoredDifference(t *testing.T) {
	img := loadImage(t, scripted(t))
	base, spec := withTmp(t, img)
	i, err := img.Restore(context.Background(), spec, base)
	if err != nil {
		t.Fatal(err)
	}
	i.mod.Memory().Write(70_000, []byte("what the app has"))
	s, err := i.snap()
	i.Close()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	file := stored(t, s)
	if _, err := readStored(img, file, nil); err == nil {
		t.Log("a difference is read without its base: the caller says what belongs together")
	}
	again, err := readStored(img, file, base)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	c, err := img.Restore(context.Background(), spec, again)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got, _ := c.mod.Memory().Read(70_000, 16); string(got) != "what the app has" {
		t.Errorf("the memory has %q", got)
	}
	if got := ask(t, c); !slices.Equal(got, []abi.Error{3, 0, 0}) {
		t.Errorf("the host answered %d", got)
	}
}

// TestStoredIsRefusedByteByByte changes each byte of a stored snapshot, and cuts it off at each.
func TestStoredIsRefusedByteByByte(t *testing.T) {
	img := loadImage(t, scripted(t))
	s := snapshot(t, img, Spec{ID: "a", Quota: quotaOf(8 * quotas.PageSize)})
	file := stored(t, s)
	for at := 0; at < len(file); at += 1 + at/256 {
		bad := slices.Clone(file)
		bad[at] ^= 0x10
		if got, err := readStored(img, bad, nil); err == nil {
			got.Close()
			t.Fatalf("byte %d of %d is another, and nobody sees it", at, len(file))
		}
		if got, err := readStored(img, file[:at], nil); err == nil {
			got.Close()
			t.Fatalf("the first %d bytes of %d are taken for all", at, len(file))
		}
		// A file that is cut while it is read: its size was another.
		if _, err := img.ReadSnapshot(bytes.NewReader(file[:at]), int64(len(file)), testKey(), testOrigin(), nil); err == nil {
			t.Fatalf("it ends after %d bytes of %d, and nobody sees it", at, len(file))
		}
	}
	for name, c := range map[string]struct {
		key    []byte
		origin Origin
		want   string
	}{
		"key":     {bytes.Repeat([]byte{8}, StoreKeySize), testOrigin(), "this server's key"},
		"value":   {testKey(), Origin{"image": "a", "bundle": "c"}, `another bundle: "b", want "c"`},
		"missing": {testKey(), Origin{"image": "a"}, `another bundle: "b", want ""`},
		"more":    {testKey(), Origin{"image": "a", "bundle": "b", "x": "y"}, `another x: "", want "y"`},
	} {
		_, err := img.ReadSnapshot(bytes.NewReader(file), int64(len(file)), c.key, c.origin, nil)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// sealed returns a stored snapshot of any header and content, sealed as it should be. The
// header's own tags are replaced if there are none.
func sealed(t testing.TB, header string, files, pages []byte) []byte {
	t.Helper()
	head := append([]byte(storedMagic), make([]byte, saltSize)...)
	seal, err := newSealer(testKey(), head[len(storedMagic):])
	if err != nil {
		t.Fatal(err)
	}
	var h storedHeader
	if json.Unmarshal([]byte(header), &h) == nil && len(h.Tags) == 0 {
		for _, b := range [][]byte{files, pages} {
			for chunk := range slices.Chunk(b, storedChunk) {
				h.Tags = seal.next(h.Tags, chunk)
			}
		}
		text, err := json.Marshal(h)
		if err != nil {
			t.Fatal(err)
		}
		header = string(text)
	}
	n := len(header)
	head = append(head, byte(n), byte(n>>8), byte(n>>16), byte(n>>24))
	file := append(slices.Clone(head), seal.first(append(slices.Clone(head), header...))...)
	return slices.Concat(file, []byte(header), files, pages)
}

// FuzzReadSnapshot reads what is sealed and may be anything: it is refused, or used.
func FuzzReadSnapshot(f *testing.F) {
	img := &Image{globals: []string{"one"}}
	state, err := new(wasi.State).MarshalBinary()
	if err != nil {
		f.Fatal(err)
	}
	tmp, err := wasi.NewTmp(wasi.Quota{}).Save().MarshalBinary()
	if err != nil {
		f.Fatal(err)
	}
	h := storedHeader{ID: "x", Origin: testOrigin(), Globals: []uint64{1}, Memory: int64(quotas.PageSize), Runs: []int{1, 2, 5, 1}, State: len(state), Tmp: len(tmp)}
	text, err := json.Marshal(h)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(text), slices.Concat(state, tmp), bytes.Repeat([]byte("page"), 3<<10))
	h.Tmp, h.Runs = 0, nil
	text, err = json.Marshal(h)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(text), state, []byte{})
	f.Add("{}", []byte{}, []byte{})
	f.Fuzz(func(t *testing.T, header string, files, pages []byte) {
		if len(header) > mostHeader {
			return
		}
		s, err := readStored(img, sealed(t, header, files, pages), nil)
		if err != nil {
			return
		}
		defer s.Close()
		again, err := readStored(img, stored(t, s), nil)
		if err != nil {
			t.Fatalf("what was read cannot be stored and read: %v", err)
		}
		again.Close()
	})
}
