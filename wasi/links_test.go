package wasi

import (
	"testing"
)

// linked returns a guest on a LinkedDir.
func linked(t *testing.T) *guest {
	root, _ := hostDir(t)
	d := LinkedDir(root, Quota{})
	return newGuest(t, Config{Preopens: []Mount{{"/", d}}})
}

func TestSymlinks(t *testing.T) {
	g := linked(t)
	g.tree()
	g.ok("path_symlink", "f", 3, "to-f")
	g.ok("path_symlink", "d/n", 3, "to-n")
	g.ok("path_symlink", "../f", 3, "d/up")
	g.ok("path_symlink", "../../f", 3, "d/out")
	g.ok("path_symlink", "none", 3, "dangling")
	g.ok("path_symlink", "loop", 3, "loop")
	g.want(EPERM, "path_symlink", "/f", 3, "absolute")
	g.want(ENOENT, "path_symlink", "", 3, "empty")
	g.want(EEXIST, "path_symlink", "x", 3, "to-f")
	g.want(EEXIST, "path_symlink", "x", 3, "d/")
	g.want(ENOTDIR, "path_symlink", "x", 3, "f/")
	g.want(ENOENT, "path_symlink", "x", 3, "new/")

	tests := []struct {
		path     string
		nofollow Errno // opening without following
		follow   Errno
	}{
		{"to-f", ELOOP, ESUCCESS},
		{"to-n", ELOOP, ESUCCESS},
		{"to-n/", ESUCCESS, ESUCCESS},
		{"to-n/f", ESUCCESS, ESUCCESS},
		{"to-n/../n/f", ESUCCESS, ESUCCESS}, // ".." of the link's target
		{"to-n/../../f", ESUCCESS, ESUCCESS},
		{"d/up", ELOOP, ESUCCESS},
		{"d/out", ELOOP, ENOTCAPABLE},
		{"dangling", ELOOP, ENOENT},
		{"loop", ELOOP, ELOOP},
		{"loop/x", ELOOP, ELOOP},
		{"to-f/", ENOTDIR, ENOTDIR},
		{"to-f/x", ENOTDIR, ENOTDIR},
	}
	for _, tt := range tests {
		g.want(tt.nofollow, "path_open", 3, 0, tt.path, 0, 0, 0, 0, 0)
		g.want(tt.follow, "path_open", 3, 1, tt.path, 0, 0, 0, 0, 0)
	}
	d := g.open("d", oflagDirectory, false)
	g.want(ENOTCAPABLE, "path_open", d, 1, "up", 0, 0, 0, 0, 0)

	if st, errno := g.stat("to-f", 0); errno != ESUCCESS || st.Type != FiletypeSymbolicLink {
		t.Errorf("the link is %+v, %v", st, errno)
	}
	if st, errno := g.stat("to-f", 1); errno != ESUCCESS || st.Type != FiletypeRegularFile {
		t.Errorf("what it leads to is %+v, %v", st, errno)
	}
	g.ok("path_readlink", 3, "to-f", 4096, 10, 0)
	if got := g.bytes(4096, g.u32(0)); got != "f" {
		t.Errorf("the link holds %q", got)
	}
	g.ok("path_readlink", 3, "to-n", 4096, 2, 0)
	if got := g.bytes(4096, g.u32(0)); got != "d/" {
		t.Errorf("two bytes of the link are %q", got)
	}
	g.want(ELOOP, "path_open", 3, 0, "dangling", oflagCreat, 0, 0, 0, 0)
	g.want(EEXIST, "path_open", 3, 1, "dangling", oflagCreat|oflagExcl, 0, 0, 0, 0)
	g.ok("path_open", 3, 1, "dangling", oflagCreat, 0, 0, 0, 0)
	if _, errno := g.stat("none", 0); errno != ESUCCESS {
		t.Errorf("creating through a link made nothing: %v", errno)
	}
	g.ok("path_rename", 3, "to-f", 3, "renamed")
	g.ok("path_unlink_file", 3, "renamed")
	g.ok("path_filestat_set_times", 3, 0, "to-n", 0, 9000, fstflagMtim)
	if st, _ := g.stat("to-n", 0); st.Mtim != 9000 {
		t.Errorf("the link's time is %d", st.Mtim)
	}
	if st, _ := g.stat("d/n", 0); st.Mtim == 9000 {
		t.Error("its target's time changed")
	}
}

func TestHardLinks(t *testing.T) {
	g := linked(t)
	g.tree()
	g.ok("path_link", 3, 0, "f", 3, "d/l")
	a, _ := g.stat("f", 0)
	b, _ := g.stat("d/l", 0)
	if a.Ino != b.Ino || b.Nlink != 2 {
		t.Errorf("linked files are %+v and %+v", a, b)
	}
	g.want(EEXIST, "path_link", 3, 0, "f", 3, "d/l")
	g.want(EEXIST, "path_link", 3, 0, "f", 3, "f")
	g.want(EPERM, "path_link", 3, 0, "d", 3, "l")
	g.want(ENOENT, "path_link", 3, 0, "f", 3, "l/")
	g.want(ENOTDIR, "path_link", 3, 0, "f/", 3, "l")
	g.ok("path_symlink", "none", 3, "s")
	g.ok("path_link", 3, 0, "s", 3, "s2")
	if st, _ := g.stat("s2", 0); st.Type != FiletypeSymbolicLink {
		t.Errorf("a link to a link is %+v", st)
	}
	g.ok("path_unlink_file", 3, "f")
	if got := g.get("d/l"); got != "flat" {
		t.Errorf("the other name holds %q", got)
	}
}
