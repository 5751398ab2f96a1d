package tenants

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"wasgi/abi"
	"wasgi/runtime"
)

// warmID stands in the log for the id of a request that was made before the snapshot.
const warmID = "warm"

// warm has an instance, whose app was imported, answer the requests of the bundle's warm,
// and tells whether it is still good for a snapshot. What goes wrong is in the tenant's log.
func (v *version) warm(ctx context.Context, i *runtime.Instance) bool {
	m, h := v.bundle.Manifest, v.tenant.host
	for _, target := range m.Warm {
		e, err := h.Environ(m.warmHost(), m.scriptName(), target, v.tenant.Name, warmID)
		answer := &discarded{}
		if err == nil {
			m.AddEnviron(e)
			err = i.Warm(ctx, &runtime.Request{ID: warmID, Environ: e}, answer)
			v.tenant.journal.write(warmID, "error", i.Report())
		}
		if err == nil && answer.status >= http.StatusInternalServerError {
			err = fmt.Errorf("status %d", answer.status)
		}
		if err != nil {
			line := fmt.Sprintf("app.warm: GET %s: %v", target, err)
			v.warnings = append(v.warnings, line)
			v.tenant.journal.write(warmID, "warm", line)
		}
		if i.Condemned() {
			v.tenant.journal.write(warmID, "warm", "the app is imported again, without app.warm")
			return false
		}
	}
	return true
}

// warmHost returns a host that is the tenant's.
func (m Manifest) warmHost() string {
	for _, host := range m.Hosts {
		if !strings.Contains(host, "*") {
			return host
		}
	}
	for _, host := range m.Hosts {
		if parent, ok := strings.CutPrefix(host, "*."); ok {
			return "www." + parent
		}
	}
	return "localhost"
}

// mostDiscarded is how much of a body is taken before the app is told that it is enough.
const mostDiscarded = 16 << 20

// discarded is a response that nobody gets.
type discarded struct {
	status int
	size   int
}

// Start implements runtime.Response.
func (d *discarded) Start(status []byte, _ abi.View) error {
	code, _, _ := strings.Cut(string(status), " ")
	d.status, _ = strconv.Atoi(code) // what is no number is no failure of the app's
	return nil
}

// Expect implements runtime.Response.
func (d *discarded) Expect(int64) {}

// Write implements runtime.Response.
func (d *discarded) Write(block []byte, _ bool) error {
	if d.size += len(block); d.size > mostDiscarded {
		return abi.Enough
	}
	return nil
}
