package quotas

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// differing returns content of size that begins as base does, but for some pages.
func differing(r *rand.Rand, base []byte, size Bytes) []byte {
	b := make([]byte, size)
	copy(b, base)
	for range r.IntN(200) {
		page := b[r.IntN(int(size/ImagePage))*int(ImagePage):][:ImagePage]
		if r.IntN(4) == 0 {
			clear(page)
		} else {
			page[r.IntN(len(page))]++
		}
	}
	return b
}

func TestImageOnBaseHasWhatWasWritten(t *testing.T) {
	r := newRand()
	for _, size := range []Bytes{PageSize, 4 * MiB} {
		below := contentWith(r, size, 3)
		base := imageOf(t, below)
		for _, more := range []Bytes{0, PageSize, MiB} {
			for range 20 {
				want := differing(r, below, size+more)
				img := imageOn(t, base, want, nil)
				wantSame(t, "the image", allOf(img), want)
				again := slices.Clone(below)
				again = append(again, make([]byte, more)...)
				for _, r := range img.Differences() {
					copy(again[r.start():], img.Content(r))
				}
				wantSame(t, "base and differences", again, want)
				m := newMemory(t, 0, size+more, nil)
				if err := m.Map(img); err != nil {
					t.Fatal(err)
				}
				wantSame(t, "a memory on it", m.reserved[:m.used], want)
			}
		}
	}
}

// TestImageOnBaseIsMappedInFewRuns has an image that differs in every other page.
func TestImageOnBaseIsMappedInFewRuns(t *testing.T) {
	r := newRand()
	below := contentWith(r, MiB, 1)
	want := slices.Clone(below)
	for at := 0; at < len(want); at += 2 * int(ImagePage) {
		want[at]++
	}
	img := imageOn(t, imageOf(t, below), want, nil)
	if n := len(img.parts); n > mostRuns {
		t.Errorf("the image is mapped in %d runs, want at most %d", n, mostRuns)
	}
	different := 0
	for _, r := range img.Differences() {
		different += len(img.Content(r))
	}
	if different != len(want)/2 {
		t.Errorf("%d bytes of pages differ, want %d", different, len(want)/2)
	}
	wantSame(t, "the image", allOf(img), want)
}

// TestImageOnBaseKeepsIt releases the base before the image, and its memory.
func TestImageOnBaseKeepsIt(t *testing.T) {
	r := newRand()
	below := contentWith(r, MiB, 1)
	w, err := NewImageWriter(MiB, nil, []PageRun{{0, 256}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	writeAll(t, w, below)
	base, err := w.Seal()
	if err != nil {
		t.Fatal(err)
	}
	img := imageOn(t, base, differing(r, below, MiB), nil)
	base.Release()
	if !base.Revive() {
		t.Fatal("the base was given up below an image")
	}
	base.Release()
	if img.Base() != base {
		t.Error("the image has another base")
	}
	if _, err := NewImageWriter(2*MiB, img, nil, nil); err == nil || !strings.Contains(err.Error(), "want a base that has none itself") {
		t.Errorf("an image on one that has a base: %v", err)
	}
	if _, err := NewImageWriter(PageSize, base, nil, nil); err == nil || !strings.Contains(err.Error(), "no larger") {
		t.Errorf("an image on a larger one: %v", err)
	}
}

// TestMemoryOnBase takes images of memories that are on an image: they share it.
func TestMemoryOnBase(t *testing.T) {
	r := newRand()
	base := imageOf(t, contentWith(r, MiB, 2))
	m := newMemory(t, 0, 2*MiB, nil)
	if err := m.Map(base); err != nil {
		t.Fatal(err)
	}
	for round := range 3 {
		if m.Reallocate(uint64(MiB+PageSize)) == nil {
			t.Fatal("the memory cannot grow")
		}
		for range 10 {
			m.reserved[r.IntN(int(m.used))]++
		}
		want := slices.Clone(m.reserved[:m.used])
		img, err := m.Image(nil)
		if err != nil {
			t.Fatal(err)
		}
		wantSame(t, "the image", allOf(img), want)
		if img.Base() != base || sharesImages && img.Resident() > base.Resident()/2 {
			t.Errorf("round %d: the image costs %v beside a base of %v", round, img.Resident(), base.Resident())
		}
		if err := m.Map(img); err != nil {
			t.Fatal(err)
		}
		m.reserved[0]++
		if _, err := m.Reset(FaultsUnknown); err != nil {
			t.Fatal(err)
		}
		wantSame(t, "the memory after Reset", m.reserved[:m.used], want)
		img.Release()
	}
}
