package wasi

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// imageMagic begins an encoded TmpImage.
const imageMagic = "wasgi tmp 1\n"

// maxImageFile bounds the size of a file in an encoded TmpImage, holes included.
const maxImageFile = 1 << 62

// MarshalBinary implements encoding.BinaryMarshaler. The same content gives the
// same bytes, and takes about as many as its pages: holes take none.
func (img *TmpImage) MarshalBinary() ([]byte, error) {
	b := []byte(imageMagic)
	b = binary.AppendUvarint(b, img.last)
	b = binary.AppendUvarint(b, uint64(len(img.nodes)))
	for i := range img.nodes {
		b = img.nodes[i].append(b)
	}
	return b, nil
}

// append appends n to b.
func (n *imageNode) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(n.dir))
	b = appendText(b, n.name)
	b = append(b, byte(n.typ))
	b = binary.AppendUvarint(b, n.ino)
	for _, t := range []int64{n.atim, n.mtim, n.ctim} {
		b = binary.AppendVarint(b, t)
	}
	if n.typ == FiletypeDirectory {
		return b
	}
	return n.data.append(b)
}

// append appends frozen content to b: the size, then each page after its number.
func (p *pages) append(b []byte) []byte {
	numbers := p.numbers()
	b = binary.AppendUvarint(b, uint64(p.size))
	b = binary.AppendUvarint(b, uint64(len(numbers)))
	for _, i := range numbers {
		var part page
		p.read(part[:], i*pageSize)
		b = append(binary.AppendUvarint(b, uint64(i)), part[:]...)
	}
	return b
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler: img becomes what was
// encoded. It must not be in use. What MarshalBinary would not write is an error,
// and takes memory in proportion to the data.
func (img *TmpImage) UnmarshalBinary(data []byte) error {
	d := &decoder{data: data}
	d.magic(imageMagic)
	got := TmpImage{last: d.uvarint(math.MaxUint64)}
	count := d.uvarint(uint64(len(data)))
	seen := imageSeen{inodes: make(map[uint64]bool), names: make(map[imageName]bool)}
	for i := 0; d.err == nil && i < int(count); i++ {
		n := d.imageNode()
		got.nodes = append(got.nodes, n)
		seen.check(d, &got, i)
		got.usage.Bytes += n.data.size
	}
	if len(got.nodes) == 0 {
		d.fail("no root")
	}
	d.end()
	if d.err != nil {
		return fmt.Errorf("image of a file system in memory: %w", d.err)
	}
	got.usage.Inodes = int64(len(got.nodes)) - 1
	*img = got
	return nil
}

// imageNode reads what imageNode.append wrote.
func (d *decoder) imageNode() imageNode {
	n := imageNode{dir: int(d.uvarint(math.MaxInt32)), name: d.text(maxName)}
	n.typ = Filetype(d.uvarint(math.MaxUint8))
	n.ino = d.uvarint(math.MaxUint64)
	n.atim, n.mtim, n.ctim = d.varint(), d.varint(), d.varint()
	if n.typ != FiletypeDirectory {
		n.data = d.pages()
	}
	return n
}

// pages reads what pages.append wrote.
func (d *decoder) pages() pages {
	size := int64(d.uvarint(maxImageFile))
	p := pages{size: size, lent: size, shared: size}
	last := int64(-1)
	for count := d.uvarint(uint64(len(d.data))); d.err == nil && count > 0; count-- {
		i := int64(d.uvarint(maxImageFile / pageSize))
		content := d.take(pageSize)
		if i <= last || i*pageSize >= size {
			d.fail("page %d: after page %d of a file of %d bytes", i, last, size)
		}
		if d.err != nil {
			return pages{}
		}
		if p.base == nil {
			p.base = make(map[int64]*page)
		}
		p.base[i] = (*page)(slices.Clone(content))
		last = i
	}
	return p
}

// imageName is a name in a directory of an image.
type imageName struct {
	dir  int
	name string
}

// imageSeen is what the nodes of an image read so far have taken.
type imageSeen struct {
	inodes map[uint64]bool
	names  map[imageName]bool
}

// check fails d unless img, all of it but its last node found good, is still good
// with it. That is number i.
func (seen imageSeen) check(d *decoder, img *TmpImage, i int) {
	n := &img.nodes[i]
	at := imageName{n.dir, n.name}
	switch {
	case n.typ != FiletypeDirectory && n.typ != FiletypeRegularFile:
		d.fail("node %d: type %d", i, n.typ)
	case n.ino == 0 || n.ino > img.last || seen.inodes[n.ino]:
		d.fail("node %d: inode %d of %d is not its own", i, n.ino, img.last)
	case i == 0 && (n.typ != FiletypeDirectory || n.dir != 0 || n.name != ""):
		d.fail("no root")
	case i > 0 && (n.dir >= i || img.nodes[n.dir].typ != FiletypeDirectory):
		d.fail("node %d: in node %d, which is no directory before it", i, n.dir)
	case i > 0 && !validName(n.name) || seen.names[at]:
		d.fail("node %d: name %q", i, n.name)
	case n.data.size > math.MaxInt64-img.usage.Bytes:
		d.fail("node %d: more bytes than can be counted", i)
	}
	seen.inodes[n.ino], seen.names[at] = true, true
}

// validName says whether a file can have that name.
func validName(name string) bool {
	return name != "" && name != "." && name != ".." && len(name) <= maxName &&
		!strings.ContainsAny(name, "/\x00") && utf8.ValidString(name)
}
