package tenants

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"
)

// OpenApp returns the bundle of a folder that need not be one: entry is given, every
// host is the app's, and a manifest, if there is one, tells the rest.
func OpenApp(dir, entry string, p Policy) (Bundle, error) {
	file := filepath.Join(dir, ManifestName)
	b := BareBundle(dir, p)
	m := b.Manifest
	text, err := readText(file)
	if err == nil {
		m, err = parseManifest(text, b.Name, p)
	} else if errors.Is(err, fs.ErrNotExist) {
		m.Path = append(m.Path, virtualEnvironment(dir)...)
		err = nil
	}
	if err != nil {
		return Bundle{}, fmt.Errorf("%s: %w", file, err)
	}
	m.Entry, m.Hosts, m.Prefix = entry, []string{"*"}, "/"
	if err := m.Validate(); err != nil {
		return Bundle{}, err
	}
	if err := m.Edge.present(dir); err != nil {
		return Bundle{}, fmt.Errorf("%s: %w", file, err)
	}
	b.Manifest, b.Opened = m, time.Now()
	return b, nil
}

// virtualEnvironment returns the site-packages of a virtual environment in dir.
func virtualEnvironment(dir string) []string {
	var found []string
	for _, name := range []string{".venv", "venv"} {
		sites, _ := filepath.Glob(filepath.Join(dir, name, "lib", "python3*", "site-packages")) // the pattern is well formed
		for _, site := range sites {
			if rel, err := filepath.Rel(dir, site); err == nil {
				found = append(found, rel)
			}
		}
	}
	return found
}

// Single serves the app of one folder.
type Single struct {
	Dir      string
	Open     func() (Bundle, error)
	Registry *Registry
	Log      *slog.Logger
}

// Find opens the bundle and routes to it.
func (s Single) Find() ([]Bundle, error) {
	b, err := s.Open()
	if err == nil {
		err = s.Registry.Add(b)
	}
	if err != nil {
		LogError(s.Log, "app not loaded", filepath.Base(s.Dir), err)
		return nil, nil
	}
	return []Bundle{b}, nil
}

// Load imports the app; if it cannot be, the one that serves stays.
func (s Single) Load(ctx context.Context, bundles []Bundle) {
	for _, b := range bundles {
		if err := s.Registry.Load(ctx, b); err != nil {
			LogError(s.Log, "app not loaded", b.Name, err)
			continue
		}
		s.Log.Info("app serving", "tenant", b.Name, "entry", b.Manifest.Entry)
	}
}

// Watch looks for changed files once a second until ctx is done.
func (s Single) Watch(ctx context.Context) {
	last, _ := fingerprint(s.Dir)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if now, err := fingerprint(s.Dir); err == nil && now != last {
			last = now
			found, _ := s.Find() // its errors are logged
			s.Load(ctx, found)
		}
	}
}

// FindBundles returns the bundle in dir, or else those in its folders.
func FindBundles(dir string) ([]string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(dir, ManifestName)); err == nil {
		return []string{dir}, nil
	}
	names, err := Folder{Dir: dir}.names()
	if err != nil {
		return nil, err
	}
	for i := range names {
		names[i] = filepath.Join(dir, names[i])
	}
	return names, nil
}
