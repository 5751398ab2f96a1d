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

	// CPUTime is what the CPU-time clocks say. nil: the monotonic clock.
	CPUTime func() time.Duration

	// MonotonicStart is what the monotonic clock says at New: for a guest made
	// from a memory image, no less than the clock said when that was taken.
	MonotonicStart time.Duration

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

// Validate says what is wrong with c; nil if New would accept it.
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
	wait      func(block func())
	work      func(n int)
	start     time.Time // the monotonic clock's zero
	ctx       context.Context

	fds     descriptors
	entries int      // directory entries held by all descriptors
	path    resolver // kept for its buffer
	subs    []subscription
	owner   lockOwner // of what is locked in its files

	mod api.Module // the module last seen, and its memory
	mem api.Memory
}

// New makes the world that c describes. The caller closes it.
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
		start:   time.Now().Add(-c.MonotonicStart),
		ctx:     context.Background(),
	}
	if s.random == nil {
		s.random = rand.Reader
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
	s.openStdio(c)
	s.openMounts(c)
	return s, nil
}

// openStdio opens descriptors 0, 1 and 2.
func (s *Sandbox) openStdio(c Config) {
	typ := FiletypeUnknown
	if c.StdTTY {
		typ = FiletypeCharacterDevice
	}
	streams := []*stream{
		{reader: newPump(c.Stdin)},
		{writer: c.Stdout, ino: 1},
		{writer: c.Stderr, ino: 2},
	}
	for i, st := range streams {
		d := &descriptor{stream: st, typ: typ, base: stdoutRights}
		if i == 0 {
			d.base = stdinRights
		}
		s.fds.put(uint32(i), d)
	}
}

// openMounts opens the preopened directories from descriptor 3 on. Device 0 is
// for the streams, each file system gets the next number.
func (s *Sandbox) openMounts(c Config) {
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
		s.preopen(t, "/")
	}
	for _, m := range c.Preopens {
		s.preopen(&tree{mounts: []mount{next(m, "/")}}, m.Path)
	}
}

// preopen opens the root of t under the next number.
func (s *Sandbox) preopen(t *tree, name string) {
	for _, m := range t.mounts {
		t.walk = t.walk || m.walk
	}
	p := t.at("/")
	file, errno := p.fs.Open(".", OpenDirectory)
	if errno != ESUCCESS {
		file = unreadableDir{errno: errno}
	}
	s.fds.add(&descriptor{
		file: file, typ: FiletypeDirectory, base: dirRights, inheriting: allRights,
		dev: p.dev, tree: t, path: "/", preopen: name,
	})
}

// SetContext sets how long the guest may wait: sleeping and reading Stdin end
// with EINTR when ctx is done. New starts with one that never is. Called
// between guest calls.
func (s *Sandbox) SetContext(ctx context.Context) { s.ctx = ctx }

// Close closes all files the guest has open, which unlocks what it has locked
// in them, and forgets the module. A guest
// call after it finds no descriptor open. It may be called again; the error is
// the first of closing a file.
func (s *Sandbox) Close() error {
	var first error
	for fd, d := range s.fds.open {
		if d == nil {
			continue
		}
		s.forgetEntries(d)
		errno := s.fds.remove(uint32(fd)).close(&s.owner)
		if errno != ESUCCESS && first == nil {
			first = fmt.Errorf("close sandbox: descriptor %d: %w", fd, errno)
		}
	}
	s.mod, s.mem = nil, nil
	return first
}

// monotonic is the monotonic clock.
func (s *Sandbox) monotonic() time.Duration { return time.Since(s.start) }

// memoryOf returns mod's exported memory, looked up once per module. A module
// without one gets memory in which every pointer is EFAULT.
func (s *Sandbox) memoryOf(mod api.Module) memory {
	if s.mod != mod {
		s.mod, s.mem = mod, mod.ExportedMemory("memory")
	}
	return memory{s.mem}
}
