package front

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"syscall"
	"time"

	"wasgi/quotas"
	"wasgi/tenants"
)

// What is kept of static files: the content of short ones, and of all what was seen of
// them, which holds for a while.
const (
	mostAssets = 32 * quotas.MiB
	shortFile  = 64 << 10
	lookAgain  = time.Second
	// A file that was changed so lately may be changed again without another time.
	youngFile = 2 * time.Second
)

// asset is a static file, and the same compressed where the bundle has that beside it.
type asset struct {
	seen     time.Time
	kind     string     // its Content-Type
	variants []*variant // the plain one first
}

// variant is one file of an asset. It does not change.
type variant struct {
	validators
	coding  coding
	last    string // modified, as a header has it
	info    fs.FileInfo
	young   bool
	content []byte // nil where the file is long: it is opened for each request
}

// asset returns a file as it is, or was a moment ago.
func (s *Server) asset(tenant *tenants.Tenant, at tenants.Static, below string) (*asset, error) {
	key := assetKey(tenant, at, below)
	old, ok := s.assets.Get(key)
	if ok && time.Since(old.seen) < lookAgain {
		return old, nil
	}
	a := &asset{seen: time.Now(), kind: contentType(at.File + "/" + below)}
	if below == "" {
		a.kind = contentType(at.File)
	}
	size := quotas.Bytes(0)
	for _, c := range []coding{plain, brotli, zstd, gzip} {
		v, err := openVariant(tenant, at, below, c, old)
		if err == nil {
			a.variants = append(a.variants, v)
			size += quotas.Bytes(len(v.content) + overheadVariant)
		} else if c == plain {
			s.assets.Drop(key)
			return nil, err
		}
	}
	s.assets.Put(key, a, size, 0)
	return a, nil
}

func assetKey(tenant *tenants.Tenant, at tenants.Static, below string) string {
	return tenant.Name + "\x00" + at.File + "\x00" + below
}

// overheadVariant is what a variant takes besides its content.
const overheadVariant = 1 << 10

// of returns the variant with a coding, nil for none.
func (a *asset) of(c coding) *variant {
	if a == nil {
		return nil
	}
	for _, v := range a.variants {
		if v.coding == c {
			return v
		}
	}
	return nil
}

// best returns the variant that the client likes most: of two that it likes as much, the
// one that is usually the shorter.
func (a *asset) best(r func() ratings) *variant {
	if len(a.variants) == 1 {
		return a.variants[0]
	}
	codings := make([]coding, 0, 3)
	for _, v := range a.variants[1:] {
		codings = append(codings, v.coding)
	}
	return a.of(r().best(codings...))
}

// open opens the file of a coding: that has its own name, and is beside the plain one.
func (c coding) open(tenant *tenants.Tenant, at tenants.Static, below string) (*os.File, fs.FileInfo, error) {
	suffix := map[coding]string{plain: "", gzip: ".gz", brotli: ".br", zstd: ".zst"}[c]
	if below == "" {
		return tenant.OpenFile(at.File+suffix, "")
	}
	return tenant.OpenFile(at.File, below+suffix)
}

// openVariant looks at one file of an asset; one that is as it was stays.
func openVariant(tenant *tenants.Tenant, at tenants.Static, below string, c coding, old *asset) (*variant, error) {
	f, info, err := c.open(tenant, at, below)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if was := old.of(c); was != nil && !was.young && was.same(info) {
		return was, nil
	}
	v := &variant{coding: c, info: info, young: time.Since(info.ModTime()) < youngFile}
	v.modified = info.ModTime().UTC().Truncate(time.Second)
	v.last = v.modified.Format(httpTime)
	if info.Size() > shortFile {
		v.etag = v.tagOfState()
		return v, nil
	}
	if v.content, err = io.ReadAll(io.LimitReader(f, shortFile)); err != nil {
		return nil, err
	}
	v.content = slices.Clip(v.content)
	sum := sha256.Sum256(v.content)
	v.etag = `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
	return v, nil
}

// same tells whether a file is the variant's, and unchanged.
func (v *variant) same(info fs.FileInfo) bool {
	return os.SameFile(v.info, info) && v.info.Size() == info.Size() && v.info.ModTime().Equal(info.ModTime())
}

// tagOfState is the tag of a file that is too long to be read for it. While it could
// change without a trace the tag is a weak one.
func (v *variant) tagOfState() string {
	inode := uint64(0)
	if sys, ok := v.info.Sys().(*syscall.Stat_t); ok {
		inode = sys.Ino
	}
	tag := fmt.Sprintf(`"%x-%x-%x%s"`, inode, v.info.Size(), v.info.ModTime().UnixNano(), v.coding)
	if v.young {
		tag = "W/" + tag
	}
	return tag
}
