package abi

import (
	"encoding/binary"
	"strings"
)

// Layout of struct wasgi_interrupt in abi.h.
const (
	interruptPending = 0
	interruptBreaker = 4
	interruptBit     = 8
	interruptRaised  = 12
	interruptLimit   = 16
	interruptDetail  = 48
	interruptSize    = 272
)

// Interrupt has the guest raise an exception at its next chance, which the evaluation
// loop has at each turn of a loop and each call. A limit's name and the detail say why,
// cut where they are too long. It reports whether the guest was told: not before its
// interpreter is up, and never where memory does not hold what the guest says it holds.
// An interrupt not raised yet is replaced; telling it twice is no harm.
//
// It is called by the goroutine that runs the guest, within a method of Host.
func (g *Guest) Interrupt(kind InterruptKind, limit, detail string) bool {
	mem := g.mod.Memory()
	b, ok := g.interruptBytes()
	if !ok {
		return false
	}
	at, bit := word(b, interruptBreaker), word(b, interruptBit)
	breaker, ok := mem.ReadUint32Le(at)
	if !ok || at == 0 {
		return false
	}
	putText(b[interruptLimit:interruptDetail], limit)
	putText(b[interruptDetail:interruptSize], detail)
	return mem.WriteUint32Le(g.interrupt+interruptPending, uint32(kind)) && mem.WriteUint32Le(at, breaker|bit)
}

// Raised returns how many interrupts the guest has raised, in all its calls. It is
// for the same goroutine as Interrupt.
func (g *Guest) Raised() uint32 {
	b, ok := g.interruptBytes()
	if !ok {
		return 0
	}
	return word(b, interruptRaised)
}

// interruptBytes is the guest's struct, valid until the guest runs.
func (g *Guest) interruptBytes() ([]byte, bool) {
	if g.interrupt == 0 {
		return nil, false
	}
	return g.mod.Memory().Read(g.interrupt, interruptSize)
}

func word(b []byte, offset int) uint32 { return binary.LittleEndian.Uint32(b[offset:]) }

// putText writes text to field as C has it: cut to what fits, between two characters,
// and filled with NUL.
func putText(field []byte, text string) {
	text = text[:min(len(text), len(field)-1)]
	clear(field)
	copy(field, strings.ToValidUTF8(text, ""))
}
