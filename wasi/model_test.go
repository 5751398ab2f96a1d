package wasi

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// model is what a file system should be: files by path, "." the root.
type model map[string]*modelFile

// modelFile is a file or directory of a model.
type modelFile struct {
	dir  bool
	data []byte
}

// find returns what is at p.
func (m model) find(p string) (*modelFile, Errno) {
	for i, c := range p {
		if c == '/' {
			if f, errno := m.find(p[:i]); errno != ESUCCESS {
				return nil, errno
			} else if !f.dir {
				return nil, ENOTDIR
			}
		}
	}
	if f := m[p]; f != nil {
		return f, ESUCCESS
	}
	return nil, ENOENT
}

// room says whether something can be made at p.
func (m model) room(p string) Errno {
	if _, errno := m.find(p); errno != ENOENT {
		if errno == ESUCCESS {
			return EEXIST
		}
		return errno
	}
	dir, errno := m.find(path.Dir(p))
	if errno == ESUCCESS && !dir.dir {
		return ENOTDIR
	}
	return errno
}

// below lists the paths under p.
func (m model) below(p string) []string {
	var list []string
	for q := range m {
		if q != "." && (p == "." || strings.HasPrefix(q, p+"/")) {
			list = append(list, q)
		}
	}
	slices.Sort(list)
	return list
}

func (m model) mkdir(p string) Errno {
	errno := m.room(p)
	if errno == ESUCCESS {
		m[p] = &modelFile{dir: true}
	}
	return errno
}

func (m model) open(p string, oflags int, write bool) (*modelFile, Errno) {
	f, errno := m.find(p)
	if errno == ENOENT && oflags&oflagCreat != 0 {
		if errno := m.room(p); errno != ESUCCESS {
			return nil, errno
		}
		m[p] = &modelFile{}
		return m[p], ESUCCESS
	}
	switch {
	case errno != ESUCCESS:
		return nil, errno
	case oflags&(oflagCreat|oflagExcl) == oflagCreat|oflagExcl:
		return nil, EEXIST
	case oflags&oflagDirectory != 0 && !f.dir:
		return nil, ENOTDIR
	case f.dir && (write || oflags&(oflagTrunc|oflagCreat) != 0):
		return nil, EISDIR
	}
	if oflags&oflagTrunc != 0 {
		f.data = nil
	}
	return f, ESUCCESS
}

func (m model) remove(p string, dir bool) Errno {
	f, errno := m.find(p)
	switch {
	case errno != ESUCCESS:
		return errno
	case dir && !f.dir:
		return ENOTDIR
	case !dir && f.dir:
		return EISDIR
	case dir && len(m.below(p)) > 0:
		return ENOTEMPTY
	}
	delete(m, p)
	return ESUCCESS
}

func (m model) rename(from, to string) Errno {
	f, errno := m.find(from)
	if errno != ESUCCESS {
		return errno
	}
	old, errno := m.find(to)
	if errno == ENOENT {
		errno = m.room(to)
	}
	switch {
	case errno != ESUCCESS:
		return errno
	case old == f:
		return ESUCCESS
	case f.dir && strings.HasPrefix(to, from+"/"):
		return EINVAL
	case old != nil && f.dir && !old.dir:
		return ENOTDIR
	case old != nil && !f.dir && old.dir:
		return EISDIR
	case old != nil && len(m.below(to)) > 0:
		return ENOTEMPTY
	}
	for _, p := range m.below(from) {
		m[to+p[len(from):]] = m[p]
		delete(m, p)
	}
	m[to] = f
	delete(m, from)
	return ESUCCESS
}

// write is pwrite.
func (f *modelFile) write(b []byte, off int) {
	if end := off + len(b); len(b) > 0 && end > len(f.data) {
		f.data = append(f.data, make([]byte, end-len(f.data))...)
	}
	copy(f.data[min(off, len(f.data)):], b)
}

// versus runs random operations on a guest and on a model and compares what
// they return.
type versus struct {
	g      *guest
	m      model
	rnd    *rand.Rand
	opened map[uint32]*modelFile
	log    []string
}

// path returns a random path of up to three of four names, now and then one
// that is not clean, and what it means.
func (v *versus) path() (raw, clean string) {
	names := make([]string, 1+v.rnd.IntN(3))
	for i := range names {
		names[i] = string(rune('a' + v.rnd.IntN(4)))
	}
	clean = strings.Join(names, "/")
	return strings.Repeat("./", v.rnd.IntN(2)) + strings.Join(names, strings.Repeat("/", 1+v.rnd.IntN(2))), clean
}

// compare fails the test unless the guest did as the model.
func (v *versus) compare(got, want any, format string, args ...any) {
	v.g.t.Helper()
	op := fmt.Sprintf(format, args...)
	v.log = append(v.log, fmt.Sprintf("%s: %v", op, want))
	if fmt.Sprint(got) != fmt.Sprint(want) {
		v.g.t.Fatalf("%s: %v, the model says %v, after\n%s", op, got, want,
			strings.Join(v.log[max(0, len(v.log)-30):], "\n"))
	}
}

// step does one random operation.
func (v *versus) step() {
	v.g.t.Helper()
	raw, p := v.path()
	switch v.rnd.IntN(11) {
	case 0, 1:
		v.compare(v.g.call("path_create_directory", 3, raw), v.m.mkdir(p), "mkdir %s", p)
	case 2:
		v.compare(v.g.call("path_unlink_file", 3, raw), v.m.remove(p, false), "unlink %s", p)
	case 3:
		v.compare(v.g.call("path_remove_directory", 3, raw), v.m.remove(p, true), "rmdir %s", p)
	case 4, 5:
		rawTo, to := v.path()
		v.compare(v.g.call("path_rename", 3, raw, 3, rawTo), v.m.rename(p, to), "rename %s %s", p, to)
	case 6, 7:
		v.openFile(raw, p)
	case 8, 9:
		v.useFile()
	case 10:
		v.check(raw, p)
	}
}

// openFile opens a file and keeps it open.
func (v *versus) openFile(raw, p string) {
	v.g.t.Helper()
	oflags := v.rnd.IntN(16)
	if oflags&oflagCreat != 0 {
		oflags &^= oflagDirectory
	}
	write := v.rnd.IntN(3) > 0
	rights := fileRights
	if !write {
		rights &^= writeRights
	}
	fd, got := v.g.tryOpen(raw, oflags, rights)
	f, want := v.m.open(p, oflags, write)
	v.compare(got, want, "open %s flags %d write %v", p, oflags, write)
	if got == ESUCCESS {
		if write {
			v.opened[fd] = f
		} else {
			v.g.ok("fd_close", fd)
		}
	}
}

// useFile does something with an open file.
func (v *versus) useFile() {
	v.g.t.Helper()
	fds := slices.Sorted(maps.Keys(v.opened))
	if len(fds) == 0 {
		return
	}
	fd := fds[v.rnd.IntN(len(fds))]
	f := v.opened[fd]
	off := v.rnd.IntN(10000)
	switch v.rnd.IntN(5) {
	case 0:
		v.g.ok("fd_close", fd)
		delete(v.opened, fd)
	case 1:
		v.g.ok("fd_filestat_set_size", fd, off)
		if off < len(f.data) {
			f.data = f.data[:off:off]
		}
		f.write(nil, off)
		f.data = append(f.data, make([]byte, off-len(f.data))...)
	case 2, 3:
		b := strings.Repeat(string(rune('A'+v.rnd.IntN(26))), v.rnd.IntN(6000))
		v.g.iov(b, uint32(len(b)))
		v.g.ok("fd_pwrite", fd, 1000, 1, off, 0)
		f.write([]byte(b), off)
	case 4:
		v.g.iov("", 20000)
		v.g.ok("fd_pread", fd, 1000, 1, 0, 0)
		got := v.g.bytes(1024, v.g.u32(0))
		if got != string(f.data) {
			v.g.t.Fatalf("descriptor %d holds %d bytes, the model's %d differ", fd, len(got), len(f.data))
		}
	}
}

// check compares what is at p, and the whole list of the root.
func (v *versus) check(raw, p string) {
	v.g.t.Helper()
	st, got := v.g.stat(raw, 0)
	f, want := v.m.find(p)
	v.compare(got, want, "stat %s", p)
	if got == ESUCCESS {
		v.compare(st.Type == FiletypeDirectory, f.dir, "type of %s", p)
		v.compare(st.Size, len(f.data), "size of %s", p)
	}
	v.g.ok("path_open", 3, 0, ".", oflagDirectory, dirRights, 0, 0, 0)
	fd := v.g.u32(0)
	names := []string{".", ".."}
	for _, q := range v.m.below(".") {
		if !strings.Contains(q, "/") {
			names = append(names, q)
		}
	}
	v.compare(v.g.list(fd, 4096), names, "list")
	v.g.ok("fd_close", fd)
}

// usage is what the model uses: what is there, and what is open but gone.
func (v *versus) usage() Usage {
	var u Usage
	seen := make(map[*modelFile]bool)
	count := func(f *modelFile) {
		if !seen[f] {
			seen[f] = true
			u.Inodes++
			u.Bytes += int64(len(f.data))
		}
	}
	for p, f := range v.m {
		if p != "." {
			count(f)
		}
	}
	for _, f := range v.opened {
		count(f)
	}
	return u
}

// TestModel compares Tmp and DataDir with a model over random operations;
// WASI_MODEL_STEPS sets how many.
func TestModel(t *testing.T) {
	steps, err := strconv.Atoi(os.Getenv("WASI_MODEL_STEPS"))
	if err != nil {
		steps = 4000
	}
	data, _ := dataDir(t, Quota{})
	for name, fs := range map[string]limited{"tmp": NewTmp(Quota{}), "data": data} {
		t.Run(name, func(t *testing.T) {
			v := &versus{
				g:      newGuest(t, Config{Preopens: []Mount{{"/", fs}}}),
				m:      model{".": {dir: true}},
				rnd:    rand.New(rand.NewPCG(1, 2)),
				opened: make(map[uint32]*modelFile),
			}
			for i := range steps {
				v.step()
				if i%50 == 0 {
					v.compare(fs.Usage(), v.usage(), "usage")
				}
			}
		})
	}
}
