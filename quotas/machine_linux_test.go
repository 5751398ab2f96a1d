package quotas

import (
	"strings"
	"testing"
	"testing/fstest"
)

func TestMachineMemory(t *testing.T) {
	const total = "MemTotal:       16384 kB\nMemFree:  1 kB\n"
	for name, test := range map[string]struct {
		files map[string]string
		want  Bytes
	}{
		"no groups":         {map[string]string{}, 16 * MiB},
		"no limit":          {map[string]string{"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/memory.max": "max\n"}, 16 * MiB},
		"a limit":           {map[string]string{"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/memory.max": "4194304\n"}, 4 * MiB},
		"a higher limit":    {map[string]string{"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/memory.max": "1073741824\n"}, 16 * MiB},
		"one above":         {map[string]string{"proc/self/cgroup": "0::/a/b/c\n", "sys/fs/cgroup/a/memory.max": "4194304\n", "sys/fs/cgroup/a/b/c/memory.max": "8388608"}, 4 * MiB},
		"a container's":     {map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "4194304\n"}, 4 * MiB},
		"version 1":         {map[string]string{"proc/self/cgroup": "3:memory:/a\n", "sys/fs/cgroup/a/memory.max": "4194304\n"}, 16 * MiB},
		"outside the mount": {map[string]string{"proc/self/cgroup": "0::/../../a\n", "a/memory.max": "4194304\n"}, 16 * MiB},
		"nonsense":          {map[string]string{"sys/fs/cgroup/memory.max": "-5"}, 16 * MiB},
	} {
		files := fstest.MapFS{"proc/meminfo": {Data: []byte(total)}}
		for file, text := range test.files {
			files[file] = &fstest.MapFile{Data: []byte(text)}
		}
		if got, err := machineMemory(files); got != test.want || err != nil {
			t.Errorf("%s: %v, %v, want %v", name, got, err, test.want)
		}
	}
}

func TestMachineMemoryThatNobodyTells(t *testing.T) {
	for text, want := range map[string]string{"": "has no MemTotal", "MemTotal: much kB": "has no MemTotal", "MemTotal: 0 kB": "has no MemTotal"} {
		if got, err := machineMemory(fstest.MapFS{"proc/meminfo": {Data: []byte(text)}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	if got, err := machineMemory(fstest.MapFS{}); err == nil {
		t.Errorf("%v of a machine without proc", got)
	}
	if got, err := MachineMemory(); got < 64*MiB || err != nil {
		t.Errorf("this machine: %v, %v", got, err)
	}
}
