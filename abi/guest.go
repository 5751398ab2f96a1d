package abi

import (
	"context"
	"fmt"

	"github.com/tetratelabs/wazero/api"
)

// Guest calls the exports of one instance. It is not safe for concurrent use. A
// call's error is what ended it from outside: a trap, a fault, the exit of the
// process; after one the guest must not be called again.
type Guest struct {
	mod    api.Module
	buffer export
	start  export
	load   export
	serve  export
	main   export

	prepare, freeze, restored export

	greeting  *greeting // nil once Greet was called
	interrupt uint32    // where the guest's struct wasgi_interrupt is, 0 where it has none
	ptr, size uint32    // the guest's buffer, as it last told
	stack     [1]uint64
}

// greeting is what Greet calls.
type greeting struct{ version, interrupt export }

// NewGuest finds the exports in mod, of which it calls none.
func NewGuest(mod api.Module) (*Guest, error) {
	g := &Guest{mod: mod, greeting: &greeting{}}
	exports := []struct {
		name string
		to   *export
	}{
		{exportABI, &g.greeting.version}, {exportBuffer, &g.buffer}, {exportStart, &g.start},
		{exportLoad, &g.load}, {exportServe, &g.serve}, {exportMain, &g.main},
		{exportInterrupt, &g.greeting.interrupt}, {exportPrepare, &g.prepare}, {exportFreeze, &g.freeze},
		{exportRestored, &g.restored},
	}
	for _, e := range exports {
		if err := e.to.find(mod, e.name); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// Greet compares the version and asks where the guest has what Interrupt writes to. It is
// the first call, of a guest whose memory is there; again it does nothing.
func (g *Guest) Greet(ctx context.Context) error {
	if g.greeting == nil {
		return nil
	}
	got, err := g.call(ctx, g.greeting.version, 0)
	if err != nil {
		return fmt.Errorf("guest's %s: %w", exportABI, err)
	}
	if got != Version {
		return fmt.Errorf("guest speaks version %d of the ABI, the host %d: build both anew", got, Version)
	}
	at, err := g.call(ctx, g.greeting.interrupt, 0)
	if err != nil {
		return fmt.Errorf("guest's %s: %w", exportInterrupt, err)
	}
	g.greeting, g.interrupt = nil, uint32(at)
	return nil
}

// Stack returns the bytes of native stack that the guest's calls have now.
func (g *Guest) Stack() int64 {
	size := g.start.stack.size() + g.load.stack.size() + g.serve.stack.size() + g.main.stack.size()
	return size + g.prepare.stack.size() + g.freeze.stack.size() + g.restored.stack.size()
}

// TrimStack gives up what calls before have left of native stack, where that is much. No
// call may be running.
func (g *Guest) TrimStack() error { return g.trim(usualStack) }

// DropStack gives up all native stack but for what a function begins with, or little more.
// No call may be running.
func (g *Guest) DropStack() error { return g.trim(leastStack) }

// trim finds the functions anew that have more than most bytes of native stack.
func (g *Guest) trim(most int64) error {
	for _, e := range []*export{&g.start, &g.load, &g.serve, &g.prepare, &g.freeze, &g.restored} {
		if e.stack.size() <= most {
			continue
		}
		if err := e.find(g.mod, e.name); err != nil {
			return err
		}
	}
	return nil
}

// Buffer returns where the guest's buffer is and its size, as it last told.
func (g *Guest) Buffer() (ptr, size uint32) { return g.ptr, g.size }

// SetBuffer tells what Buffer said in the guest that this one's memory is a copy of.
func (g *Guest) SetBuffer(ptr, size uint32) { g.ptr, g.size = ptr, size }

// Start brings the interpreter up. hashSeed fixes the hashes of str and bytes, and so
// the order of sets and what a dict's look-ups cost; 0 leaves them to chance.
func (g *Guest) Start(ctx context.Context, hashSeed uint32) (Outcome, error) {
	o, err := g.call(ctx, g.start, uint64(hashSeed))
	return Outcome(o), err
}

// Prepare makes a guest that was started ready for a base snapshot: what most apps import
// is there already.
func (g *Guest) Prepare(ctx context.Context) (Outcome, error) {
	o, err := g.call(ctx, g.prepare, 0)
	return Outcome(o), err
}

// Freeze makes a guest with an app ready for a snapshot, and warns of randomness in it.
func (g *Guest) Freeze(ctx context.Context) (Outcome, error) {
	o, err := g.call(ctx, g.freeze, 0)
	return Outcome(o), err
}

// Restored makes a copy a guest of its own, before anything else is asked of it: what was
// left to chance is drawn anew, and what the app has to do then is done. Where no app is
// loaded yet, hashSeed is that of Start. A guest that was loaded without a snapshot has
// it called after Load.
func (g *Guest) Restored(ctx context.Context, hashSeed uint32) (Outcome, error) {
	o, err := g.call(ctx, g.restored, uint64(hashSeed))
	return Outcome(o), err
}

// Load imports the app that settings name.
func (g *Guest) Load(ctx context.Context, settings *Pairs) (Outcome, error) {
	o, err := g.send(ctx, g.load, settings)
	return Outcome(o), err
}

// Serve answers one request.
func (g *Guest) Serve(ctx context.Context, environ *Pairs) (Outcome, error) {
	o, err := g.send(ctx, g.serve, environ)
	return Outcome(o), err
}

// Main runs Python on a command line and returns its exit code.
func (g *Guest) Main(ctx context.Context, settings *Pairs) (int, error) {
	code, err := g.send(ctx, g.main, settings)
	return int(code), err
}

// send copies the message into the guest's buffer, once, and calls f with its length.
func (g *Guest) send(ctx context.Context, f export, message *Pairs) (int32, error) {
	b := message.Bytes()
	if err := g.reserve(ctx, uint32(len(b))); err != nil {
		return 0, err
	}
	if !g.mod.Memory().Write(g.ptr, b) {
		return 0, fmt.Errorf("guest's buffer of %d bytes at %#x is outside its memory", g.size, g.ptr)
	}
	return g.call(ctx, f, uint64(len(b)))
}

// reserve makes the guest's buffer hold size bytes.
func (g *Guest) reserve(ctx context.Context, size uint32) error {
	if size <= g.size {
		return nil
	}
	size = max(size, 16<<10)
	ptr, err := g.call(ctx, g.buffer, uint64(size))
	if err != nil {
		return err
	}
	if ptr == 0 {
		return fmt.Errorf("guest has no memory for a message of %d bytes", size)
	}
	g.ptr, g.size = uint32(ptr), size
	return nil
}

func (g *Guest) call(ctx context.Context, f export, arg uint64) (int32, error) {
	g.stack[0] = arg
	err := f.CallWithStack(ctx, g.stack[:])
	return int32(uint32(g.stack[0])), err
}
