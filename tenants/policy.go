package tenants

import (
	"fmt"
	"maps"
	"path/filepath"
	goruntime "runtime"
	"slices"

	"wasgi/quotas"
)

// Policy is what a server's operator lets the tenants have. ReadPolicy and
// DefaultPolicy make one; the zero value sets no ceiling below quotas.Most, and bounds
// nothing that the tenants share.
type Policy struct {
	File   string       // that it was read from; "" without one
	Memory quotas.Bytes // of all guests together; 0: no bound
	CPUs   int          // guests that run at once; 0: as many as there are processors
	// Snapshots is the most memory, of Memory, that snapshots of apps may take that are kept
	// for the next instance; 0: defaultSnapshots.
	Snapshots quotas.Bytes
	Cache     quotas.Bytes // of responses that are kept, for all tenants together; 0: no bound
	Access    AccessLog
	// HTTPSPort is where tenants that want https have their clients sent to; 0: 443.
	HTTPSPort int
	HTTP      HTTP // of connections
	TLS       TLS
	// Defaults are the limits of a bundle that does not say; zero: quotas.Default.
	Defaults quotas.Quota
	// Ceilings are the highest limits that a bundle may have; zero: quotas.Most.
	Ceilings quotas.Quota
	Tenants  map[string]TenantPolicy // by name; one that is not in it: see Tenant
}

// TenantPolicy is what holds for one tenant.
type TenantPolicy struct {
	// Weight is the tenant's share of the processor where there is not enough for all:
	// one of weight 2 gets twice what one of weight 1 does.
	Weight float64
	// Ceilings take the place of the policy's, higher or lower.
	Ceilings quotas.Quota
}

// Least and most of what tenants share.
const (
	mostServerMemory = 1 << 20 * quotas.GiB
	leastSnapshots   = quotas.MiB
	defaultSnapshots = quotas.GiB
	mostCPUs         = 1024
	leastCache       = quotas.MiB
	usualCache       = 128 * quotas.MiB
	leastWeight      = 0.01
	mostWeight       = 1000
)

// DefaultPolicy returns what holds where the operator says nothing, but for Memory: see
// ReadPolicy.
func DefaultPolicy() Policy {
	return Policy{CPUs: goruntime.GOMAXPROCS(0), Cache: usualCache, HTTP: DefaultHTTP(), Defaults: quotas.Default(), Ceilings: quotas.Most()}
}

// cpus returns how many guests run at once.
func (p Policy) cpus() int {
	if p.CPUs > 0 {
		return p.CPUs
	}
	return goruntime.GOMAXPROCS(0)
}

// ReadPolicy reads a server's configuration; "" is DefaultPolicy. Memory that it does
// not give is three quarters of the machine's. Errors name file, key and value.
func ReadPolicy(file string) (Policy, error) {
	p := DefaultPolicy()
	if file != "" {
		text, err := readText(file)
		if err != nil {
			return p, err
		}
		if p, err = ParsePolicy(text, file); err != nil {
			return p, err
		}
	}
	if p.Memory == 0 {
		machine, err := quotas.MachineMemory()
		if err != nil {
			return p, fmt.Errorf("%w: give server.memory in a configuration", err)
		}
		p.Memory = machine / 4 * 3
	}
	return p, nil
}

// ParsePolicy reads the text of a server's configuration, which came from file.
func ParsePolicy(text, file string) (Policy, error) {
	p := DefaultPolicy()
	p.File = file
	top, err := parseTable(text)
	if err == nil {
		p.read(top)
		err = *top.err
	}
	if err != nil {
		return p, fmt.Errorf("%s: %w", file, err)
	}
	return p, nil
}

// read takes all that a configuration says. Ceilings come first: what else it says must
// keep to them.
func (p *Policy) read(top *table) {
	server := top.section("server")
	server.sizeBetween("memory", &p.Memory, quotas.Least().Memory, mostServerMemory)
	server.sizeBetween("snapshots", &p.Snapshots, leastSnapshots, mostServerMemory)
	server.integerBetween("cpus", &p.CPUs, 1, mostCPUs)
	server.sizeBetween("cache", &p.Cache, leastCache, mostServerMemory)
	server.integerBetween("https_port", &p.HTTPSPort, 1, 65535)
	server.accessLog(&p.Access)
	server.done()
	http := top.section("http")
	p.HTTP.read(http)
	http.done()
	_, given := top.values["tls"]
	if tls := top.section("tls"); given {
		p.TLS.read(tls, filepath.Dir(p.File))
		tls.done()
	}
	ceilings := top.section("ceilings")
	ceilings.limits(&p.Ceilings, nil)
	ceilings.done()
	p.Defaults = p.Defaults.Within(p.Ceilings)
	defaults := top.section("defaults")
	defaults.limits(&p.Defaults, p.ceiling("", p.Ceilings))
	defaults.done()
	p.readTenants(top.section("tenants"))
	top.done()
}

func (p *Policy) readTenants(all *table) {
	p.Tenants = map[string]TenantPolicy{}
	for _, name := range slices.Sorted(maps.Keys(all.values)) {
		if !validName(name) {
			all.complain(name, all.values[name], "the name of a bundle's folder")
			return
		}
		t := p.Tenant(name)
		section := all.section(name)
		section.floatBetween("weight", &t.Weight, leastWeight, mostWeight)
		ceilings := section.section("ceilings")
		ceilings.limits(&t.Ceilings, nil)
		ceilings.done()
		section.done()
		p.Tenants[name] = t
	}
}

// Tenant returns what holds for the tenant of that name.
func (p Policy) Tenant(name string) TenantPolicy {
	t, ok := p.Tenants[name]
	if !ok {
		t = TenantPolicy{Weight: 1, Ceilings: p.Ceilings}
	}
	if t.Ceilings == (quotas.Quota{}) {
		t.Ceilings = quotas.Most()
	}
	return t
}

// quota returns the limits of a tenant whose bundle says nothing: the defaults, within
// its ceilings.
func (p Policy) quota(tenant string) quotas.Quota {
	q := p.Defaults
	if q == (quotas.Quota{}) {
		q = quotas.Default()
	}
	return q.Within(p.Tenant(tenant).Ceilings)
}

// ceiling returns the check of one limit of a tenant, "" for the defaults: it says what
// the limit is higher than, "" where it is not.
func (p Policy) ceiling(tenant string, ceilings quotas.Quota) func(quotas.Field) string {
	most, general := quotas.Most(), p.Ceilings
	return func(f quotas.Field) string {
		top := fieldOf(&ceilings, f.Name)
		if f.Compare(top) <= 0 || top.Compare(fieldOf(&most, f.Name)) == 0 {
			return "" // beyond what makes sense at all is told elsewhere
		}
		place := "ceilings." + f.Name
		if tenant != "" && top.Compare(fieldOf(&general, f.Name)) != 0 {
			place = "tenants." + tenant + "." + place
		}
		return fmt.Sprintf("more than the ceiling %s (%s, %s)", top, p.File, place)
	}
}

// fieldOf returns the limit of that name, which there is.
func fieldOf(q *quotas.Quota, name string) quotas.Field {
	all := q.Fields()
	return all[slices.IndexFunc(all, func(f quotas.Field) bool { return f.Name == name })]
}
