package quotas

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
)

// imageOf returns an image of content, which the test releases in the end.
func imageOf(t testing.TB, content []byte) *MemoryImage {
	t.Helper()
	w, err := NewImageWriter(Bytes(len(content)), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := w.WriteAt(content, 0); err != nil {
		t.Fatal(err)
	}
	img, err := w.Seal()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(img.Release)
	return img
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

func TestImagePagesAreWrittenAgain(t *testing.T) {
	w, err := NewImageWriter(PageSize, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := make([]byte, PageSize)
	r := newRand()
	for range 1000 {
		index := r.IntN(16)
		page := contentWith(r, ImagePage, 2)
		copy(want[index*int(ImagePage):], page)
		if err := w.WritePage(index, page); err != nil {
			t.Fatal(err)
		}
	}
	img, err := w.Seal()
	if err != nil {
		t.Fatal(err)
	}
	defer img.Release()
	wantSame(t, "the image", allOf(img), want)
	if got := img.Resident(); sharesImages && got != img.Full() {
		t.Errorf("it costs %v, want %v", got, img.Full())
	}
}

func TestImageRefusesWhatDoesNotFit(t *testing.T) {
	for _, size := range []Bytes{-PageSize, 1, PageSize + 1, 4 * GiB} {
		if _, err := NewImageWriter(size, nil); err == nil || !strings.Contains(err.Error(), "want a multiple of 64KiB") {
			t.Errorf("%v: %v", size, err)
		}
	}
	w, err := NewImageWriter(PageSize, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		n  int
		at int64
	}{{1, 0}, {4096, 1}, {4096, -4096}, {4096, 65536}, {8192, 61440}, {4096, 1 << 62}} {
		if _, err := w.WriteAt(make([]byte, test.n), test.at); err == nil {
			t.Errorf("%d bytes at %d are written", test.n, test.at)
		}
	}
	if err := w.WritePage(0, make([]byte, 8192)); err == nil {
		t.Error("a page of 8192 bytes is written")
	}
	if err := w.WritePage(-1, make([]byte, 4096)); err == nil {
		t.Error("page -1 is written")
	}
	w.Close()
	w.Close()
	if err := w.WritePage(0, make([]byte, 4096)); err == nil {
		t.Error("a page is written after Close")
	}
	if _, err := w.Seal(); err == nil {
		t.Error("what was closed is sealed")
	}
}

func TestImageCountsItsReferences(t *testing.T) {
	w, err := NewImageWriter(PageSize, nil)
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
