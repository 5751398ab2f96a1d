package wasi

import (
	"crypto/sha256"
	"fmt"
	"strings"
)

// Differences lists in what two sandboxes differ that a guest could see, clocks
// and streams apart: arguments, environment, descriptors, locks, and all that is
// in their Tmps. Other file systems are looked at where a file of them is open.
// It reads everything: it is for tests that prove that one is as good as new.
// Neither serves a call meanwhile.
func Differences(a, b *Sandbox) []string {
	left, right := a.describe(), b.describe()
	return append(missing(left, right, "- "), missing(right, left, "+ ")...)
}

// missing lists the lines that other has not, each after prefix.
func missing(lines, other []string, prefix string) []string {
	has := make(map[string]bool)
	for _, line := range other {
		has[line] = true
	}
	var list []string
	for _, line := range lines {
		if !has[line] {
			list = append(list, prefix+line)
		}
	}
	return list
}

// describe tells what a guest could see of s, a line for each thing.
func (s *Sandbox) describe() []string {
	list := []string{
		fmt.Sprintf("arguments %q", s.args),
		fmt.Sprintf("environment %q", s.env),
		fmt.Sprintf("%d directory entries held, %d ranges locked, refused %v",
			s.entries, s.owner.held, s.owner.refused.table != nil),
	}
	for fd, d := range s.fds.open {
		if d != nil {
			list = append(list, fmt.Sprintf("%v %s", s.saved(uint32(fd), d), d.lookedAt()))
		}
	}
	for i, r := range s.roots {
		for _, m := range r.mounts {
			name := fmt.Sprintf("tree %d (%s), %s, device %d", i, r.name, m.path, m.dev)
			list = append(list, name)
			if t, ok := m.fs.(*Tmp); ok {
				list = append(list, t.describe(name)...)
			}
		}
	}
	return list
}

// lookedAt tells of d what SavedDescriptor has not.
func (d *descriptor) lookedAt() string {
	if d.file == nil {
		return fmt.Sprintf("type %d", d.typ)
	}
	st, errno := d.file.Stat()
	if d.typ != FiletypeRegularFile {
		st.Atim = 0 // a directory of the host is read to be looked at
	}
	return fmt.Sprintf("type %d, device %d, preopen %q, %+v, %v", d.typ, d.dev, d.preopen, st, errno)
}

// describe tells what is in t, a line for each file.
func (t *Tmp) describe(name string) []string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	list := []string{fmt.Sprintf("%s: used %+v of %+v, the last inode is %d", name, t.usage(), t.quota, t.last)}
	var dirs []string // by number
	each(t.root, func(n *tmpNode, dir int, base string) {
		p := name + ": "
		if base != "" {
			p = strings.TrimSuffix(dirs[dir], "/") + "/" + base
		}
		dirs = append(dirs, p)
		list = append(list, fmt.Sprintf("%s: %+v, content %x", p, n.stat(), n.data.sum()))
	})
	return list
}

// sum is a digest of the content: of each page that is not zeros, and its number.
func (p *pages) sum() []byte {
	h := sha256.New()
	for _, i := range p.numbers() {
		var part page
		if p.read(part[:], i*pageSize); part != (page{}) {
			fmt.Fprintln(h, i)
			h.Write(part[:])
		}
	}
	return h.Sum(nil)
}
