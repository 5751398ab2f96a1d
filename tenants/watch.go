package tenants

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
)

// settle is how long the files of a bundle must be left alone before it is reloaded.
const settle = 300 * time.Millisecond

// Folder serves every bundle that is a folder of one folder.
type Folder struct {
	Dir      string
	Registry *Registry
	Log      *slog.Logger
}

// names returns the folders that hold, or held, a bundle: those with a manifest and
// those that are loaded.
func (f Folder) names() ([]string, error) {
	entries, err := os.ReadDir(f.Dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if _, err := os.Stat(filepath.Join(f.Dir, e.Name(), ManifestName)); err == nil {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// Find opens the folder's bundles and routes to them; tenants whose bundle is gone are
// removed. What is wrong with one is logged and leaves the others alone. It imports
// nothing.
func (f Folder) Find() ([]Bundle, error) {
	names, err := f.names()
	if err != nil {
		return nil, err
	}
	for _, t := range f.Registry.Tenants() {
		if !slices.Contains(names, t.Name) {
			f.remove(t.Name)
		}
	}
	return f.openAll(names), nil
}

// openAll reads bundles, several at once, and routes to those that are new.
func (f Folder) openAll(names []string) []Bundle {
	bundles, errs := make([]Bundle, len(names)), make([]error, len(names))
	var next atomic.Int64
	var workers sync.WaitGroup
	for range goruntime.GOMAXPROCS(0) {
		workers.Go(func() {
			for n := int(next.Add(1)) - 1; n < len(names); n = int(next.Add(1)) - 1 {
				bundles[n], errs[n] = OpenBundle(filepath.Join(f.Dir, names[n]), f.Registry.host.Policy)
			}
		})
	}
	workers.Wait()
	var opened []Bundle
	for n, name := range names {
		if f.opened(name, errs[n]) {
			opened = append(opened, bundles[n])
		}
	}
	var found []Bundle
	for n, err := range f.Registry.AddAll(opened) {
		if f.opened(opened[n].Name, err) {
			found = append(found, opened[n])
		}
	}
	return found
}

// opened logs what is wrong with a bundle, and tells whether nothing is.
func (f Folder) opened(name string, err error) bool {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		f.remove(name)
	} else if err != nil {
		LogError(f.Log, "tenant not loaded", name, err)
	}
	return err == nil
}

// Load imports the apps of bundles, two at a time, each new or changed one, and puts
// them in force. It returns when all are.
func (f Folder) Load(ctx context.Context, bundles []Bundle) {
	limit := make(chan struct{}, 2)
	for _, b := range bundles {
		limit <- struct{}{}
		go func() {
			f.load(ctx, b)
			<-limit
		}()
	}
	for range cap(limit) {
		limit <- struct{}{}
	}
}

// open reads one bundle and routes to it if it is new.
func (f Folder) open(name string) (Bundle, bool) {
	found := f.openAll([]string{name})
	if len(found) == 0 {
		return Bundle{}, false
	}
	return found[0], true
}

func (f Folder) remove(name string) {
	if f.Registry.Remove(name) {
		f.Log.Info("tenant removed", "tenant", name)
	}
}

// load imports one app and logs what came of it.
func (f Folder) load(ctx context.Context, b Bundle) {
	if err := f.Registry.Load(ctx, b); err != nil {
		LogError(f.Log, "tenant not loaded", b.Name, err)
		return
	}
	f.Log.Info("tenant serving", "tenant", b.Name, "hosts", b.Manifest.Hosts, "prefix", b.Manifest.Prefix)
}

// Watch reloads each bundle whose files change, until ctx is done. Where the system
// does not let it watch, it says so in the log and returns.
func (f Folder) Watch(ctx context.Context) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		f.Log.Warn("changed files are not seen; SIGHUP reloads", "error", err)
		return
	}
	defer w.Close()
	f.follow(w, f.Dir)
	names, _ := f.names() // what cannot be listed was reported by Find
	for _, name := range names {
		f.follow(w, filepath.Join(f.Dir, name))
	}
	due := map[string]time.Time{} // bundle → when it has settled
	tick := time.NewTicker(settle)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case event := <-w.Events:
			if name := f.bundleOf(event.Name); name != "" && event.Op != fsnotify.Chmod {
				due[name] = time.Now().Add(settle)
			}
			if event.Has(fsnotify.Create) {
				f.follow(w, event.Name)
			}
		case err := <-w.Errors:
			f.Log.Warn("changed files may go unseen; SIGHUP reloads", "error", err)
		case now := <-tick.C:
			for name, when := range due {
				if now.After(when) {
					delete(due, name)
					go f.changed(ctx, name)
				}
			}
		}
	}
}

// changed reloads a bundle of which a file was touched, if it is really another.
func (f Folder) changed(ctx context.Context, name string) {
	for _, t := range f.Registry.Tenants() {
		if t.Name != name {
			continue
		}
		if v := t.current.Load(); v.print.Load() != nil && !v.changed() {
			return
		}
	}
	if b, ok := f.open(name); ok {
		f.load(ctx, b)
	}
}

// follow watches dir, which may be a link, and the folders below it.
func (f Folder) follow(w *fsnotify.Watcher, dir string) {
	dir += "/."
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return nil
		}
		if err := skipped(name, dir, d); err != nil {
			return err
		}
		return w.Add(name)
	})
	if err != nil {
		f.Log.Warn("changed files may go unseen; SIGHUP reloads", "folder", dir, "error", err)
	}
}

// bundleOf returns the bundle a path belongs to, "" for none.
func (f Folder) bundleOf(name string) string {
	rel, err := filepath.Rel(f.Dir, name)
	if err != nil || rel == "." || !filepath.IsLocal(rel) {
		return ""
	}
	for dir := rel; ; dir = filepath.Dir(dir) {
		if filepath.Dir(dir) == "." {
			return dir
		}
	}
}
