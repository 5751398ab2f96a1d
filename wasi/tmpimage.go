package wasi

import (
	"maps"
	"slices"
	"time"
)

// TmpImage is what a Tmp held at some moment: the files that have a name, with
// their inode numbers and times. It never changes and holds nothing of the Tmp;
// any number of Tmps, of any tenant, can be made from it at once, and share its
// memory.
type TmpImage struct {
	nodes []imageNode // the root first, each after its directory
	last  uint64      // the inode given out last
	usage Usage
}

// imageNode is one file or directory of a TmpImage.
type imageNode struct {
	dir              int    // the number of the directory it is in
	name             string // in that; "" for the root
	typ              Filetype
	ino              uint64
	atim, mtim, ctim int64
	data             pages // frozen
}

// emptyImage is the image of a Tmp in which nothing was made yet.
func emptyImage() *TmpImage {
	now := time.Now().UnixNano()
	root := imageNode{typ: FiletypeDirectory, ino: 1, atim: now, mtim: now, ctim: now}
	return &TmpImage{nodes: []imageNode{root}, last: 1}
}

// Usage is what the image's files take, in the terms of Quota. It is memory that
// no Tmp made from the image counts: who keeps the image does.
func (img *TmpImage) Usage() Usage { return img.usage }

// NewTmpFrom returns a file system in memory with a quota that holds what img
// does. Files share img's pages until they write them: bytes are taken (From) for
// a page when it is copied. An image that is over the quota is no error, but
// nothing more can be added then.
func NewTmpFrom(q Quota, img *TmpImage) *Tmp {
	t := &Tmp{account: account{quota: q}, root: new(tmpNode)}
	t.fill(img)
	return t
}

// Save returns what t holds, which Reset goes back to from now on. Files that are
// open but removed are not in it. The memory that was taken (From) for what is in
// it is given back: it is the image's.
func (t *Tmp) Save() *TmpImage {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.changed {
		return t.image
	}
	img := &TmpImage{last: t.last}
	each(t.root, func(n *tmpNode, dir int, name string) {
		had := n.data.shared
		data := n.data.freeze()
		t.lend(data.size - had)
		img.nodes = append(img.nodes, imageNode{
			dir: dir, name: name, typ: n.typ, ino: n.ino,
			atim: n.times.Atim, mtim: n.times.Mtim, ctim: n.times.Ctim, data: data,
		})
		img.usage.Bytes += data.size
	})
	img.usage.Inodes = int64(len(img.nodes)) - 1
	t.image, t.changed = img, false
	return img
}

// Reset makes t what it was when it was made, or last saved. Files that are open
// stay so as if they had been removed, and count until they are closed: a sandbox
// is reset after its Tmp. It costs nothing if nothing was changed.
func (t *Tmp) Reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.changed {
		return
	}
	var old []*tmpNode
	each(t.root, func(n *tmpNode, _ int, _ string) { old = append(old, n) })
	for _, n := range old[1:] {
		clear(n.names)
		t.drop(n)
	}
	t.fill(t.image)
}

// fill makes img all that t has names for. The root stays the node it is, since
// sandboxes have it open.
func (t *Tmp) fill(img *TmpImage) {
	nodes := make([]tmpNode, len(img.nodes)-1)
	at := func(i int) *tmpNode {
		if i == 0 {
			return t.root
		}
		return &nodes[i-1]
	}
	for i := range img.nodes {
		from, n := &img.nodes[i], at(i)
		from.copyTo(n)
		if i > 0 {
			at(from.dir).names[from.name] = n
		}
	}
	t.last, t.image, t.changed = img.last, img, false
	t.addLent(img.usage)
}

// copyTo makes n what the image has.
func (from *imageNode) copyTo(n *tmpNode) {
	n.typ, n.ino, n.data = from.typ, from.ino, from.data
	n.times.Atim, n.times.Mtim, n.times.Ctim = from.atim, from.mtim, from.ctim
	if n.typ == FiletypeDirectory {
		n.names = make(map[string]*tmpNode)
	}
}

// each calls fn with every node from root on, a directory's number and the name
// in it; directories come before what is in them, and names in order.
func each(root *tmpNode, fn func(n *tmpNode, dir int, name string)) {
	fn(root, 0, "")
	queue := []*tmpNode{root} // by number; nil for a file
	for i := 0; i < len(queue); i++ {
		if queue[i] == nil {
			continue
		}
		names := queue[i].names
		for _, name := range slices.Sorted(maps.Keys(names)) {
			n := names[name]
			fn(n, i, name)
			if n.names == nil {
				n = nil
			}
			queue = append(queue, n)
		}
	}
}
