package wasi

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/sys"
)

func TestEveryFunctionIsExported(t *testing.T) {
	want := strings.Fields(`args_get args_sizes_get environ_get environ_sizes_get clock_res_get
		clock_time_get fd_advise fd_allocate fd_close fd_datasync fd_fdstat_get fd_fdstat_set_flags
		fd_fdstat_set_rights fd_filestat_get fd_filestat_set_size fd_filestat_set_times fd_pread
		fd_prestat_get fd_prestat_dir_name fd_pwrite fd_read fd_readdir fd_renumber fd_seek fd_sync
		fd_tell fd_write path_create_directory path_filestat_get path_filestat_set_times path_link
		path_open path_readlink path_remove_directory path_rename path_symlink path_unlink_file
		poll_oneoff proc_exit proc_raise sched_yield random_get sock_accept sock_recv sock_send
		sock_shutdown fd_lock fd_lock_test lock_wait`)
	g := newGuest(t, Config{})
	var got []string
	for name := range g.mod.ExportedFunctionDefinitions() {
		got = append(got, name)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("exported %v, want %v", got, want)
	}
	if len(want) != 49 {
		t.Errorf("%d functions, want 49", len(want))
	}
}

func TestCallWithoutSandbox(t *testing.T) {
	g := newGuest(t, Config{})
	g.ctx = context.Background()
	g.want(ENOSYS, "sched_yield")
	g.want(ENOSYS, "fd_write", 1, 0, 0, 0)
}

func TestSandboxInDerivedContext(t *testing.T) {
	g := newGuest(t, Config{})
	ctx, cancel := context.WithCancel(g.ctx)
	defer cancel()
	g.ctx = ctx
	g.ok("sched_yield")
}

func TestProcExit(t *testing.T) {
	for _, code := range []uint32{0, 1, 255, 1 << 31} {
		g := newGuest(t, Config{})
		_, err := g.mod.ExportedFunction("proc_exit").Call(g.ctx, uint64(code))
		var exit *sys.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != code {
			t.Errorf("exit with %d returned %v", code, err)
		}
		if !g.mod.IsClosed() {
			t.Error("the module is open after proc_exit")
		}
	}
}

func TestGuestWithoutMemory(t *testing.T) {
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	defer r.Close(ctx) //nolint:errcheck // nothing to lose
	if err := Instantiate(ctx, r); err != nil {
		t.Fatal(err)
	}
	wasm := []byte("\x00asm\x01\x00\x00\x00")
	wasm = append(wasm, section(1, 1, []byte{0x60, 2, 0x7f, 0x7f, 1, 0x7f})...)
	imp := append(append(name(ModuleName), name("random_get")...), 0, 0)
	wasm = append(wasm, section(2, 1, imp)...)
	wasm = append(wasm, section(3, 1, []byte{0})...)
	wasm = append(wasm, section(7, 1, append(name("f"), 0, 1))...)
	wasm = append(wasm, section(10, 1, []byte{8, 0, 0x20, 0, 0x20, 1, 0x10, 0, 0x0b})...)
	box, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	mod, err := r.InstantiateWithConfig(WithSandbox(ctx, box), wasm, wazero.NewModuleConfig())
	if err != nil {
		t.Fatal(err)
	}
	res, err := mod.ExportedFunction("f").Call(WithSandbox(ctx, box), 0, 8)
	if err != nil || Errno(res[0]) != EFAULT {
		t.Errorf("random_get without memory: %v, %v", res, err)
	}
}

func TestArgsAndEnviron(t *testing.T) {
	g := newGuest(t, Config{Args: []string{"a", "bc"}, Env: []string{"X=1", "YY="}})
	g.ok("args_sizes_get", 0, 4)
	if n, size := g.u32(0), g.u32(4); n != 2 || size != 5 {
		t.Errorf("args: %d in %d bytes", n, size)
	}
	g.ok("args_get", 8, 16)
	if got := g.bytes(8, 13); got != "\x10\x00\x00\x00\x12\x00\x00\x00a\x00bc\x00" {
		t.Errorf("args_get wrote %q", got)
	}
	g.ok("environ_sizes_get", 0, 4)
	if n, size := g.u32(0), g.u32(4); n != 2 || size != 8 {
		t.Errorf("environ: %d in %d bytes", n, size)
	}
	g.ok("environ_get", 8, 16)
	if got := g.bytes(16, 8); got != "X=1\x00YY=\x00" {
		t.Errorf("environ_get wrote %q", got)
	}
	end := g.mem.Size()
	g.want(EFAULT, "args_get", end-7, 0)
	g.want(EFAULT, "args_get", 0, end-4)
	g.want(EFAULT, "args_sizes_get", 0, end-3)
	g.want(EFAULT, "args_get", uint32(1<<32-4), 0)
}

func TestClocks(t *testing.T) {
	cpu := 5 * time.Millisecond
	g := newGuest(t, Config{MonotonicStart: time.Hour, CPUTime: func() time.Duration { return cpu }})
	for id := range 4 {
		g.ok("clock_res_get", id, 0)
		if g.u64(0) == 0 {
			t.Errorf("clock %d has no resolution", id)
		}
	}
	g.ok("clock_time_get", clockRealtime, 0, 0)
	if d := time.Since(time.Unix(0, int64(g.u64(0)))); d < 0 || d > time.Minute {
		t.Errorf("realtime is off by %v", d)
	}
	g.ok("clock_time_get", clockMonotonic, 0, 0)
	if d := time.Duration(g.u64(0)); d < time.Hour || d > time.Hour+time.Minute {
		t.Errorf("monotonic says %v", d)
	}
	g.ok("clock_time_get", clockProcessCPU, 0, 0)
	if d := time.Duration(g.u64(0)); d != cpu {
		t.Errorf("process CPU says %v", d)
	}
	g.want(EINVAL, "clock_time_get", 4, 0, 0)
	g.want(EINVAL, "clock_res_get", 4, 0)
	g.want(EFAULT, "clock_time_get", 0, 0, g.mem.Size()-7)
}

func TestRandom(t *testing.T) {
	g := newGuest(t, Config{})
	g.ok("random_get", 0, 1<<20)
	if g.u64(0) == 0 && g.u64(1<<20-8) == 0 {
		t.Error("random_get wrote zeros")
	}
	g.want(EFAULT, "random_get", 1, 1<<20)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	g.box.SetContext(ctx)
	g.want(EINTR, "random_get", 0, 1<<20)
	g.ok("random_get", 0, 16)

	broken := newGuest(t, Config{Random: strings.NewReader("abc")})
	broken.want(EIO, "random_get", 0, 8)
}

func TestSockets(t *testing.T) {
	g := newGuest(t, Config{})
	for _, fn := range functions() {
		if !strings.HasPrefix(fn.name, "sock_") {
			continue
		}
		args := make([]any, len(fn.params))
		for i := range args {
			args[i] = 1
		}
		g.want(ENOTSOCK, fn.name, args...)
		args[0] = 99
		g.want(EBADF, fn.name, args...)
	}
	g.want(ENOTSUP, "proc_raise", 9)
}

func TestValidate(t *testing.T) {
	tmp := NewTmp(Quota{})
	bad := []Config{
		{Args: []string{"a\x00b"}},
		{Env: []string{"NAME"}},
		{Env: []string{"=x"}},
		{Mounts: []Mount{{"/tmp", nil}}},
		{Mounts: []Mount{{"tmp", tmp}}},
		{Mounts: []Mount{{"/", tmp}}},
		{Mounts: []Mount{{"/tmp/", tmp}}},
		{Mounts: []Mount{{"/a/../b", tmp}}},
		{Mounts: []Mount{{"/a", tmp}, {"/a/b", tmp}}},
		{Mounts: []Mount{{"/a", tmp}, {"/a", tmp}}},
		{Preopens: []Mount{{"", tmp}}},
		{Preopens: []Mount{{"/x", nil}}},
	}
	for _, c := range bad {
		if err := c.Validate(); err == nil {
			t.Errorf("accepted %+v", c)
		}
		if _, err := New(c); err == nil {
			t.Errorf("made a sandbox of %+v", c)
		}
	}
	good := Config{Env: []string{"A=", "B=a=b"}, Mounts: []Mount{{"/a", tmp}, {"/ab", tmp}}}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
}
