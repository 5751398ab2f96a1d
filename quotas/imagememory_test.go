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
	if len(m.ready) < images {
		t.Logf("%d images' memory is at hand, want %d: the kernel has no huge pages for it", len(m.ready), images)
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
	for _, changed := range []int{100, 1000, 3000, 9000, 9000} {
		want := append([]byte(nil), below...)
		for range changed {
			want[r.IntN(len(want))]++
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
	if n := len(memory.ready); n > 0 {
		t.Errorf("%d images' memory is still at hand", n)
	}
}

func TestImageMemoryIsBounded(t *testing.T) {
	for _, test := range []struct {
		images int
		total  Bytes
		want   int
	}{{2, 32*imageMemory - 1, 0}, {2, 32 * imageMemory, 1}, {2, 64 * imageMemory, 2}, {2, GiB * 1024, 2}, {0, GiB, 0}} {
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
	if len(m.ready) > 0 {
		t.Error("there is memory at hand after Close")
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
