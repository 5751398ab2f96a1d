package wasi

import (
	"context"
	"fmt"
	"time"
)

// Reset makes s what New makes of its Config with st in place of State; a State
// of another sandbox will do. Between two calls of the guest, whose memory the
// host resets, and after the file systems that are reset (Tmp): all that is open
// is closed, which unlocks what is locked, and what st has is opened anew.
// SetContext is undone.
//
// The error says which file could not be opened, as New's does. Then nothing is
// open.
func (s *Sandbox) Reset(st *State) error {
	_ = s.closeAll() // as at the end of a process, what became of it cannot be told
	s.ctx = context.Background()
	if err := s.restore(st, 0); err != nil {
		return fmt.Errorf("reset sandbox: %w", err)
	}
	return nil
}

// restore makes s, with nothing open, what st says, or new if that is nil. The
// monotonic clock says at least start. After an error nothing is open.
func (s *Sandbox) restore(st *State, start time.Duration) error {
	if st == nil {
		s.start, s.cpuBase = time.Now().Add(-start), 0
		s.openNew()
		return nil
	}
	if err := st.Validate(); err != nil {
		return err
	}
	s.start = time.Now().Add(-max(start, st.Monotonic))
	if s.ownCPU {
		s.cpuBase = st.CPU - s.cpuTime()
	}
	for i := range st.Open {
		o := &st.Open[i]
		d, err := s.reopen(o)
		if err != nil {
			_ = s.closeAll() // nothing was written
			return err
		}
		if s.entries += len(o.Entries); len(o.Entries) > 0 {
			d.entries = o.Entries
		}
		d.base, d.inheriting, d.flags, d.offset = o.Base, o.Inheriting, o.Flags, o.Offset
		s.fds.put(o.FD, d)
	}
	return nil
}

// reopen opens what o describes.
func (s *Sandbox) reopen(o *SavedDescriptor) (*descriptor, error) {
	switch {
	case o.Source == FromStream:
		return s.openStream(o.Index), nil
	case o.Index >= len(s.roots):
		return nil, o.wrong("its preopened directory is not there any more")
	}
	r := s.roots[o.Index]
	if m := r.mountOf(o.Path); m != o.Mount {
		return nil, o.wrong("%s is not mounted any more", o.Mount)
	}
	if o.Source == FromPreopen {
		return r.open(), nil
	}
	p := r.tree.at(o.Path)
	file, errno := p.fs.Open(p.rel, o.How)
	if errno != ESUCCESS {
		return nil, o.wrong("it cannot be opened again: %v", errno)
	}
	if why := o.differs(file); why != "" {
		_ = file.Close() // nothing was written
		return nil, o.wrong("%s", why)
	}
	return &descriptor{file: file, typ: o.Type, dev: p.dev, tree: r.tree, path: o.Path, how: o.How}, nil
}

// differs says why file is not the one that was saved; "" if it is.
func (o *SavedDescriptor) differs(file File) string {
	if file.Type() != o.Type {
		return "it was a thing of another kind when it was saved"
	}
	if o.Ino == 0 {
		return ""
	}
	st, errno := file.Stat()
	switch {
	case errno != ESUCCESS:
		return "it cannot be looked at: " + errno.Error()
	case st.Ino != o.Ino:
		return "another file has taken its place since it was saved"
	}
	return ""
}
