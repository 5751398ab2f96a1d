package abi

import (
	"context"
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental/wazerotest"
)

func TestInterruptsHaveTheLayoutOfTheHeader(t *testing.T) {
	offsets, end := map[string]int{}, 0
	for _, f := range readHeader(t).structs["interrupt"] {
		offsets[f.name], end = f.offset, f.offset+f.size
	}
	want := map[string]int{
		"pending": interruptPending, "breaker": interruptBreaker, "bit": interruptBit, "raised": interruptRaised,
		"limit": interruptLimit, "detail": interruptDetail,
	}
	if !maps.Equal(offsets, want) || end != interruptSize {
		t.Errorf("abi.h has %v and %d bytes, Go %v and %d", offsets, end, want, interruptSize)
	}
}

// Where interruptible has things.
const (
	structAt  = 0x100
	breakerAt = 0x800
)

// interruptible is a guest whose interpreter is up, its eval_breaker 0x501 and the bit 2.
func interruptible() (*Guest, api.Memory) {
	mem := wazerotest.NewFixedMemory(wazerotest.PageSize)
	mem.WriteUint32Le(structAt+interruptBreaker, breakerAt)
	mem.WriteUint32Le(structAt+interruptBit, 2)
	mem.WriteUint32Le(structAt+interruptRaised, 7)
	mem.WriteUint32Le(breakerAt, 0x501)
	return &Guest{mod: wazerotest.NewModule(mem), interrupt: structAt}, mem
}

// text is what C reads at ptr.
func text(mem api.Memory, ptr uint32, size uint32) string {
	b, _ := mem.Read(ptr, size)
	s, _, _ := strings.Cut(string(b), "\x00")
	return s
}

func TestInterruptTellsTheGuest(t *testing.T) {
	g, mem := interruptible()
	for range 2 { // the second time, what is longer is overwritten
		if !g.Interrupt(InterruptGone, "longer than cpu", "longer than this") || !g.Interrupt(InterruptLimit, "cpu", "used ½s") {
			t.Fatal("the guest was not told")
		}
		pending, _ := mem.ReadUint32Le(structAt)
		breaker, _ := mem.ReadUint32Le(breakerAt)
		limit, detail := text(mem, structAt+interruptLimit, 32), text(mem, structAt+interruptDetail, 224)
		if pending != 1 || breaker != 0x503 || limit != "cpu" || detail != "used ½s" {
			t.Errorf("pending %d, breaker %#x, limit %q, detail %q", pending, breaker, limit, detail)
		}
	}
	if g.Raised() != 7 {
		t.Errorf("raised %d, want 7", g.Raised())
	}
}

func TestInterruptCutsWhatIsTooLong(t *testing.T) {
	g, mem := interruptible()
	mem.WriteByte(structAt+interruptSize, 'x')
	if !g.Interrupt(InterruptLimit, strings.Repeat("c", 100), "a"+strings.Repeat("é", 200)) {
		t.Fatal("the guest was not told")
	}
	limit, detail := text(mem, structAt+interruptLimit, 224), text(mem, structAt+interruptDetail, 300)
	if limit != strings.Repeat("c", 31) || detail != "a"+strings.Repeat("é", 111) {
		t.Errorf("limit %q, detail %q", limit, detail)
	}
	if after, _ := mem.ReadByte(structAt + interruptSize); after != 'x' {
		t.Error("the byte after the struct was written")
	}
}

func TestInterruptKeepsToTheGuestsMemory(t *testing.T) {
	const end = wazerotest.PageSize
	for name, test := range map[string]struct {
		at, breaker uint32
	}{
		"a guest without the struct":     {0, breakerAt},
		"a struct that begins inside":    {end - interruptSize + 1, breakerAt},
		"a struct outside":               {end, breakerAt},
		"the last address":               {1<<32 - 1, breakerAt},
		"no breaker yet":                 {structAt, 0},
		"a breaker that begins inside":   {structAt, end - 3},
		"a breaker at the last address":  {structAt, 1<<32 - 1},
		"a struct whose end wraps round": {1<<32 - interruptSize + 1, breakerAt},
	} {
		t.Run(name, func(t *testing.T) {
			g, mem := interruptible()
			mem.WriteUint32Le(structAt+interruptBreaker, test.breaker)
			g.interrupt = test.at
			if g.Interrupt(InterruptLimit, "cpu", "used") {
				t.Error("the guest was told")
			}
			if pending, _ := mem.ReadUint32Le(structAt); pending != 0 {
				t.Errorf("pending is %d", pending)
			}
			if test.at != structAt && g.Raised() != 0 {
				t.Errorf("raised %d", g.Raised())
			}
		})
	}
}

// thrower is a host whose tick panics, and which knows no limits.
type thrower struct {
	Host
	thrown error
}

func (h thrower) Tick() { panic(h.thrown) }

func TestAPanicOfTheHostEndsTheCallWithItsError(t *testing.T) {
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	defer r.Close(ctx)
	if err := Instantiate(ctx, r); err != nil {
		t.Fatal(err)
	}
	thrown := errors.New("over a limit")
	ctx = WithHost(ctx, thrower{thrown: thrown})
	mod, err := r.Instantiate(ctx, ticking())
	if err != nil {
		t.Fatal(err)
	}
	if _, err = mod.ExportedFunction("run").Call(ctx); !errors.Is(err, thrown) {
		t.Errorf("the call ended with %v", err)
	}
}

// ticking is a module whose "run" calls the host's tick, and then traps.
func ticking() []byte {
	return []byte("\x00asm\x01\x00\x00\x00" +
		"\x01\x04\x01\x60\x00\x00" + // one type: () -> ()
		"\x02\x0e\x01\x05wasgi\x04tick\x00\x00" + // function 0
		"\x03\x02\x01\x00" + // function 1
		"\x07\x07\x01\x03run\x00\x01" +
		"\x0a\x07\x01\x05\x00\x10\x00\x00\x0b") // call 0; unreachable
}
