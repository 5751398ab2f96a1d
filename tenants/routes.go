package tenants

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// routes maps hosts and prefixes to tenants. It does not change once it is in force.
type routes struct {
	byHost map[string][]route // longest prefix first
}

type route struct {
	tenant *Tenant
	prefix string // SCRIPT_NAME: "" or "/like/this"
}

// clone returns routes that can be added to.
func (r *routes) clone() *routes { return &routes{byHost: maps.Clone(r.byHost)} }

// addTenant adds all routes of a tenant.
func (r *routes) addTenant(t *Tenant) {
	m := t.Manifest()
	for _, host := range m.Hosts {
		r.add(host, route{tenant: t, prefix: m.scriptName()})
	}
}

// conflict says which other tenant has a route that b asks for.
func (r *routes) conflict(b Bundle) error {
	for _, host := range b.Manifest.Hosts {
		for _, has := range r.byHost[host] {
			if has.prefix == b.Manifest.scriptName() && has.tenant.Name != b.Name {
				return fmt.Errorf("%s/%s: app.hosts has %q, which tenant %s serves already", b.Dir, ManifestName, host, has.tenant.Name)
			}
		}
	}
	return nil
}

func (r *routes) add(host string, add route) {
	list := append(slices.Clone(r.byHost[host]), add)
	slices.SortFunc(list, func(a, b route) int { return len(b.prefix) - len(a.prefix) })
	r.byHost[host] = list
}

// find tries the exact host, then "*." and each of its parents, then "*".
func (r *routes) find(host, path string) (*Tenant, string) {
	if list, ok := r.byHost[host]; ok {
		return match(list, path)
	}
	for rest := host; ; {
		_, parent, ok := strings.Cut(rest, ".")
		if !ok {
			break
		}
		if list, ok := r.byHost["*."+parent]; ok {
			return match(list, path)
		}
		rest = parent
	}
	return match(r.byHost["*"], path)
}

func match(list []route, path string) (*Tenant, string) {
	for _, r := range list {
		rest, ok := strings.CutPrefix(path, r.prefix)
		if ok && (rest == "" || rest[0] == '/' || r.prefix == "") {
			return r.tenant, r.prefix
		}
	}
	return nil, ""
}
