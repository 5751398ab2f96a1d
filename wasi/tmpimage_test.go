package wasi

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
)

// budget counts what Tmps take, up to a limit.
type budget struct {
	mu          sync.Mutex
	used, limit int64
}

func (b *budget) attach(t *Tmp) {
	t.From(func(n int64) bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.used+n > b.limit {
			return false
		}
		b.used += n
		return true
	}, func(n int64) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.used -= n
	})
}

// content returns what is in the file p of t.
func content(tb testing.TB, t *Tmp, p string) string {
	tb.Helper()
	f, errno := t.Open(p, 0)
	if errno != ESUCCESS {
		tb.Fatalf("open %s: %v", p, errno)
	}
	defer f.Close()
	st, _ := f.Stat()
	b := make([]byte, st.Size)
	f.ReadAt(b, 0)
	return string(b)
}

// edit calls fn with the file p of t, made if there is none.
func edit(tb testing.TB, t *Tmp, p string, fn func(f File)) {
	tb.Helper()
	f, errno := t.Open(p, OpenWrite|OpenCreate)
	if errno != ESUCCESS {
		tb.Fatalf("open %s: %v", p, errno)
	}
	fn(f)
	f.Close()
}

func TestImageSharesPages(t *testing.T) {
	have := &budget{limit: 1 << 20}
	origin := NewTmp(Quota{})
	have.attach(origin)
	origin.Mkdir("d")
	edit(t, origin, "d/f", func(f File) { f.WriteAt(bytes.Repeat([]byte("a"), 10*pageSize), 0) })
	was, _ := origin.Stat("d/f", false)
	img := origin.Save()
	if have.used != 0 || img.Usage() != (Usage{10 * pageSize, 2}) {
		t.Errorf("%d bytes taken after Save, the image has %+v", have.used, img.Usage())
	}
	a, b := NewTmpFrom(Quota{}, img), NewTmpFrom(Quota{}, img)
	have.attach(a)
	have.attach(b)
	if st, _ := a.Stat("d/f", false); st != was {
		t.Errorf("%+v in the copy, %+v before", st, was)
	}
	edit(t, a, "d/f", func(f File) { f.WriteAt([]byte("b"), 5*pageSize+1) })
	if have.used != pageSize || a.Usage() != img.Usage() {
		t.Errorf("one page was written: %d bytes taken, used %+v", have.used, a.Usage())
	}
	edit(t, origin, "d/f", func(f File) { f.Truncate(1) })
	edit(t, origin, "d/f", func(f File) { f.Truncate(3) })
	if got := content(t, origin, "d/f"); got != "a\x00\x00" {
		t.Errorf("after cutting: %q", got)
	}
	if got := content(t, b, "d/f"); got != strings.Repeat("a", 10*pageSize) {
		t.Error("one sees what another wrote")
	}
	a.Reset()
	if got := content(t, a, "d/f"); got != strings.Repeat("a", 10*pageSize) || have.used != 2 {
		t.Errorf("after Reset: %d bytes taken, of which 2 are the other's", have.used)
	}
	have.limit = have.used
	f, _ := a.Open("d/f", OpenWrite)
	if _, errno := f.WriteAt([]byte("b"), 0); errno != ENOSPC || a.Refused() != 1 {
		t.Errorf("a page that cannot be had: %v", errno)
	}
	f.Close()
	for _, tmp := range []*Tmp{origin, a, b} {
		tmp.Free()
	}
	if have.used != 0 {
		t.Errorf("%d bytes taken after Free", have.used)
	}
}

// fork is a Tmp and what should be in it.
type fork struct {
	*Tmp
	files map[string][]byte
	saved map[string][]byte
	have  *budget
}

// step does one random operation on f.
func (f *fork) step(t *testing.T, rnd *rand.Rand) {
	p := string(rune('a' + rnd.IntN(3)))
	off, n := rnd.IntN(5*pageSize), rnd.IntN(2*pageSize)
	switch rnd.IntN(8) {
	case 0, 1, 2, 3:
		b := bytes.Repeat([]byte{byte(rnd.IntN(255) + 1)}, n)
		edit(t, f.Tmp, p, func(file File) { file.WriteAt(b, int64(off)) })
		if data := f.files[p]; n > 0 {
			data = slices.Concat(data, make([]byte, max(0, off+n-len(data))))
			copy(data[off:], b)
			f.files[p] = data
		} else {
			f.files[p] = slices.Concat([]byte{}, data)
		}
	case 4, 5:
		edit(t, f.Tmp, p, func(file File) { file.Truncate(int64(off)) })
		data := slices.Concat(f.files[p], make([]byte, max(0, off-len(f.files[p]))))
		f.files[p] = data[:off]
	case 6:
		f.Unlink(p)
		delete(f.files, p)
	case 7:
		if rnd.IntN(4) == 0 {
			f.Save()
			f.saved = clone(f.files)
		} else {
			f.Reset()
			f.files = clone(f.saved)
		}
	}
}

// clone copies files.
func clone(files map[string][]byte) map[string][]byte {
	out := make(map[string][]byte)
	for p, data := range files {
		out[p] = slices.Clone(data)
	}
	return out
}

// check compares f with what it should be: its content, and all that is counted.
func (f *fork) check(t *testing.T) {
	t.Helper()
	want := Usage{Inodes: int64(len(f.files))}
	var taken int64
	for p, data := range f.files {
		if got := content(t, f.Tmp, p); got != string(data) {
			t.Fatalf("%s is of %d bytes, or others than %d", p, len(got), len(data))
		}
		want.Bytes += int64(len(data))
		pages := &f.root.names[p].data
		var shared int64
		for i := range (pages.size + pageSize - 1) / pageSize {
			shared += pages.sharedOf(i)
		}
		if shared != pages.shared {
			t.Fatalf("%s: %d bytes shared, counted %d", p, shared, pages.shared)
		}
		taken += pages.size - shared
	}
	if f.Usage() != want || f.have.used != taken {
		t.Fatalf("used %+v, %d bytes taken; want %+v, %d", f.Usage(), f.have.used, want, taken)
	}
}

// TestImagesAgainstModel has copies of one image changed at random.
func TestImagesAgainstModel(t *testing.T) {
	for seed := range uint64(10) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		first := &fork{Tmp: NewTmp(Quota{}), files: map[string][]byte{}, have: &budget{limit: 1 << 30}}
		first.have.attach(first.Tmp)
		for range 30 {
			first.step(t, rnd)
		}
		img := first.Save()
		first.saved = clone(first.files)
		forks := []*fork{first}
		for range 2 {
			f := &fork{Tmp: NewTmpFrom(Quota{}, img), files: clone(first.files), saved: clone(first.files), have: &budget{limit: 1 << 30}}
			f.have.attach(f.Tmp)
			forks = append(forks, f)
		}
		for range 150 {
			f := forks[rnd.IntN(len(forks))]
			f.step(t, rnd)
			f.check(t)
		}
		again := new(TmpImage)
		encoded, _ := img.MarshalBinary()
		if err := again.UnmarshalBinary(encoded); err != nil {
			t.Fatal(err)
		}
		f := &fork{Tmp: NewTmpFrom(Quota{}, again), have: &budget{}}
		for _, n := range img.nodes[1:] {
			if got, want := content(t, f.Tmp, n.name), content(t, NewTmpFrom(Quota{}, img), n.name); got != want {
				t.Fatalf("%s is another one after encoding", n.name)
			}
		}
		twice, _ := again.MarshalBinary()
		if !bytes.Equal(encoded, twice) {
			t.Fatal("encoded another way the second time")
		}
	}
}

// TestResetWithOpenFiles keeps removed files and counts them until they are closed.
func TestResetWithOpenFiles(t *testing.T) {
	have := &budget{limit: 1 << 20}
	tmp := NewTmp(Quota{})
	have.attach(tmp)
	root, _ := tmp.Open(".", 0)
	edit(t, tmp, "kept", func(f File) { f.WriteAt([]byte("12345"), 0) })
	tmp.Save()
	kept, _ := tmp.Open("kept", OpenWrite)
	made, _ := tmp.Open("made", OpenWrite|OpenCreate)
	kept.WriteAt([]byte("x"), 0)
	made.WriteAt([]byte("123"), 0)
	tmp.Reset()
	if got := tmp.Usage(); got != (Usage{13, 3}) {
		t.Errorf("used %+v with two files that are removed and open", got)
	}
	if st, _ := kept.Stat(); st.Nlink != 0 {
		t.Error("a file from before Reset has a name")
	}
	kept.Close()
	made.Close()
	if got := tmp.Usage(); got != (Usage{5, 1}) || have.used != 0 {
		t.Errorf("used %+v, %d bytes taken", got, have.used)
	}
	if list, _ := root.ReadDir(); len(list) != 1 || list[0].Name != "kept" {
		t.Errorf("the root, open from before Reset, has %v", list)
	}
	root.Close()
}

// TestImageIsUsedByMany has many copies of one image written at once.
func TestImageIsUsedByMany(t *testing.T) {
	origin := NewTmp(Quota{})
	edit(t, origin, "f", func(f File) { f.WriteAt(bytes.Repeat([]byte("."), 3*pageSize), 0) })
	img := origin.Save()
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			tmp := NewTmpFrom(Quota{}, img)
			for n := range 20 {
				edit(t, tmp, "f", func(f File) { f.WriteAt([]byte{byte(i)}, int64(n*600)) })
				edit(t, tmp, fmt.Sprint(n), func(f File) { f.Append([]byte("x")) })
				if got := content(t, tmp, "f"); strings.Count(got, ".")+strings.Count(got, string(rune(i))) != len(got) {
					t.Error("what another wrote is there")
				}
				if n%5 == 4 {
					tmp.Reset()
				}
			}
		})
	}
	wg.Wait()
	if content(t, origin, "f") != strings.Repeat(".", 3*pageSize) {
		t.Error("the image was written")
	}
}

// FuzzTmpImage decodes anything: what is accepted can be mounted and is encoded
// the same ever after.
func FuzzTmpImage(f *testing.F) {
	tmp := NewTmp(Quota{})
	tmp.Mkdir("d")
	edit(f, tmp, "d/f", func(file File) { file.WriteAt([]byte("hello"), 2*pageSize-2) })
	good, _ := tmp.Save().MarshalBinary()
	f.Add(good)
	f.Add(good[:40])
	empty, _ := emptyImage().MarshalBinary()
	f.Add(empty)
	f.Fuzz(func(t *testing.T, data []byte) {
		var img, again TmpImage
		if img.UnmarshalBinary(data) != nil {
			return
		}
		b, err := img.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if err := again.UnmarshalBinary(b); err != nil || !reflect.DeepEqual(img.usage, again.usage) {
			t.Fatalf("not read again: %v", err)
		}
		tmp := NewTmpFrom(Quota{Bytes: 1 << 20}, &img)
		each(tmp.root, func(n *tmpNode, _ int, _ string) { n.data.readAt(make([]byte, 100), max(0, n.data.size-50)) })
		tmp.Mkdir("another directory")
		tmp.Reset()
		if tmp.Usage() != img.Usage() {
			t.Fatalf("used %+v, the image has %+v", tmp.Usage(), img.Usage())
		}
	})
}
