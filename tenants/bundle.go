package tenants

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// appDir is where a guest sees its bundle.
const appDir = "/app"

// Bundle is an app's folder and what it says of itself.
type Bundle struct {
	Name     string // the folder's, or another given: the tenant's name
	Dir      string // on the host, absolute
	Manifest Manifest
	Opened   time.Time
}

// OpenBundle reads the manifest of the bundle in dir. Errors name the file.
func OpenBundle(dir string, p Policy) (Bundle, error) {
	opened := time.Now()
	dir, err := filepath.Abs(dir)
	if err != nil {
		return Bundle{}, err
	}
	file := filepath.Join(dir, ManifestName)
	text, err := readText(file)
	if err != nil {
		return Bundle{}, err
	}
	m, err := ParseManifest(text, tenantName(dir), p)
	if err != nil {
		return Bundle{}, fmt.Errorf("%s: %w", file, err)
	}
	if err := m.Edge.present(dir); err != nil {
		return Bundle{}, fmt.Errorf("%s: %w", file, err)
	}
	return Bundle{Name: tenantName(dir), Dir: dir, Manifest: m, Opened: opened}, nil
}

// BareBundle returns the bundle of a folder without a manifest, whose app has no entry.
func BareBundle(dir string, p Policy) Bundle {
	name := tenantName(dir)
	return Bundle{Name: name, Dir: dir, Manifest: DefaultManifest(name, p)}
}

// tenantName returns the name of the tenant whose bundle is in dir, an absolute path.
func tenantName(dir string) string {
	if name := filepath.Base(dir); validName(name) {
		return name
	}
	return "app" // of the root of the file system
}

// validName tells whether a name can be that of a tenant's folder in another.
func validName(name string) bool {
	return filepath.IsLocal(name) && filepath.Base(name) == name && name != "." && name != nodeDir && !strings.Contains(name, "\x00")
}

// fingerprint is a digest of the names, sizes, modes and times of the files below dir, which
// may be a link. It changes when any of its files does, also one that has the size and the
// time of its content that the last had.
func fingerprint(dir string) (string, error) {
	sum := sha256.New()
	dir += "/."
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return skipped(name, dir, d)
		}
		info, err := d.Info()
		if err == nil {
			fmt.Fprintf(sum, "%q %d %d %d %v\n", name, info.Size(), info.ModTime().UnixNano(), changeTime(info), info.Mode())
		}
		return nil // a file gone meanwhile is a change that the next look sees
	})
	return hex.EncodeToString(sum.Sum(nil)[:16]), err
}

// skipped leaves out folders whose changes are not the app's: Python's bytecode and
// hidden ones, like those of version control.
func skipped(name, top string, d fs.DirEntry) error {
	if name != top && (d.Name() == "__pycache__" || d.Name()[0] == '.') {
		return fs.SkipDir
	}
	return nil
}

// readText reads a file that a tenant may have written, so not one of any length.
func readText(file string) (string, error) {
	const longest = 1 << 20
	info, err := os.Stat(file)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() || info.Size() > longest {
		return "", fmt.Errorf("%s: want a regular file of at most %d bytes", file, longest)
	}
	text, err := os.ReadFile(file)
	return string(text), err
}

// sysPath returns the folders of the bundle for sys.path, as the guest sees them.
func (b Bundle) sysPath() []string {
	var dirs []string
	for _, dir := range b.Manifest.Path {
		dirs = append(dirs, path.Join(appDir, filepath.ToSlash(dir)))
	}
	return dirs
}
