package wasi

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/tetratelabs/wazero/api"
)

// Config is the world of one guest. The zero value is an empty one: no
// arguments, no files, no input, output thrown away.
//
// New keeps what Config points to, and copies what it holds.
type Config struct {
	Args []string // the program's name first
	Env  []string // each "NAME=value"

	Stdin          io.Reader // nil: at its end. Read by one goroutine at a time
	Stdout, Stderr io.Writer // nil: thrown away. Written during fd_write only
	StdTTY         bool      // whether descriptors 0, 1 and 2 say they are a terminal

	// Mounts make one tree, which the guest sees as the preopened directory
	// "/", descriptor 3. What is not a mount in it is a small read-only root
	// that lists them. Empty: no such tree.
	Mounts []Mount

	// Preopens are preopened directories each on its own, in order, after the
	// tree of Mounts: paths do not lead from one into another.
	Preopens []Mount

	// Random is where random_get and /dev/urandom read. An error of it is the
	// guest's EIO. nil: the system's generator.
	Random io.Reader

	// Entropy is told, after the guest got n random bytes from either, that it
	// did: it knows now what no copy of it must. nil: nobody is.
	Entropy func(n int)

	// CPUTime is what the CPU-time clocks say. nil: the monotonic clock.
	CPUTime func() time.Duration

	// MonotonicStart is what the monotonic clock says at New, if State has not more.
	MonotonicStart time.Duration

	// State is what the guest goes on from, whose memory is a copy: the same
	// files are open, at the same numbers and offsets, and the clocks but for
	// realtime go on from where they were. The mounts are where they were, with
	// the same files or copies. nil: it is a new one.
	State *State

	// Wait is called around everything that can block for long (sleeping,
	// waiting for Stdin). It must call block, which returns when the wait is
	// over, exactly once; around that it can lend the guest's processor to
	// others. nil: block is just called.
	Wait func(block func())

	// Work is called before a long host function goes on, with the bytes it has
	// moved since it was last called. It can end the guest's call by a panic. nil:
	// nothing is called.
	Work func(n int)
}

// Validate says what is wrong with c; nil if New would accept it, should the
// files be there that State has open.
func (c Config) Validate() error {
	for _, list := range [][]string{c.Args, c.Env} {
		for _, s := range list {
			if strings.IndexByte(s, 0) >= 0 {
				return fmt.Errorf("argument or variable %q: holds a NUL byte", s)
			}
		}
	}
	for _, v := range c.Env {
		if strings.IndexByte(v, '=') <= 0 {
			return fmt.Errorf("variable %q: not of the form NAME=value", v)
		}
	}
	for _, m := range c.Preopens {
		if m.Path == "" || m.FS == nil {
			return fmt.Errorf("preopen %q: needs a path and a file system", m.Path)
		}
	}
	if len(c.Preopens) > maxDescriptors/2 {
		return fmt.Errorf("%d preopens: more than %d", len(c.Preopens), maxDescriptors/2)
	}
	if c.State != nil {
		if err := c.State.Validate(); err != nil {
			return err
		}
	}
	return validateMounts(c.Mounts)
}

// validateMounts says what is wrong with mounts of one tree.
func validateMounts(mounts []Mount) error {
	for i, m := range mounts {
		switch {
		case m.FS == nil:
			return fmt.Errorf("mount %q: no file system", m.Path)
		case m.Path == "/" || !path.IsAbs(m.Path) || path.Clean(m.Path) != m.Path:
			return fmt.Errorf("mount %q: not an absolute clean path below /", m.Path)
		case len(m.Path) > maxPath/2:
			return fmt.Errorf("mount %q: longer than %d bytes", m.Path, maxPath/2)
		}
		for _, other := range mounts[:i] {
			if within(m.Path, other.Path) || within(other.Path, m.Path) {
				return fmt.Errorf("mounts %q and %q: one lies in the other", other.Path, m.Path)
			}
		}
	}
	return nil
}

// within says whether a is b or lies under it; both absolute and clean.
func within(a, b string) bool {
	return a == b || strings.HasPrefix(a, b+"/")
}

// Sandbox is one guest's world while it runs: its descriptors, its clocks, its
// input and output.
//
// It serves one guest call at a time and holds no lock: New, Close and
// SetContext must not run together with a guest call. Only its file systems
// may be shared between sandboxes.
type Sandbox struct {
	args, env []string
	random    io.Reader
	cpuTime   func() time.Duration
	ownCPU    bool          // cpuTime is not just the monotonic clock
	cpuBase   time.Duration // what the CPU clocks say beside cpuTime
	wait      func(block func())
	work      func(n int)
	start     time.Time // the monotonic clock's zero
	ctx       context.Context

	streams [3]*stream // standard input, output and errors
	tty     bool
	roots   []preopened // what is preopened, in order

	fds     descriptors
	entries int      // directory entries held by all descriptors
	path    resolver // kept for its buffer
	subs    []subscription
	owner   lockOwner // of what is locked in its files

	mod api.Module // the module last seen, and its memory
	mem api.Memory
}

// preopened is a preopened directory: a tree and its name.
type preopened struct {
	*tree
	name string
}

// New makes the world that c describes. The caller closes it. An error of
// opening what c.State has open is a DescriptorError.
func New(c Config) (*Sandbox, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("new sandbox: %w", err)
	}
	s := &Sandbox{
		args:    slices.Clone(c.Args),
		env:     slices.Clone(c.Env),
		random:  c.Random,
		cpuTime: c.CPUTime,
		wait:    c.Wait,
		work:    c.Work,
		ctx:     context.Background(),
		ownCPU:  c.CPUTime != nil,
		tty:     c.StdTTY,
		streams: [3]*stream{
			{reader: newPump(c.Stdin)}, {writer: c.Stdout, ino: 1}, {writer: c.Stderr, ino: 2},
		},
	}
	if s.random == nil {
		s.random = rand.Reader
	}
	if c.Entropy != nil {
		s.random = watchedRandom{s.random, c.Entropy}
	}
	if s.cpuTime == nil {
		s.cpuTime = s.monotonic
	}
	if s.wait == nil {
		s.wait = func(block func()) { block() }
	}
	if s.work == nil {
		s.work = func(int) {}
	}
	s.mount(c)
	if err := s.restore(c.State, c.MonotonicStart); err != nil {
		return nil, fmt.Errorf("new sandbox: %w", err)
	}
	return s, nil
}

// openNew opens what a new guest has: descriptors 0, 1 and 2, and the preopened
// directories from 3 on.
func (s *Sandbox) openNew() {
	for i := range s.streams {
		s.fds.put(uint32(i), s.openStream(i))
	}
	for _, r := range s.roots {
		s.fds.add(r.open())
	}
}

// openStream opens standard input, output or errors.
func (s *Sandbox) openStream(i int) *descriptor {
	d := &descriptor{stream: s.streams[i], typ: FiletypeUnknown, base: stdoutRights}
	if i == 0 {
		d.base = stdinRights
	}
	if s.tty {
		d.typ = FiletypeCharacterDevice
	}
	return d
}

// mount makes the trees of c. Device 0 is for the streams, each file system gets
// the next number.
func (s *Sandbox) mount(c Config) {
	var dev uint64
	next := func(m Mount, at string) mount {
		dev++
		l, ok := m.FS.(links)
		return mount{path: at, fs: m.FS, dev: dev, walk: ok && l.guestLinks()}
	}
	if len(c.Mounts) > 0 {
		t := &tree{root: true}
		root := next(Mount{FS: newRootFS(c.Mounts, s.random)}, "/")
		for _, m := range c.Mounts {
			t.mounts = append(t.mounts, next(m, m.Path))
		}
		slices.SortFunc(t.mounts, func(a, b mount) int { return len(b.path) - len(a.path) })
		t.mounts = append(t.mounts, root)
		s.roots = append(s.roots, preopened{t, "/"})
	}
	for _, m := range c.Preopens {
		s.roots = append(s.roots, preopened{&tree{mounts: []mount{next(m, "/")}}, m.Path})
	}
	for _, r := range s.roots {
		for _, m := range r.mounts {
			r.walk = r.walk || m.walk
		}
	}
}

// open opens r.
func (r preopened) open() *descriptor {
	p := r.at("/")
	file, errno := p.fs.Open(".", OpenDirectory)
	if errno != ESUCCESS {
		file = unreadableDir{errno: errno}
	}
	return &descriptor{
		file: file, typ: FiletypeDirectory, base: dirRights, inheriting: allRights,
		dev: p.dev, tree: r.tree, path: "/", preopen: r.name,
	}
}

// SetContext sets how long the guest may wait: sleeping and reading Stdin end
// with EINTR when ctx is done. New starts with one that never is. Called
// between guest calls.
func (s *Sandbox) SetContext(ctx context.Context) { s.ctx = ctx }

// Close closes all files the guest has open, which unlocks what it has locked
// in them, and forgets the module. A guest call after it finds no descriptor
// open. It may be called again; the error is the first of closing a file.
func (s *Sandbox) Close() error {
	s.mod, s.mem = nil, nil
	if err := s.closeAll(); err != nil {
		return fmt.Errorf("close sandbox: %w", err)
	}
	return nil
}

// closeAll closes all files the guest has open. The error is the first of
// closing one.
func (s *Sandbox) closeAll() error {
	var first error
	for fd, d := range s.fds.open {
		if d == nil {
			continue
		}
		s.forgetEntries(d)
		errno := s.fds.remove(uint32(fd)).close(&s.owner)
		if errno != ESUCCESS && first == nil {
			first = fmt.Errorf("descriptor %d: %w", fd, errno)
		}
	}
	return first
}

// monotonic is the monotonic clock.
func (s *Sandbox) monotonic() time.Duration { return time.Since(s.start) }

// cpu is the CPU-time clocks.
func (s *Sandbox) cpu() time.Duration { return s.cpuBase + s.cpuTime() }

// memoryOf returns mod's exported memory, looked up once per module. A module
// without one gets memory in which every pointer is EFAULT.
func (s *Sandbox) memoryOf(mod api.Module) memory {
	if s.mod != mod {
		s.mod, s.mem = mod, mod.ExportedMemory("memory")
	}
	return memory{s.mem}
}
