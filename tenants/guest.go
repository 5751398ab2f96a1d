package tenants

import (
	"context"
	"maps"
	"slices"
	"strconv"

	"wasgi/abi"
	"wasgi/quotas"
	"wasgi/runtime"
	"wasgi/wasi"
)

// load makes a guest and imports the app in it; one that is to serve is made ready for that.
func (v *version) load(ctx context.Context, base *runtime.Snapshot, serves bool) (*runtime.Instance, error) {
	v.tenant.counts.imported.Add(1)
	i, err := v.tenant.host.Image.Restore(ctx, v.spec(nil), base)
	if err != nil {
		return nil, err
	}
	if err = i.Load(ctx, v.settings()); err == nil && serves {
		err = i.Begin(ctx)
	}
	if err != nil {
		v.tenant.account.Spend(quotas.Usage{Ticks: i.Usage().Ticks})
		i.Close()
		return nil, err
	}
	return i, nil
}

// spec says what an instance of the version is made of; begin is what /tmp begins with,
// nil for nothing.
func (v *version) spec(begin *wasi.TmpImage) runtime.Spec {
	t, q := v.tenant, v.bundle.Manifest.Quota
	room := wasi.Quota{Bytes: int64(q.Tmp), Inodes: tmpInodes}
	tmp := wasi.NewTmp(room)
	if begin != nil {
		tmp = wasi.NewTmpFrom(room, begin)
	}
	tmp.From(
		func(n int64) bool { return t.host.budget.Take(quotas.Bytes(n)) },
		func(n int64) { t.host.budget.Give(quotas.Bytes(n)) })
	return runtime.Spec{
		ID:       t.Name + "-" + strconv.FormatInt(v.made.Add(1), 10),
		Quota:    q,
		Account:  t.account,
		Budget:   t.host.budget,
		HashSeed: v.seed,
		Mounts:   t.files.mounts(t.host.Stdlib, wasi.ReadOnlyDir(v.root), tmp),
		Log:      t.journal.write,
		Closed:   tmp.Free,
		Tmp:      tmp,
		Left: func(l quotas.Limit) int64 {
			switch l {
			case quotas.LimitTmp:
				return tmp.Left()
			case quotas.LimitData:
				return t.files.data.Left()
			case quotas.LimitLogRate:
				return t.journal.left()
			}
			return -1
		},
		Refused: map[quotas.Limit]func() int64{
			quotas.LimitTmp: tmp.Refused, quotas.LimitData: t.files.data.Refused, quotas.LimitLogRate: t.journal.dropped,
		},
	}
}

func (v *version) settings() *abi.Pairs {
	m := v.bundle.Manifest
	s := &abi.Pairs{}
	s.Add(abi.SettingEntry, m.Entry)
	s.Add(abi.SettingCwd, appDir)
	if m.Isolation == perRequest {
		s.Add(abi.SettingOnce, "1")
	}
	for _, dir := range v.bundle.sysPath() {
		s.Add(abi.SettingPath, dir)
	}
	for _, name := range slices.Sorted(maps.Keys(m.Env)) {
		s.Add(abi.SettingEnv, name+"="+m.Env[name])
	}
	return s
}
