package tenants

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"wasgi/abi"
	"wasgi/quotas"
)

// ManifestName is the file that makes a folder a bundle.
const ManifestName = "wasgi.toml"

// Values of Isolation.
const (
	perInstance = "instance"
	perRequest  = "request"
)

// Bounds of what a manifest may say.
const (
	defaultIdle = time.Minute
	leastIdle   = time.Second
	mostIdle    = 24 * time.Hour
	mostWarm    = 32 // paths
	longestWarm = 2048
)

// Manifest is what a bundle says of itself. ParseManifest makes one; the zero value
// is not valid.
type Manifest struct {
	Entry   string            // "module:callable", or "module:factory()"
	Hosts   []string          // exact, "*.example.com", or "*" for those nobody has
	Prefix  string            // of the path, "/" or "/like/this"; becomes SCRIPT_NAME
	Path    []string          // folders of the bundle for sys.path, in order
	Env     map[string]string // the app's environment variables
	Environ map[string]string // further keys of each request's environ
	// Isolation is how long an instance keeps its state, memory and /tmp: "instance",
	// from request to request, or "request", for one.
	Isolation string
	// Warm are paths below Prefix that are requested once, in order, before the app's
	// snapshot is taken.
	Warm []string
	Idle time.Duration // after which an instance that nobody needed is closed
	// Streaming lets the app read a body while it comes. Else a request has an instance
	// when its body is there, and who sends slowly holds none.
	Streaming bool
	Edge      Edge
	Quota     quotas.Quota
}

// DefaultManifest returns what holds for a tenant whose bundle says nothing.
func DefaultManifest(tenant string, p Policy) Manifest {
	return Manifest{Prefix: "/", Path: []string{".", "site-packages"}, Isolation: perInstance, Idle: defaultIdle, Edge: Edge{Compress: true}, Quota: p.quota(tenant)}
}

// ParseManifest reads the text of a tenant's wasgi.toml. The error names key and value.
func ParseManifest(text, tenant string, p Policy) (Manifest, error) {
	m, err := parseManifest(text, tenant, p)
	if err != nil {
		return m, err
	}
	return m, m.Validate()
}

// parseManifest reads without asking whether the whole makes sense.
func parseManifest(text, tenant string, p Policy) (Manifest, error) {
	m := DefaultManifest(tenant, p)
	file, err := parseTable(text)
	if err != nil {
		return m, err
	}
	app, env, limits := file.section("app"), file.section("env"), file.section("limits")
	app.str("entry", &m.Entry)
	app.strs("hosts", &m.Hosts)
	app.str("prefix", &m.Prefix)
	app.strs("path", &m.Path)
	app.str("isolation", &m.Isolation)
	app.strs("warm", &m.Warm)
	app.duration("idle", &m.Idle)
	app.edge(&m.Edge)
	app.boolean("streaming", &m.Streaming)
	app.done()
	file.section("static").static(&m.Edge)
	m.Edge.Errors = file.section("errors").files()
	m.Env = env.env()
	m.Environ = file.section("environ").environ()
	limits.limits(&m.Quota, p.ceiling(tenant, p.Tenant(tenant).Ceilings))
	limits.done()
	file.done()
	return m, *file.err
}

// parseTable reads TOML.
func parseTable(text string) (*table, error) {
	t := &table{err: new(error)}
	if _, err := toml.Decode(text, &t.values); err != nil {
		return nil, tomlError(err)
	}
	return t, nil
}

// tomlError keeps of a syntax error what a person needs: where and what.
func tomlError(err error) error {
	var parse toml.ParseError
	if errors.As(err, &parse) {
		return fmt.Errorf("line %d: %s", parse.Position.Line, parse.Message)
	}
	return err
}

// Validate returns an error that names the first key whose value cannot be.
func (m Manifest) Validate() error {
	if err := validEntry(m.Entry); err != nil {
		return err
	}
	if len(m.Hosts) == 0 {
		return errors.New(`app.hosts is missing: want a list of hosts like ["blog.localhost"]`)
	}
	for _, host := range m.Hosts {
		if !validHostPattern(host) {
			return fmt.Errorf(`app.hosts has %q: want a lower-case host name without port, "*.example.com" or "*"`, host)
		}
	}
	if !validPrefix(m.Prefix) {
		return fmt.Errorf(`app.prefix = %q: want "/", or a path like "/blog" without a "/" at its end`, m.Prefix)
	}
	for _, dir := range m.Path {
		if !filepath.IsLocal(dir) {
			return fmt.Errorf("app.path has %q: want a folder inside the bundle", dir)
		}
	}
	if m.Isolation != perInstance && m.Isolation != perRequest {
		return fmt.Errorf("app.isolation = %q: want %q or %q", m.Isolation, perInstance, perRequest)
	}
	if err := m.validWarm(); err != nil {
		return err
	}
	if m.Idle < leastIdle || m.Idle > mostIdle {
		return fmt.Errorf("app.idle = %q: want a time from %v to %v", m.Idle, leastIdle, mostIdle)
	}
	if err := m.Edge.Validate(); err != nil {
		return err
	}
	if err := m.Quota.Validate(); err != nil {
		return fmt.Errorf("limits.%w", err)
	}
	return nil
}

func (m Manifest) validWarm() error {
	if len(m.Warm) > mostWarm {
		return fmt.Errorf("app.warm has %d paths: want at most %d", len(m.Warm), mostWarm)
	}
	for _, target := range m.Warm {
		bad := func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '#' }
		if !strings.HasPrefix(target, "/") || len(target) > longestWarm || strings.ContainsFunc(target, bad) {
			return fmt.Errorf(`app.warm has %s: want a path like "/" or "/list?page=1", in ASCII, of at most %d bytes`, show(target), longestWarm)
		}
	}
	return nil
}

func validEntry(entry string) error {
	if entry == "" {
		return errors.New(`app.entry is missing: want "module:callable", like "app:application"`)
	}
	module, name, ok := strings.Cut(entry, ":")
	name = strings.TrimSuffix(name, "()")
	if !ok || !validDotted(module) || !validDotted(name) {
		return fmt.Errorf(`app.entry = %q: want "module:callable" or "module:factory()"`, entry)
	}
	return nil
}

// validDotted tells whether every part of a dotted name can be a Python identifier.
func validDotted(name string) bool {
	for part := range strings.SplitSeq(name, ".") {
		if part == "" || strings.ContainsAny(part, " \t\r\n\x00()[]{}'\"/\\:;,=") {
			return false
		}
	}
	return true
}

func validHostPattern(host string) bool {
	if host == "*" {
		return true
	}
	host = strings.TrimPrefix(host, "*.")
	if len(host) > 253 {
		return false
	}
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}

func validPrefix(prefix string) bool {
	return prefix == "/" || strings.HasPrefix(prefix, "/") && path.Clean(prefix) == prefix &&
		!strings.ContainsFunc(prefix, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '?' || r == '#' || r == '%' })
}

// AddEnviron adds the bundle's own keys to a request's environ.
func (m Manifest) AddEnviron(e *abi.Pairs) {
	for _, name := range slices.Sorted(maps.Keys(m.Environ)) {
		e.Add(name, m.Environ[name])
	}
}

// scriptName returns the prefix as PEP 3333 wants it: "" for the root.
func (m Manifest) scriptName() string {
	if m.Prefix == "/" {
		return ""
	}
	return m.Prefix
}
