package quotas

import (
	"testing"
)

// readyMemory returns memory that is at hand, if the system has any of the kind, and is not made
// again.
func readyMemory(t *testing.T, images int) *ImageMemory {
	t.Helper()
	m := NewImageMemory(images, 64*GiB)
	t.Cleanup(m.Close)
	m.fill()
	m.most = 0
	for kind := range imageKinds {
		if n := len(m.ready[kind]); n < images {
			t.Logf("memory of %v is at hand %d times, want %d: the kernel has no huge pages for it", kind.size(), n, images)
		}
	}
	return m
}

// TestImageInReadyMemory makes images in memory that was at hand: smaller ones than it, larger
// ones, and more than there is memory for.
func TestImageInReadyMemory(t *testing.T) {
	r := newRand()
	memory := readyMemory(t, 2)
	below := contentWith(r, 40*MiB, 4)
	base := imageOf(t, below)
	for _, test := range []struct {
		changed int
		within  Bytes
	}{{100, MiB / 2}, {400, 2 * MiB}, {400, 3 * MiB}, {400, 3 * MiB}, {1000, 20 * MiB}, {9000, 40 * MiB}, {9000, 40 * MiB}} {
		want := append([]byte(nil), below...)
		for range test.changed {
			want[r.IntN(int(test.within))]++
		}
		img := imageOn(t, base, want, memory)
		wantSame(t, "the image", allOf(img), want)
		m := newMemory(t, 0, Bytes(len(want)), nil)
		mapOnto(t, m, img)
		wantSame(t, "a memory on it", all(m), want)
		scribble(r, m, 100)
		reset(t, m)
		wantSame(t, "a memory after Reset", all(m), want)
		var own Bytes
		for _, part := range img.parts {
			own += Bytes(part.end - part.start)
		}
		if got := img.Resident(); sharesImages && got > own {
			t.Errorf("an image of %v costs %v", own, got)
		}
	}
	for kind, ready := range memory.ready {
		if len(ready) > 0 {
			t.Errorf("%d of kind %d are still at hand", len(ready), kind)
		}
	}
}

func TestImageMemoryIsBounded(t *testing.T) {
	each := smallImage.size() + largeImage.size()
	for _, test := range []struct {
		images int
		total  Bytes
		want   int
	}{{2, 32*each - 1, 0}, {2, 32 * each, 1}, {2, 64*each - 1, 1}, {2, 64 * each, 2}, {2, 1024 * GiB, 2}, {0, GiB, 0}} {
		if got := NewImageMemory(test.images, test.total).most; got != test.want {
			t.Errorf("of %v memory for %d images is kept, want %d", test.total, got, test.want)
		}
	}
}

// TestImageMemoryIsGivenBack closes while some is being made.
func TestImageMemoryIsGivenBack(t *testing.T) {
	m := NewImageMemory(2, 64*GiB)
	made := make(chan struct{})
	go func() {
		defer close(made)
		m.fill()
	}()
	m.Close()
	<-made
	for kind, ready := range m.ready {
		if len(ready) > 0 {
			t.Errorf("%d of kind %d are at hand after Close", len(ready), kind)
		}
	}
	c, err := m.take(int(2 * MiB))
	if err != nil {
		t.Fatal(err)
	}
	c.close()
	if m.timer != nil {
		t.Error("more is made after Close")
	}
}
