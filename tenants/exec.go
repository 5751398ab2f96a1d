package tenants

import (
	"context"
	"maps"
	"os"
	"slices"
	"strings"

	"wasgi/abi"
	"wasgi/runtime"
	"wasgi/wasi"
)

// Exec runs Python on a command line inside the tenant's files and returns its exit
// code. The tenant's environment and path hold as they do for its app.
func (h Host) Exec(ctx context.Context, b Bundle, args []string, std runtime.Stdio) (int, error) {
	files, err := h.openFiles(b)
	if err != nil {
		return 0, err
	}
	defer files.close()
	root, err := os.OpenRoot(b.Dir)
	if err != nil {
		return 0, err
	}
	defer root.Close()
	tmp := wasi.NewTmp(wasi.Quota{Bytes: int64(b.Manifest.Quota.Tmp), Inodes: tmpInodes})
	i, err := h.Image.NewInstance(ctx, runtime.Spec{
		ID:     b.Name + "-exec",
		Quota:  b.Manifest.Quota,
		Mounts: files.mounts(h.Stdlib, wasi.ReadOnlyDir(root), tmp),
		Stdio:  std,
	})
	if err != nil {
		return 0, err
	}
	defer i.Close()
	return i.Main(ctx, b.commandLine(args))
}

// commandLine returns the settings that make Python run with args.
func (b Bundle) commandLine(args []string) *abi.Pairs {
	s := &abi.Pairs{}
	s.Add(abi.SettingCwd, appDir)
	for _, name := range slices.Sorted(maps.Keys(b.Manifest.Env)) {
		s.Add(abi.SettingEnv, name+"="+b.Manifest.Env[name])
	}
	s.Add(abi.SettingEnv, "PYTHONPATH="+strings.Join(b.sysPath(), ":"))
	s.Add(abi.SettingArg, "python3")
	for _, arg := range args {
		s.Add(abi.SettingArg, arg)
	}
	return s
}
