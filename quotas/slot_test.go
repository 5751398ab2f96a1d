package quotas

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

func newMemory(t testing.TB, initial, limit Bytes, budget *Budget) *Memory {
	t.Helper()
	m, err := NewMemory(initial, limit, budget)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Free)
	return m
}

func mapOnto(t testing.TB, m *Memory, img *MemoryImage) {
	t.Helper()
	if err := m.Map(img); err != nil {
		t.Fatal(err)
	}
}

func reset(t testing.TB, m *Memory) int {
	t.Helper()
	n, err := m.Reset(FaultsUnknown)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func all(m *Memory) []byte { return m.reserved[:m.used] }

// scribble writes n times somewhere in what is committed, a byte or a run.
func scribble(r *rand.Rand, m *Memory, n int) {
	for range n {
		at := r.IntN(int(m.used))
		end := min(at+1+r.IntN(3*int(ImagePage)), int(m.used))
		if r.IntN(2) == 0 {
			end = at + 1
		}
		for i := at; i < end; i++ {
			m.reserved[i] = byte(r.Uint32())
		}
	}
}

// grown lets the memory grow by pages and fills these.
func grown(t testing.TB, m *Memory, pages int) {
	t.Helper()
	from := m.used
	if m.Reallocate(m.used+uint64(pages)*uint64(PageSize)) == nil {
		t.Fatalf("no %d pages more than %d bytes", pages, m.used)
	}
	fresh := m.reserved[from:m.used]
	if !zeros(fresh) {
		t.Fatalf("memory that it grew by at %#x is not all zeros", from)
	}
	copy(fresh, bytes.Repeat([]byte{0xab}, len(fresh)))
}

func TestResetMakesTheImageOfAnyContent(t *testing.T) {
	for name, by := range waysToReset() {
		t.Run(name, func(t *testing.T) {
			r := newRand()
			want := contentWith(r, MiB, 3)
			img := imageOf(t, want)
			budget := NewBudget(GiB, nil)
			m := newMemory(t, 3*PageSize, 4*MiB, budget)
			by(m)
			mapOnto(t, m, img)
			wantSame(t, "after Map", all(m), want)
			for i := range 1000 {
				scribble(r, m, 1+r.IntN(20))
				if i%10 == 0 {
					grown(t, m, 1+r.IntN(20))
				}
				reset(t, m)
				wantSame(t, "after Reset", all(m), want)
				if used := budget.Stats().Used; used != MiB {
					t.Fatalf("the budget has %v in use, want 1MiB", used)
				}
			}
			wantSame(t, "the image", allOf(img), want)
		})
	}
}

// Pages that were written once are not kept for good where there are many.
func TestResetOfVeryManyPages(t *testing.T) {
	want := contentWith(newRand(), 16*MiB, 4)
	m := newMemory(t, 0, 32*MiB, nil)
	mapOnto(t, m, imageOf(t, want))
	for _, test := range []struct {
		written Bytes
		kept    Bytes // of the slot's own
	}{{16 * MiB, 16 * MiB}, {16 * MiB, 16 * MiB}, {4 * MiB, 16 * MiB}, {4*MiB - ImagePage, 0}, {MiB, MiB}, {8 * MiB, 8 * MiB}, {0, 8 * MiB}} {
		for at := Bytes(0); at < test.written; at += ImagePage {
			m.reserved[at+at/ImagePage%ImagePage] ^= 0xff // elsewhere in each page
		}
		n := reset(t, m)
		wantSame(t, "after Reset", all(m), want)
		if !sharesImages {
			continue
		}
		if Bytes(n)*ImagePage != test.written {
			t.Errorf("%d pages were written, want those of %v", n, test.written)
		}
		if kept := ownBytes(m); kept != test.kept {
			t.Errorf("after %v were written %v are kept, want %v", test.written, kept, test.kept)
		}
	}
}

// ownBytes returns how much of m is its own and not an image's.
func ownBytes(m *Memory) (n Bytes) {
	m.pages.own(m.reserved, func(start, end int) bool {
		n += Bytes(end - start)
		return true
	})
	return n
}

func TestMapLeavesNothingOfWhatWas(t *testing.T) {
	r := newRand()
	contents := [][]byte{
		contentWith(r, 0, 1), contentWith(r, PageSize, 2), contentWith(r, MiB, 4),
		contentWith(r, 2*MiB, 1), contentWith(r, 4*MiB, 1<<30), contentWith(r, 4*MiB, 3),
	}
	var images []*MemoryImage
	for _, content := range contents {
		images = append(images, imageOf(t, content))
	}
	budget := NewBudget(GiB, nil)
	m := newMemory(t, PageSize, 4*MiB, budget)
	for range 300 {
		n := r.IntN(len(images))
		mapOnto(t, m, images[n])
		wantSame(t, "after Map", all(m), contents[n])
		if used := budget.Stats().Used; used != images[n].Size() || m.Committed() != used {
			t.Fatalf("the budget has %v in use, the memory %v, want %v", used, m.Committed(), images[n].Size())
		}
		if m.used > 0 {
			scribble(r, m, r.IntN(50))
		}
		if more := (len(m.reserved) - int(m.used)) / int(PageSize); more > 0 && r.IntN(2) == 0 {
			grown(t, m, 1+r.IntN(more))
		}
		if r.IntN(3) == 0 {
			reset(t, m)
			wantSame(t, "after Reset", all(m), contents[n])
		}
	}
	m.Free()
	if used := budget.Stats().Used; used != 0 {
		t.Errorf("the budget has %v in use in the end", used)
	}
}

func TestImageOfAMemory(t *testing.T) {
	for name, by := range waysToReset() {
		t.Run(name, func(t *testing.T) {
			r := newRand()
			m := newMemory(t, MiB, 4*MiB, nil)
			by(m)
			for range 20 {
				scribble(r, m, 30)
				if m.Committed() < 3*MiB {
					grown(t, m, 2)
				}
				clear(m.reserved[:3*ImagePage])
				want := append([]byte(nil), all(m)...)
				img, err := m.Image(nil)
				if err != nil {
					t.Fatal(err)
				}
				wantSame(t, "the image", allOf(img), want)
				wantSame(t, "the memory", all(m), want)
				other := newMemory(t, 0, 4*MiB, nil)
				mapOnto(t, other, img)
				wantSame(t, "another memory", all(other), want)
				mapOnto(t, m, img)
				img.Release()
			}
		})
	}
}

func TestMapRefuses(t *testing.T) {
	small, large := imageOf(t, contentWith(newRand(), PageSize, 1)), imageOf(t, contentWith(newRand(), 2*MiB, 1))
	budget := NewBudget(MiB, nil)
	m := newMemory(t, PageSize, MiB, budget)
	mapOnto(t, m, small)
	wide := newMemory(t, 0, 4*MiB, budget)
	unchanged := func() {
		t.Helper()
		wantSame(t, "the memory", all(m), allOf(small))
		if used := budget.Stats().Used; used != PageSize {
			t.Errorf("the budget has %v in use", used)
		}
		if n := large.refs.Load(); n != 1 {
			t.Errorf("the image has %d references", n)
		}
	}
	for _, m := range []*Memory{m, wide} {
		var over *Exceeded
		if err := m.Map(large); !errors.As(err, &over) || over.Limit != LimitMemory {
			t.Errorf("2MiB on %v: %v", m.Limit(), err)
		}
		unchanged()
	}
	if _, err := wide.Reset(FaultsUnknown); err == nil {
		t.Error("what is on no image is reset")
	}
	w, err := NewImageWriter(0, nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	gone, err := w.Seal()
	if err != nil {
		t.Fatal(err)
	}
	gone.Release()
	if err := m.Map(gone); err == nil {
		t.Error("an image that was released is mapped")
	}
	unchanged()
	m.Free()
	if err := m.Map(small); err == nil {
		t.Error("an image is mapped onto what was freed")
	}
	if _, err := m.Reset(FaultsUnknown); err == nil {
		t.Error("what was freed is reset")
	}
	if n := small.refs.Load(); n != 1 {
		t.Errorf("the image has %d references", n)
	}
}

// An image lives as long as a memory is on it.
func TestImageOutlivesItsMaker(t *testing.T) {
	want := contentWith(newRand(), MiB, 2)
	w, err := NewImageWriter(MiB, nil, differencesOf(nil, want), nil)
	if err != nil {
		t.Fatal(err)
	}
	writeAll(t, w, want)
	img, err := w.Seal()
	if err != nil {
		t.Fatal(err)
	}
	m := newMemory(t, 0, MiB, nil)
	mapOnto(t, m, img)
	img.Release()
	mapOnto(t, m, img) // onto what it is on
	scribble(newRand(), m, 10)
	reset(t, m)
	wantSame(t, "after Reset", all(m), want)
	m.Free()
	if n := img.refs.Load(); n != 0 {
		t.Errorf("%d references are left", n)
	}
}

// With the race detector: slots of many goroutines on the same images.
func TestSlotsShareImages(t *testing.T) {
	const slots, turns = 32, 30
	budget := NewBudget(GiB, nil)
	r := newRand()
	var contents [][]byte
	var images []*MemoryImage
	for i := range 3 {
		content := contentWith(r, Bytes(i+1)*4*PageSize, 2)
		contents = append(contents, content)
		images = append(images, imageOf(t, content))
	}
	var wg sync.WaitGroup
	for slot := range slots {
		m := newMemory(t, PageSize, 2*MiB, budget)
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(slot), 3))
			for range turns {
				n := r.IntN(len(images))
				if err := m.Map(images[n]); err != nil {
					t.Error(err)
					return
				}
				for range 3 {
					scribble(r, m, 5)
					if _, err := m.Reset(FaultsUnknown); err != nil {
						t.Error(err)
					}
					if string(all(m)) != string(contents[n]) {
						t.Error("the content is not the image's")
					}
				}
			}
			m.Free()
		})
	}
	wg.Wait()
	if used := budget.Stats().Used; used != 0 {
		t.Errorf("the budget has %v in use in the end", used)
	}
	for n, img := range images {
		wantSame(t, "the image", allOf(img), contents[n])
		if refs := img.refs.Load(); refs != 1 {
			t.Errorf("%d references are left", refs)
		}
	}
}

// attached makes a guest of testdata/grow.wat on m.
func attached(t *testing.T, r wazero.Runtime, compiled wazero.CompiledModule, m *Memory) api.Module {
	t.Helper()
	mod, err := r.InstantiateModule(m.Context(context.Background()), compiled, wazero.NewModuleConfig().WithName(""))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mod.Close(context.Background()) })
	if err := m.Attach(mod.Memory()); err != nil {
		t.Fatal(err)
	}
	return mod
}

// wantSize holds that the guest sees size, by memory.size, by what it can read, and from
// outside.
func wantSize(t *testing.T, mod api.Module, size Bytes) {
	t.Helper()
	if got := grow(t, mod, 0); Bytes(got)*PageSize != size {
		t.Errorf("the guest sees %d pages, want %v", got, size)
	}
	if got := mod.Memory().Size(); Bytes(got) != size {
		t.Errorf("its memory has %d bytes, want %v", got, size)
	}
	load := mod.ExportedFunction("load")
	if size > 0 {
		if _, err := load.Call(context.Background(), uint64(size-1)); err != nil {
			t.Errorf("the last byte: %v", err)
		}
	}
	for _, at := range []Bytes{size, size + PageSize, 1<<32 - 1} {
		if _, err := load.Call(context.Background(), uint64(at)); err == nil {
			t.Errorf("byte %#x is read, of %v", at, size)
		}
	}
}

func TestGuestSeesTheSizeOfItsImage(t *testing.T) {
	r, compiled := grower(t)
	ctx := context.Background()
	images := map[Bytes]*MemoryImage{}
	contents := map[Bytes][]byte{}
	for _, size := range []Bytes{0, PageSize, 2 * PageSize, MiB, 2 * MiB, 4 * MiB} {
		contents[size] = contentWith(newRand(), size, 1)
		images[size] = imageOf(t, contents[size])
	}
	budget := NewBudget(GiB, nil)
	m := newMemory(t, PageSize, 4*MiB, budget)
	mapOnto(t, m, images[MiB]) // before there is a guest, whose own memory has a page
	mod := attached(t, r, compiled, m)
	wantSize(t, mod, MiB)
	for _, size := range []Bytes{PageSize, 2 * MiB, 0, 4 * MiB, 0, PageSize, 2 * PageSize, MiB, MiB} {
		mapOnto(t, m, images[size])
		wantSize(t, mod, size)
		for i := range 2 {
			if more := min(5, (4*MiB-size)/PageSize); more > 0 {
				if got := grow(t, mod, uint64(more)); Bytes(got)*PageSize != size {
					t.Errorf("before it grew there were %d pages, want %v", got, size)
				}
				wantSize(t, mod, size+more*PageSize)
				if _, err := mod.ExportedFunction("touch").Call(ctx, uint64(size+more*PageSize-1)); err != nil {
					t.Error(err)
				}
			}
			if size > 0 && i > 0 {
				if _, err := mod.ExportedFunction("touch").Call(ctx, uint64(size-1)); err != nil {
					t.Error(err)
				}
			}
			reset(t, m)
			wantSize(t, mod, size)
			if size > 0 {
				got, err := mod.ExportedFunction("load").Call(ctx, uint64(size-1))
				if err != nil || byte(got[0]) != contents[size][size-1] {
					t.Errorf("the last byte of %v is %v, %v", size, got, err)
				}
			}
			if used := budget.Stats().Used; used != size {
				t.Errorf("the budget has %v in use, want %v", used, size)
			}
		}
	}
	if m.Refused() != 0 {
		t.Errorf("the guest was refused memory %d times", m.Refused())
	}
	if got := grow(t, mod, 64); got != -1 {
		t.Errorf("past the limit it grows from %d pages", got)
	}
}

// A slot goes from guest to guest, of which each may have another amount.
func TestClearLeavesNothing(t *testing.T) {
	r, compiled := grower(t)
	want := contentWith(newRand(), MiB, 2)
	img := imageOf(t, want)
	m := newMemory(t, PageSize, 2*MiB, nil)
	mod := attached(t, r, compiled, m)
	if err := m.Assign(MiB, nil); err == nil || !strings.Contains(err.Error(), "it is not clear") {
		t.Errorf("Assign of what has a guest: %v", err)
	}
	for _, limit := range []Bytes{0, MiB, 8*MiB + 1, MiB, 4 * MiB} {
		if err := m.Clear(); err != nil {
			t.Fatal(err)
		}
		wantSize(t, mod, 0)
		if own := ownBytes(m); own != 0 {
			t.Errorf("%v are still the slot's own", own)
		}
		budget := NewBudget(GiB, nil)
		if err := m.Assign(limit, budget); err != nil {
			t.Fatal(err)
		}
		if limit -= limit % PageSize; m.Limit() != limit {
			t.Errorf("the limit is %v, want %v", m.Limit(), limit)
		}
		if limit == 0 {
			continue
		}
		mapOnto(t, m, img)
		wantSame(t, "after Map", all(m), want)
		wantSize(t, mod, MiB)
		grow(t, mod, uint64((limit-MiB)/PageSize))
		wantSize(t, mod, limit)
		if got := grow(t, mod, 1); got != -1 {
			t.Errorf("past %v it grows from %d pages", limit, got)
		}
		scribble(newRand(), m, 100)
		if used := budget.Stats().Used; used != limit {
			t.Errorf("the budget has %v in use, want %v", used, limit)
		}
		if err := m.Clear(); err != nil {
			t.Fatal(err)
		}
		if used := budget.Stats().Used; used != 0 || m.Refused() != 0 {
			t.Errorf("after Clear the budget has %v in use, and %d were refused", used, m.Refused())
		}
	}
	if n := img.refs.Load(); n != 1 {
		t.Errorf("the image has %d references", n)
	}
}

// notMemory is an engine's memory that is not as wazero's.
type notMemory struct {
	api.Memory
	Buffer string
}

func TestAttachRefusesAnotherEngine(t *testing.T) {
	m := newMemory(t, PageSize, MiB, nil)
	for _, guest := range []api.Memory{nil, notMemory{}, &notMemory{}, &struct{ api.Memory }{}} {
		if err := m.Attach(guest); err == nil {
			t.Errorf("%T is attached", guest)
		}
	}
	r, compiled := grower(t)
	if err := m.Attach(start(t, r, compiled, MiB).Memory()); err == nil {
		t.Error("the memory of another guest is attached")
	}
}

// tooSmall is an engine's memory that cannot grow.
type tooSmall struct {
	api.Memory
	Buffer []byte
}

func (*tooSmall) Grow(uint32) (uint32, bool) { return 0, false }

// So it is for an image beyond the most that a guest's module declares.
func TestGuestThatCannotBeShownItsSize(t *testing.T) {
	m := newMemory(t, PageSize, MiB, nil)
	guest := &tooSmall{Buffer: m.Reallocate(uint64(PageSize))}
	if err := m.Attach(guest); err != nil {
		t.Fatal(err)
	}
	if err := m.Map(imageOf(t, make([]byte, MiB))); err == nil || !strings.Contains(err.Error(), "show a guest 1048576 bytes") {
		t.Errorf("Map: %v", err)
	}
}
