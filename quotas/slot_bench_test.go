package quotas

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// benchImage is like a CPython that has imported Flask: 24 MiB, a third of it full.
func benchImage(b *testing.B) *MemoryImage {
	b.Helper()
	return imageOf(b, contentWith(newRand(), 24*MiB, 3))
}

// scattered returns the offsets of n pages of an image.
func scattered(n int) []int {
	pages := rand.New(rand.NewPCG(4, 5)).Perm(int(24 * MiB / ImagePage))[:n]
	for i := range pages {
		pages[i] *= int(ImagePage)
	}
	return pages
}

// readAll reads a byte of each page, as a guest that used all of its image.
func readAll(m *Memory) (sum byte) {
	for at := 0; at < int(m.used); at += int(ImagePage) {
		sum += m.reserved[at]
	}
	return sum
}

func write(m *Memory, pages []int) {
	for _, at := range pages {
		m.reserved[at]++
	}
}

// times reports the median and the 99th of 100 of what f takes, after before.
func times(b *testing.B, before, f func()) {
	b.Helper()
	var took []time.Duration
	for b.Loop() {
		before()
		start := time.Now()
		f()
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/1e3, "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds())/1e3, "p99-µs")
}

// BenchmarkMap moves a slot, of which as many pages were written, to another image.
func BenchmarkMap(b *testing.B) {
	for _, n := range []int{0, 59, 348, 2048} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			images := []*MemoryImage{benchImage(b), benchImage(b)}
			m := newMemory(b, 0, 128*MiB, nil)
			mapOnto(b, m, images[1])
			pages := scattered(n)
			turn := 0
			times(b, func() { write(m, pages) }, func() {
				mapOnto(b, m, images[turn%2])
				turn++
			})
		})
	}
}

// BenchmarkReset puts a slot back of which as many pages were written.
func BenchmarkReset(b *testing.B) {
	for name, by := range waysToReset() {
		for _, n := range []int{0, 59, 348, 1024, 2048} {
			b.Run(fmt.Sprint(name, "/", n), func(b *testing.B) {
				m := newMemory(b, 0, 128*MiB, nil)
				by(m)
				mapOnto(b, m, benchImage(b))
				readAll(m)
				pages := scattered(n)
				times(b, func() { write(m, pages) }, func() { reset(b, m) })
			})
		}
	}
}

// BenchmarkResetWithoutFaults puts a slot back that wrote to as many pages as before.
func BenchmarkResetWithoutFaults(b *testing.B) {
	for _, n := range []int{59, 348, 1024, 2048} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			m := newMemory(b, 0, 128*MiB, nil)
			mapOnto(b, m, benchImage(b))
			readAll(m)
			pages := scattered(n)
			write(m, pages)
			m.Reset(FaultsSome)
			times(b, func() { write(m, pages) }, func() { m.Reset(FaultsNone) })
		})
	}
}

// BenchmarkKept puts a slot back that wrote to as many pages once, and to none since.
func BenchmarkKept(b *testing.B) {
	for _, n := range []int{348, 2048} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			m := newMemory(b, 0, 128*MiB, nil)
			mapOnto(b, m, benchImage(b))
			write(m, scattered(n))
			times(b, func() {}, func() { reset(b, m) })
		})
	}
}

// BenchmarkTurn is a request: it writes to as many pages, and then the slot is put back.
func BenchmarkTurn(b *testing.B) {
	for name, by := range waysToReset() {
		for _, n := range []int{59, 348, 1024, 2048} {
			b.Run(fmt.Sprint(name, "/", n), func(b *testing.B) {
				m := newMemory(b, 0, 128*MiB, nil)
				by(m)
				mapOnto(b, m, benchImage(b))
				readAll(m)
				pages := scattered(n)
				times(b, func() {}, func() { write(m, pages); reset(b, m) })
			})
		}
	}
}

// BenchmarkGrown puts a slot back whose guest grew by a megabyte and used that.
func BenchmarkGrown(b *testing.B) {
	m := newMemory(b, 0, 128*MiB, nil)
	mapOnto(b, m, benchImage(b))
	times(b, func() { grown(b, m, 16) }, func() { reset(b, m) })
}

// BenchmarkFirstTouch is of a page of an image that was just mapped.
func BenchmarkFirstTouch(b *testing.B) {
	img := benchImage(b)
	m := newMemory(b, 0, 128*MiB, nil)
	sum := byte(0)
	for name, touch := range map[string]func(at int){
		"read":  func(at int) { sum += m.reserved[at] },
		"write": func(at int) { m.reserved[at] = 1 },
	} {
		for _, full := range []bool{true, false} {
			pages := slices.DeleteFunc(scattered(6144), func(at int) bool { return img.full.has(at) != full })[:348]
			b.Run(fmt.Sprint(name, "/full=", full), func(b *testing.B) {
				var took time.Duration
				for b.Loop() {
					mapOnto(b, m, img)
					start := time.Now()
					for _, at := range pages {
						touch(at)
					}
					took += time.Since(start)
				}
				b.ReportMetric(float64(took.Nanoseconds())/1e3/float64(b.N*len(pages)), "µs/page")
			})
		}
	}
}

// BenchmarkImage takes an image of a slot that wrote to 348 pages of another.
func BenchmarkImage(b *testing.B) {
	m := newMemory(b, 0, 128*MiB, nil)
	mapOnto(b, m, benchImage(b))
	write(m, scattered(348))
	for b.Loop() {
		img, err := m.Image(nil)
		if err != nil {
			b.Fatal(err)
		}
		img.Release()
	}
}
