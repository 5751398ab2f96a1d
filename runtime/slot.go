package runtime

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"wasgi/abi"
	"wasgi/quotas"
	"wasgi/quotas/fuel"
)

// slot is the image as wazero has instantiated it, with addresses of its own: with the
// memory and the globals of a guest it is an Instance. That takes 2 ms and half a megabyte
// of Go's heap, so slots move from one tenant to the next.
//
// Nothing of a guest is left in a slot that is free. Its memory is given back; the globals
// are set by who comes next; nothing else of it changes, which fuel.CheckWhole proves of the
// image. What host functions act on is not the slot's: they find it by the context of
// the call. The native stack of calls stays, but no instruction of WebAssembly reads what
// an earlier call has left there: locals begin with zeros.
type slot struct {
	mod     api.Module
	memory  *quotas.Memory
	guest   *abi.Guest
	globals []api.MutableGlobal // in the order of the image's
	fuel    counter
}

// newSlot instantiates the image, with memory as a guest begins that may have limit, taken
// from budget.
func (img *Image) newSlot(limit quotas.Bytes, budget *quotas.Budget) (*slot, error) {
	mem, err := quotas.NewMemory(img.initialMemory(), limit, budget)
	if err != nil {
		return nil, err
	}
	cfg := wazero.NewModuleConfig().WithName("").WithStartFunctions()
	mod, err := img.runtime.InstantiateModule(mem.Context(context.Background()), img.compiled, cfg)
	if err != nil {
		mem.Free()
		return nil, stopped(err)
	}
	s := &slot{mod: mod, memory: mem}
	if err := s.find(img.globals); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// find looks up what is used of the module.
func (s *slot) find(globals []string) (err error) {
	for _, name := range globals {
		g, ok := s.mod.ExportedGlobal(name).(api.MutableGlobal)
		if !ok {
			return fmt.Errorf("guest's global %q cannot be set", name)
		}
		s.globals = append(s.globals, g)
	}
	s.fuel.global, _ = s.mod.ExportedGlobal(fuel.Fuel).(api.MutableGlobal)
	if err := s.memory.Attach(s.mod.Memory()); err != nil {
		return err
	}
	s.guest, err = abi.NewGuest(s.mod)
	return err
}

// clear takes from a slot what its guest had.
func (s *slot) clear() error {
	if err := s.guest.DropStack(); err != nil {
		return err
	}
	return s.memory.Clear()
}

func (s *slot) close() { s.mod.Close(context.Background()) }

// How many free slots an image keeps for each processor: so many are made before they are
// asked for, and so many more are kept of those that come back.
const (
	slotsReady = 1
	slotsKept  = 8
)

// imagesReady is how many images there is memory at hand for.
const imagesReady = 2

// slotsAfter is how long after one was taken slots are made in its place: who took it is
// answered first.
const slotsAfter = 5 * time.Millisecond

// slots are the free ones of an image. They hold no memory of guests. It is safe for concurrent
// use.
type slots struct {
	make        func() (*slot, error)
	ready, most int
	images      *quotas.ImageMemory // for what slots are put on

	filling sync.Mutex // held while some are made
	mu      sync.Mutex
	free    []*slot // last used is last
	timer   *time.Timer
	closed  bool
}

// take returns a slot for a guest that may have limit of memory, taken from budget.
func (l *slots) take(img *Image, limit quotas.Bytes, budget *quotas.Budget) (*slot, error) {
	s := l.next()
	if s == nil {
		return img.newSlot(limit, budget)
	}
	if err := s.memory.Assign(limit, budget); err != nil {
		l.put(s)
		return nil, err
	}
	return s, nil
}

// next takes a free slot out, nil if there is none, and has others made soon if there are
// few.
func (l *slots) next() (s *slot) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.free); n > 0 {
		s = l.free[n-1]
		l.free = l.free[:n-1]
	}
	if len(l.free) < l.ready && l.timer == nil && !l.closed {
		l.timer = time.AfterFunc(slotsAfter, l.fill)
	}
	return s
}

// fill makes slots until enough are free. Where one cannot be made, who needs it will
// hear why.
func (l *slots) fill() {
	l.filling.Lock()
	defer l.filling.Unlock()
	for l.wanting() {
		s, err := l.make()
		if err != nil {
			break
		}
		l.put(s)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.timer = nil
}

func (l *slots) wanting() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.closed && len(l.free) < l.ready
}

// put takes a slot whose guest has ended and was sound, or closes it where there are
// enough.
func (l *slots) put(s *slot) {
	if err := s.clear(); err != nil || !l.keep(s) {
		s.close()
	}
}

func (l *slots) keep(s *slot) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || len(l.free) >= l.most {
		return false
	}
	l.free = append(l.free, s)
	return true
}

// close closes the free slots, and each that comes back.
func (l *slots) close() {
	l.mu.Lock()
	l.closed = true
	free := l.free
	l.free = nil
	l.mu.Unlock()
	l.filling.Lock() // one that is being made is closed by put
	defer l.filling.Unlock()
	for _, s := range free {
		s.close()
	}
	l.images.Close()
}
