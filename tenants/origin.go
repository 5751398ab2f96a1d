package tenants

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"

	"wasgi/abi"
	"wasgi/quotas"
	"wasgi/runtime"
)

// baseOrigin is what the snapshot that all apps begin with is made of.
func (h Host) baseOrigin() runtime.Origin {
	return runtime.Origin{
		"image":         h.Image.Digest(),
		"ABI":           strconv.Itoa(abi.Version),
		"python":        h.Python,
		"kind of guest": "base",
	}
}

// origin is what the version's snapshot is made of, beside the base. Its bundle is, as for
// reloading, the names, sizes, modes and times of its files.
func (v *version) origin(base *runtime.Snapshot) (runtime.Origin, error) {
	h, m := v.tenant.host, v.bundle.Manifest
	environment, err := json.Marshal(struct {
		Entry, Isolation, Prefix, Host, State string
		Path, Warm                            []string
		Env                                   map[string]string
		Memory, Tmp                           quotas.Bytes
	}{
		m.Entry, m.Isolation, m.Prefix, m.warmHost(), h.State,
		m.Path, m.Warm, m.Env, m.Quota.Memory, m.Quota.Tmp,
	})
	if err != nil {
		return nil, fmt.Errorf("environment of %s: %w", v.tenant.Name, err)
	}
	sum := sha256.Sum256(environment)
	o := h.baseOrigin()
	o["kind of guest"] = "app"
	o["base"] = base.ID()
	o["tenant"] = v.tenant.Name
	o["bundle"] = *v.print.Load()
	o["environment"] = hex.EncodeToString(sum[:])
	return o, nil
}
