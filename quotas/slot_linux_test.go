package quotas

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sharesImages tells that images are in memory that guests share.
const sharesImages = true

// waysToReset returns how a memory is made to find what was written in each way there is.
func waysToReset() map[string]func(m *Memory) {
	return map[string]func(m *Memory){
		"scan": func(m *Memory) {},
		"bits": func(m *Memory) { m.pages.by = byBits },
		"none": func(m *Memory) { m.pages.by = byNone },
	}
}

func TestScanAndBitsFindTheSame(t *testing.T) {
	r := newRand()
	m := newMemory(t, 0, 8*MiB, nil)
	mapOnto(t, m, imageOf(t, contentWith(r, 6*MiB, 2)))
	for i := range all(m) { // read all of it
		_ = m.reserved[i]
	}
	find := func(by pagemapMethod) []int {
		p := pagemap{by: by}
		var runs []int
		if !p.own(all(m), func(start, end int) bool {
			runs = append(runs, start, end)
			return true
		}) || p.by != by {
			t.Skipf("way %d is not of this kernel", by)
		}
		return runs
	}
	for range 20 {
		scribble(r, m, 200)
		scan, bits := find(byScan), find(byBits)
		if len(scan) == 0 || len(scan) != len(bits) {
			t.Fatalf("scan finds %d runs, bits %d", len(scan)/2, len(bits)/2)
		}
		for i := range scan {
			if scan[i] != bits[i] {
				t.Fatalf("scan has %#x, bits %#x", scan[i], bits[i])
			}
		}
		mapOnto(t, m, m.image)
	}
}

// What is no page map does not know the call, as Linux before 6.7.
func TestScanFallsBackToBits(t *testing.T) {
	fd, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	p := pagemap{work: new(pagemapWork)}
	if _, err := p.scan(fd, make([]byte, 1), nil); !errors.Is(err, unix.ENOTTY) {
		t.Errorf("the scan of /dev/null: %v", err)
	}
	if _, err := p.bits(fd, make([]byte, os.Getpagesize()), nil); err == nil {
		t.Error("/dev/null has the bits of a page")
	}
	copy(p.work.name[:], "/dev/zero\x00") // as of a kernel without the call, that has no page of our own
	if !p.own(make([]byte, os.Getpagesize()), nil) || p.by != byBits {
		t.Errorf("way %d is in force", p.by)
	}
	copy(p.work.name[:], "/nowhere\x00")
	if p.own(make([]byte, 1), nil) {
		t.Error("without a page map all is known")
	}
}

func TestBitsOfAPageThatIsSwappedOut(t *testing.T) {
	for entry, want := range map[uint64]bool{
		0: false, 1 << 63: true, 1 << 62: true, 1<<63 | 1<<61: false, 1<<62 | 1<<61: false, 1 << 55: false,
	} {
		if isOwn(entry) != want {
			t.Errorf("%#x: %v", entry, !want)
		}
	}
}

func TestResetOfPagesThatAreSwappedOut(t *testing.T) {
	swaps, err := os.ReadFile("/proc/swaps")
	if err != nil || bytes.Count(swaps, []byte("\n")) < 2 {
		t.Skip("this machine has no swap: ", err)
	}
	for name, by := range waysToReset() {
		t.Run(name, func(t *testing.T) {
			want := contentWith(newRand(), MiB, 2)
			m := newMemory(t, 0, MiB, nil)
			by(m)
			mapOnto(t, m, imageOf(t, want))
			for i := range all(m) {
				m.reserved[i] = byte(i * i)
			}
			if err := unix.Madvise(all(m), unix.MADV_PAGEOUT); err != nil {
				t.Skip("pages cannot be swapped out: ", err)
			}
			p := pagemap{work: new(pagemapWork), by: byBits}
			fd, err := p.open()
			if err != nil {
				t.Skip(err)
			}
			defer unix.Close(fd)
			swapped := 0
			for at := uint64(0); at < m.used; at += uint64(os.Getpagesize()) {
				entries, err := p.read(fd, int(addressOf(m.reserved[at:]))/os.Getpagesize(), 1)
				if err != nil {
					t.Fatal(err)
				}
				if entries[0]&(1<<62) != 0 {
					swapped++
				}
			}
			if swapped == 0 {
				t.Skip("the kernel swapped none of the pages out")
			}
			t.Logf("%d pages are swapped out", swapped)
			reset(t, m)
			wantSame(t, "after Reset", all(m), want)
		})
	}
}

func TestImageIsSealed(t *testing.T) {
	img := imageOf(t, contentWith(newRand(), MiB, 2))
	fd := img.content.fd
	if _, err := unix.Pwrite(fd, []byte{1}, 0); !errors.Is(err, unix.EPERM) {
		t.Errorf("write: %v", err)
	}
	for _, size := range []int64{0, int64(2 * MiB)} {
		if err := unix.Ftruncate(fd, size); !errors.Is(err, unix.EPERM) {
			t.Errorf("truncate to %d: %v", size, err)
		}
	}
	if err := unix.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, 4096); !errors.Is(err, unix.EPERM) {
		t.Errorf("punch a hole: %v", err)
	}
	if b, err := unix.Mmap(fd, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err == nil {
		unix.Munmap(b)
		t.Error("it can be mapped to be written")
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, 0); !errors.Is(err, unix.EPERM) {
		t.Errorf("another seal: %v", err)
	}
}

func addressOf(b []byte) uintptr { return uintptr(unsafe.Pointer(&b[0])) }

func files(t *testing.T) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("needs /proc: ", err)
	}
	return len(names)
}

// mappings returns how many mappings there are within b, or for nil how many of images.
func mappings(t *testing.T, b []byte) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Skip("needs /proc: ", err)
	}
	if b == nil {
		return strings.Count(string(text), "memfd:wasgi-image")
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		var start, end uintptr
		if scanned, _ := fmt.Sscanf(line, "%x-%x", &start, &end); scanned == 2 && start < addressOf(b)+uintptr(len(b)) && end > addressOf(b) {
			n++
		}
	}
	return n
}

func TestSlotsGiveFilesAndMappingsBack(t *testing.T) {
	const slots = 10
	filesBefore, mappingsBefore := files(t), mappings(t, nil)
	for range 2 {
		var all []*Memory
		img, err := newMemory(t, MiB, MiB, nil).Image(nil)
		if err != nil {
			t.Fatal(err)
		}
		for range slots {
			m := newMemory(t, PageSize, 4*MiB, nil)
			mapOnto(t, m, img)
			grown(t, m, 3)
			m.reserved[0] = 1
			if n := mappings(t, m.reserved); n > 3 {
				t.Errorf("a slot has %d mappings", n)
			}
			reset(t, m)
			grown(t, m, 3)
			all = append(all, m)
		}
		img.Release()
		if got := files(t) - filesBefore; got != 1 {
			t.Errorf("%d slots on an image have %d files", slots, got)
		}
		if got := mappings(t, nil) - mappingsBefore; got != slots+1 {
			t.Errorf("%d slots have their image in %d places", slots, got)
		}
		for _, m := range all {
			m.Free()
		}
		if got := files(t) - filesBefore; got != 0 {
			t.Errorf("%d files are left", got)
		}
		if got := mappings(t, nil) - mappingsBefore; got != 0 {
			t.Errorf("%d mappings are left", got)
		}
	}
}

// What a move leaves behind costs nothing, and what is above the image cannot be read.
func TestMapGivesMemoryBack(t *testing.T) {
	m := newMemory(t, 8*MiB, 16*MiB, nil)
	for i := range all(m) {
		m.reserved[i] = 1
	}
	mapOnto(t, m, imageOf(t, make([]byte, MiB)))
	if n := mappings(t, m.reserved); n > 3 {
		t.Errorf("a slot has %d mappings", n)
	}
	if own := ownBytes(m); own != 0 {
		t.Errorf("%v are still the slot's own", own)
	}
	in := make([]byte, (8*MiB)/Bytes(os.Getpagesize()))
	if _, _, errno := unix.Syscall(unix.SYS_MINCORE, addressOf(m.reserved[MiB:]), uintptr(8*MiB-MiB), addressOf(in)); errno != 0 {
		t.Fatal(errno)
	}
	if bytes.Contains(in, []byte{1}) {
		t.Error("there is memory above the image")
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	for _, at := range []Bytes{MiB, 8*MiB - 1, 8 * MiB, 16*MiB - 1} { // the kernel says so without a signal
		if _, err := w.Write(m.reserved[at : at+1]); !errors.Is(err, unix.EFAULT) {
			t.Errorf("byte %v above the image: %v", at, err)
		}
	}
}

// Where the thread has had no faults, what was found before is all that there is.
func TestResetWithoutFaults(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	r := newRand()
	want := contentWith(r, 2*MiB, 2)
	m := newMemory(t, 0, 4*MiB, nil)
	mapOnto(t, m, imageOf(t, want))
	counts := map[Faults]int{}
	found := 0
	for n := range 2000 {
		hot := n%20 > 0 // else anywhere
		at := ThreadFaults()
		for range 20 {
			page := r.IntN(64)
			if !hot {
				page = r.IntN(512)
			}
			m.reserved[page*int(ImagePage)+r.IntN(int(ImagePage))]++
		}
		f := FaultsNone
		if ThreadFaults() != at {
			f = FaultsSome
		}
		counts[f]++
		if !m.own.all(f) {
			found++
		}
		if _, err := m.Reset(f); err != nil {
			t.Fatal(err)
		}
		wantSame(t, "after Reset", all(m), want)
	}
	if counts[FaultsNone] < 1000 || counts[FaultsSome] < 10 {
		t.Errorf("there were faults %d times, and none %d times", counts[FaultsSome], counts[FaultsNone])
	}
	if found > 1000 {
		t.Errorf("pages were looked for %d times of 2000", found)
	}
}

// Who says that there were no faults is not believed before it was seen that there can be.
func TestResetWhereFaultsAreNotCounted(t *testing.T) {
	r := newRand()
	want := contentWith(r, MiB, 2)
	m := newMemory(t, 0, MiB, nil)
	for range 10 {
		mapOnto(t, m, imageOf(t, want))
		for _, f := range []Faults{FaultsNone, FaultsUnknown, FaultsNone, FaultsNone, FaultsUnknown, FaultsNone} {
			scribble(r, m, 20)
			if _, err := m.Reset(f); err != nil {
				t.Fatal(err)
			}
			wantSame(t, "after Reset", all(m), want)
		}
	}
}

func TestResetKeepsPagesAndAllocatesNothing(t *testing.T) {
	m := newMemory(t, 0, 8*MiB, nil)
	mapOnto(t, m, imageOf(t, contentWith(newRand(), 4*MiB, 2)))
	write := func() {
		for page := 0; page < 59; page++ {
			m.reserved[page*11*int(ImagePage)] = 1
		}
	}
	write()
	reset(t, m)
	if n := ownBytes(m); n != 59*ImagePage {
		t.Errorf("%v are the slot's own after Reset, want the 59 pages that it wrote", n)
	}
	if n := reset(t, m); n != 0 {
		t.Errorf("%d pages were changed since Reset", n)
	}
	if n := testing.AllocsPerRun(100, func() {
		write()
		if _, err := m.Reset(FaultsUnknown); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("Reset allocates %v times", n)
	}
}
