package wasi

import (
	"fmt"
	"strings"
	"time"
)

// State is the host's half of a guest between two calls: what a copy of its
// memory needs to go on in another sandbox. It is plain data, and never changed
// once made: any number of sandboxes can be made from one at once.
//
// It has no content of files. What a file system holds is the host's to bring:
// the same one, or a copy (TmpImage). Input that was not read and output are the
// new sandbox's own, and so is what it is seeded with: /dev/urandom has no state.
type State struct {
	Monotonic, CPU time.Duration // what these clocks said

	// Open is what the guest has open, by number. What is not in it is closed.
	Open []SavedDescriptor
}

// SavedDescriptor is one open file of a State. Nothing shares an offset with
// another: preview 1 has no dup.
type SavedDescriptor struct {
	FD     uint32
	Source DescriptorSource

	// Index is, of a stream, which of the three it was at New: 0 input, 1
	// output, 2 errors. Else it is the preopened directory that Path lies in:
	// counted from 0, the tree of Config.Mounts first.
	Index int

	Path  string    // absolute and clean, below that directory; "/" for it itself
	Mount string    // of a file: where its file system is mounted
	Ino   uint64    // of a file: refused if Path names another one. 0: not looked at
	Type  Filetype  // of a file: refused if Path names a thing of another kind
	How   OpenFlags // of a file: OpenWrite, OpenDirectory, OpenFollow

	Base, Inheriting Rights
	Flags            Fdflags
	Offset           int64
	Entries          []Dirent // of a directory being read: what cookies stand for
}

// DescriptorSource is where a descriptor's file comes from.
type DescriptorSource uint8

const (
	FromStream  DescriptorSource = iota // standard input, output or errors
	FromPreopen                         // open from the beginning
	FromPath                            // opened by the guest
)

// howSaved are the OpenFlags that matter once a file is open.
const howSaved = OpenWrite | OpenDirectory | OpenFollow

// DescriptorError is a file that keeps a guest's state from being saved, or
// restored.
type DescriptorError struct {
	FD   uint32
	Path string // as the guest knows it; "" for a stream
	Why  string // a sentence about the file, for an app's author
}

// Error returns, for example, "descriptor 5, /tmp/x: it was removed".
func (e *DescriptorError) Error() string {
	if e.Path == "" {
		return fmt.Sprintf("descriptor %d: %s", e.FD, e.Why)
	}
	return fmt.Sprintf("descriptor %d, %s: %s", e.FD, e.Path, e.Why)
}

// Save returns the state of the guest, between two of its calls. It changes
// nothing. The error is a DescriptorError: of a file that has no name any more,
// or another one has its name, and of one in which something is locked.
func (s *Sandbox) Save() (*State, error) {
	st := &State{Monotonic: s.monotonic(), CPU: s.cpu()}
	for fd, d := range s.fds.open {
		if d == nil {
			continue
		}
		o := s.saved(uint32(fd), d)
		if why := s.unsaved(d); why != "" {
			return nil, fmt.Errorf("save sandbox: %w", o.wrong("%s", why))
		}
		st.Open = append(st.Open, o)
	}
	return st, nil
}

// saved describes d.
func (s *Sandbox) saved(fd uint32, d *descriptor) SavedDescriptor {
	o := SavedDescriptor{
		FD: fd, Base: d.base, Inheriting: d.inheriting,
		Flags: d.flags, Offset: d.offset, Entries: d.entries,
	}
	if d.stream != nil {
		o.Source, o.Index = FromStream, int(d.stream.ino)
		return o
	}
	for i := range s.roots {
		if s.roots[i].tree == d.tree {
			o.Index = i
		}
	}
	o.Path = d.path
	if o.Source = FromPreopen; d.preopen == "" {
		o.Source, o.Type, o.How = FromPath, d.typ, d.how
	}
	o.Mount = s.roots[o.Index].mountOf(o.Path)
	if st, errno := d.file.Stat(); errno == ESUCCESS && o.Source == FromPath && d.typ != FiletypeDirectory {
		o.Ino = st.Ino
	}
	return o
}

// unsaved says why d cannot be carried elsewhere; "" if it can.
func (s *Sandbox) unsaved(d *descriptor) string {
	switch {
	case d.stream != nil || d.preopen != "":
		return ""
	case !validPath(d.path):
		return "its path is too long"
	}
	if t := d.locks(); t != nil && t.holds(&s.owner) {
		return "something in it is locked: a transaction or a lock was left open"
	}
	self, errno := d.file.Stat()
	if errno != ESUCCESS {
		return "it cannot be looked at: " + errno.Error()
	}
	p := d.tree.at(d.path)
	switch st, errno := p.fs.Stat(p.rel, d.how&OpenFollow != 0); {
	case errno == ENOENT || errno == ENOTDIR:
		return "it was removed or renamed while it was open"
	case errno != ESUCCESS:
		return "its path cannot be looked at: " + errno.Error()
	case p.dev != d.dev || st.Ino != self.Ino:
		return "another file has taken its place while it was open"
	}
	return ""
}

// wrong is the error that says why of o.
func (o *SavedDescriptor) wrong(format string, args ...any) error {
	return &DescriptorError{FD: o.FD, Path: o.Path, Why: fmt.Sprintf(format, args...)}
}

// Validate says what is wrong with st; nil if nothing is that can be seen
// without the sandbox it is for.
func (st *State) Validate() error {
	next, entries := uint32(0), 0
	for i := range st.Open {
		o := &st.Open[i]
		entries += len(o.Entries)
		switch {
		case o.FD < next || o.FD >= maxDescriptors:
			return o.wrong("its number is out of order or beyond %d", maxDescriptors)
		case entries > maxEntries:
			return o.wrong("more than %d directory entries", maxEntries)
		}
		if err := o.validate(); err != nil {
			return err
		}
		next = o.FD + 1
	}
	if st.Monotonic < 0 || st.CPU < 0 {
		return fmt.Errorf("clocks at %v and %v: before their beginning", st.Monotonic, st.CPU)
	}
	return nil
}

// validate says what is wrong with o.
func (o *SavedDescriptor) validate() error {
	dir := o.Source == FromPreopen || o.Source == FromPath && o.Type == FiletypeDirectory
	switch {
	case o.Source > FromPath || o.Index < 0 || o.Source == FromStream && o.Index > 2:
		return o.wrong("no such source")
	case o.Base&^o.allowed(dir) != 0 || o.Inheriting&^allRights != 0 || o.Flags&^fdflagsAll != 0:
		return o.wrong("rights or flags that no such descriptor has")
	case o.How&^howSaved != 0 || o.Source == FromPath && !dir && o.Base&writeRights != 0 && o.How&OpenWrite == 0:
		return o.wrong("opened in no way that there is")
	case o.Source == FromStream && (o.Path != "" || o.Mount != "") || o.Source != FromStream && !validPath(o.Path):
		return o.wrong("no absolute clean path")
	case o.Source == FromPreopen && o.Path != "/":
		return o.wrong("no preopened directory")
	case o.Offset < 0:
		return o.wrong("its offset is below 0")
	case !dir && len(o.Entries) > 0:
		return o.wrong("entries, and it is no directory")
	}
	for _, e := range o.Entries {
		if e.Name != "." && e.Name != ".." && !validName(e.Name) || e.Type > FiletypeSymbolicLink {
			return o.wrong("entry %q", e.Name)
		}
	}
	return nil
}

// allowed are the rights that o's kind can have.
func (o *SavedDescriptor) allowed(dir bool) Rights {
	switch {
	case o.Source == FromStream && o.Index == 0:
		return stdinRights
	case o.Source == FromStream:
		return stdoutRights
	case dir:
		return dirRights
	}
	return fileRights
}

// validPath says whether p is absolute and clean and can be a guest's.
func validPath(p string) bool {
	if p == "/" {
		return true
	}
	if len(p) > maxPath || !strings.HasPrefix(p, "/") {
		return false
	}
	for name := range strings.SplitSeq(p[1:], "/") {
		if !validName(name) {
			return false
		}
	}
	return true
}

// mountOf is where the file system of a path below r is mounted: a path of the
// tree, or r's name.
func (r preopened) mountOf(abs string) string {
	if m := r.tree.at(abs).mount; m.path != "/" {
		return m.path
	}
	return r.name
}
