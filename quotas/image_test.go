package quotas

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// imageOf returns an image of content, which the test releases in the end.
func imageOf(t testing.TB, content []byte) *MemoryImage {
	t.Helper()
	return imageOn(t, nil, content, nil)
}

// imageOn returns an image of content that shares what it can with base.
func imageOn(t testing.TB, base *MemoryImage, content []byte, memory *ImageMemory) *MemoryImage {
	t.Helper()
	w, err := NewImageWriter(Bytes(len(content)), base, differencesOf(base, content), memory)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	writeAll(t, w, content)
	img, err := w.Seal()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(img.Release)
	return img
}

// differencesOf returns the pages of content that are not base's.
func differencesOf(base *MemoryImage, content []byte) (runs []PageRun) {
	for at := 0; at < len(content); at += int(ImagePage) {
		if base.differs(content[at:at+int(ImagePage)], at) {
			runs = addPage(runs, at/int(ImagePage))
		}
	}
	return runs
}

// writeAll writes the pages that a writer is to have, in no order.
func writeAll(t testing.TB, w *ImageWriter, content []byte) {
	t.Helper()
	var pages []byte
	for _, r := range w.runs {
		pages = append(pages, content[r.start():r.end()]...)
	}
	pieces := slices.Collect(slices.Chunk(pages, 7*int(ImagePage)))
	for _, i := range newRand().Perm(len(pieces)) {
		if _, err := w.WriteAt(pieces[i], int64(i*7)*int64(ImagePage)); err != nil {
			t.Fatal(err)
		}
	}
}

// contentWith returns size bytes of which about one page in every has content.
func contentWith(r *rand.Rand, size Bytes, every int) []byte {
	b := make([]byte, size)
	for page := 0; page < len(b); page += int(ImagePage) {
		if r.IntN(every) == 0 {
			for i := page; i < page+int(ImagePage); i++ {
				b[i] = byte(r.Uint32())
			}
		}
	}
	return b
}

func newRand() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

func wantSame(t testing.TB, what string, got, want []byte) {
	t.Helper()
	if bytes.Equal(got, want) {
		return
	}
	if len(got) != len(want) {
		t.Fatalf("%s: %d bytes, want %d", what, len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("%s: byte %#x is %d, want %d", what, i, got[i], want[i])
		}
	}
}

// allOf puts the runs of an image together.
func allOf(img *MemoryImage) []byte {
	b := make([]byte, img.Size())
	for at, data := range img.Runs {
		copy(b[at:], data)
	}
	return b
}

func TestImageHasWhatWasWritten(t *testing.T) {
	r := newRand()
	for _, size := range []Bytes{0, PageSize, 3 * PageSize, 4 * MiB} {
		for _, every := range []int{1, 2, 10, 1 << 30} {
			want := contentWith(r, size, every)
			img := imageOf(t, want)
			wantSame(t, size.String(), allOf(img), want)
			if img.Size() != size {
				t.Errorf("the size is %v, want %v", img.Size(), size)
			}
		}
	}
}

func TestImageCostsWhatIsFull(t *testing.T) {
	content := make([]byte, 16*MiB)
	for _, page := range []int{0, 1, 100, 4095} {
		content[page*int(ImagePage)+17] = 1
	}
	img := imageOf(t, content)
	if got := img.Full(); got != 4*ImagePage {
		t.Errorf("%v are full, want 16KiB", got)
	}
	if got := img.Resident(); sharesImages && got != 4*ImagePage {
		t.Errorf("it costs %v, want 16KiB", got)
	}
}

func TestImageRefusesWhatDoesNotFit(t *testing.T) {
	for _, size := range []Bytes{-PageSize, 1, PageSize + 1, 4 * GiB} {
		if _, err := NewImageWriter(size, nil, nil, nil); err == nil || !strings.Contains(err.Error(), "want a multiple of 64KiB") {
			t.Errorf("%v: %v", size, err)
		}
	}
	for _, runs := range [][]PageRun{
		{{-1, 1}}, {{0, 0}}, {{0, -1}}, {{16, 1}}, {{15, 2}}, {{0, 1 << 62}}, {{1 << 62, 1}}, {{4, 2}, {5, 1}}, {{4, 2}, {0, 1}},
	} {
		if _, err := NewImageWriter(PageSize, nil, runs, nil); err == nil || !strings.Contains(err.Error(), "want some from") {
			t.Errorf("runs %v: %v", runs, err)
		}
	}
	w, err := NewImageWriter(PageSize, nil, []PageRun{{0, 2}, {2, 1}, {8, 8}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		n  int
		at int64
	}{{1, 0}, {4096, 1}, {4096, -4096}, {4096, 11 * 4096}, {8192, 10 * 4096}, {4096, 1 << 62}} {
		if _, err := w.WriteAt(make([]byte, test.n), test.at); err == nil {
			t.Errorf("%d bytes at %d are written", test.n, test.at)
		}
	}
	if _, err := w.WriteAt(make([]byte, 10*4096), 0); err != nil {
		t.Error(err)
	}
	if _, err := w.Seal(); err == nil || !strings.Contains(err.Error(), "4096 bytes of its pages are not written") {
		t.Errorf("an image without its last page: %v", err)
	}
	w.Close()
	w.Close()
	if _, err := w.WriteAt(make([]byte, 4096), 10*4096); err == nil {
		t.Error("a page is written after Close")
	}
	if _, err := w.Seal(); err == nil {
		t.Error("what was closed is sealed")
	}
}

func TestImageCountsItsReferences(t *testing.T) {
	w, err := NewImageWriter(PageSize, nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	img, err := w.Seal()
	if err != nil {
		t.Fatal(err)
	}
	img.Retain()
	img.Release()
	img.Release()
	for name, f := range map[string]func(){"Retain": img.Retain, "Release": img.Release} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s after the last Release does nothing", name)
				}
			}()
			f()
		}()
	}
}
