package quotas

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// grower compiles testdata/grow.wat.
func grower(t *testing.T) (wazero.Runtime, wazero.CompiledModule) {
	t.Helper()
	tool, err := exec.LookPath("wat2wasm")
	if err != nil {
		t.Fatal(`needs wat2wasm: run "make test", or install wabt`)
	}
	file := filepath.Join(t.TempDir(), "grow.wasm")
	if out, err := exec.Command(tool, "testdata/grow.wat", "-o", file).CombinedOutput(); err != nil {
		t.Fatalf("wat2wasm: %v\n%s", err, out)
	}
	wasm, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler())
	t.Cleanup(func() { r.Close(ctx) })
	compiled, err := r.CompileModule(ctx, wasm)
	if err != nil {
		t.Fatal(err)
	}
	return r, compiled
}

// start makes a guest whose memory grows to limit.
func start(t *testing.T, r wazero.Runtime, compiled wazero.CompiledModule, limit Bytes) api.Module {
	t.Helper()
	m, err := NewMemory(PageSize, limit, nil)
	if err != nil {
		t.Fatal(err)
	}
	mod, err := r.InstantiateModule(m.Context(context.Background()), compiled, wazero.NewModuleConfig().WithName(""))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mod.Close(context.Background()) })
	return mod
}

// grow asks for pages more and returns how many there were, -1 where it is refused.
func grow(t *testing.T, mod api.Module, pages uint64) int32 {
	t.Helper()
	result, err := mod.ExportedFunction("grow").Call(context.Background(), pages)
	if err != nil {
		t.Fatal(err)
	}
	return int32(uint32(result[0]))
}

func TestMemoryGrowsToTheLimit(t *testing.T) {
	r, compiled := grower(t)
	for _, test := range []struct {
		limit Bytes
		pages uint64 // that it comes to
	}{
		{PageSize, 1}, {2*PageSize - 1, 1}, {2 * PageSize, 2}, {2*PageSize + 1, 2}, {MiB, 16}, {mostMemory, 65535},
	} {
		t.Run(test.limit.String(), func(t *testing.T) {
			mod := start(t, r, compiled, test.limit)
			if test.pages > 1 {
				if got := grow(t, mod, test.pages-1); got != 1 {
					t.Fatalf("growing to the limit gave %d, want 1 page before", got)
				}
			}
			for _, more := range []uint64{1, 2, 1 << 15, 1<<32 - 1, 1 << 31} {
				if got := grow(t, mod, more); got != -1 {
					t.Errorf("%d pages past the limit gave %d", more, got)
				}
			}
			if got := grow(t, mod, 0); got != int32(test.pages) {
				t.Errorf("there are %d pages, want %d", got, test.pages)
			}
			last := test.pages*uint64(PageSize) - 1
			if _, err := mod.ExportedFunction("touch").Call(context.Background(), last); err != nil {
				t.Errorf("the last byte: %v", err)
			}
			if _, err := mod.ExportedFunction("touch").Call(context.Background(), last+1); err == nil {
				t.Error("a byte past the last can be written")
			}
		})
	}
}

func TestMemoryDoesNotMove(t *testing.T) {
	m, err := NewMemory(PageSize, 64*MiB, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Free()
	first := m.Reallocate(uint64(PageSize))
	for size := PageSize; size <= 64*MiB; size *= 2 {
		b := m.Reallocate(uint64(size))
		if len(b) != int(size) || cap(b) != int(size) || &b[0] != &first[0] {
			t.Fatalf("%v: %d bytes of %d, moved %v", size, len(b), cap(b), &b[0] != &first[0])
		}
		b[size-1] = 1
	}
	if m.Reallocate(uint64(64*MiB+1)) != nil {
		t.Error("a byte past the limit is given")
	}
}

func TestMemoryThatCannotBeHadIsAnError(t *testing.T) {
	for _, test := range []struct {
		initial, limit Bytes
		want           string
	}{
		{PageSize, 0, "the guest begins with 64KiB of memory, its limit is 0B"},
		{0, PageSize - 1, "its limit is 0B"},
		{PageSize, -PageSize, "its limit is -64KiB"},
		{2 * PageSize, 2*PageSize - 1, "the guest begins with 128KiB of memory, its limit is 64KiB"},
		{PageSize, 1 << 60, "reserve 1073741824GiB of addresses: "},
	} {
		m, err := NewMemory(test.initial, test.limit, nil)
		if err == nil {
			m.Free()
			t.Errorf("%v of %v is given", test.initial, test.limit)
		} else if !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v of %v: %v, want %q", test.initial, test.limit, err, test.want)
		}
	}
}

func TestFreeMayBeCalledAgain(t *testing.T) {
	m, err := NewMemory(0, MiB, nil)
	if err != nil {
		t.Fatal(err)
	}
	m.Free()
	m.Free()
	if m.Reallocate(uint64(PageSize)) != nil {
		t.Error("memory is given after Free")
	}
}

// addresses returns how much of the address space this process uses.
func addresses(t *testing.T) Bytes {
	t.Helper()
	f, err := os.Open("/proc/self/status")
	if err != nil {
		t.Skip("needs /proc: ", err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		var kib Bytes
		if n, _ := fmt.Sscanf(s.Text(), "VmSize: %d kB", &kib); n == 1 {
			return kib * KiB
		}
	}
	t.Fatal("no VmSize")
	return 0
}

// One guest that keeps its addresses would show among what else the process maps.
func TestMemoryIsGivenBack(t *testing.T) {
	r, compiled := grower(t)
	const guests = 100
	before := addresses(t)
	for range 2 {
		var all []api.Module
		for range guests {
			mod := start(t, r, compiled, GiB)
			grow(t, mod, 10)
			all = append(all, mod)
		}
		if got := addresses(t) - before; got < (guests-1)*GiB {
			t.Errorf("%d guests of 1GiB reserve %v", guests, got)
		}
		for _, mod := range all {
			if err := mod.Close(context.Background()); err != nil {
				t.Error(err)
			}
		}
		if got := addresses(t) - before; got > GiB/2 {
			t.Errorf("%v of addresses are left of %d closed guests", got, guests)
		}
	}
}

// What one guest leaves in its memory the next does not see.
func TestMemoryBeginsWithZeros(t *testing.T) {
	for range 10 {
		m, err := NewMemory(MiB, MiB, nil)
		if err != nil {
			t.Fatal(err)
		}
		b := m.Reallocate(uint64(MiB))
		for i := range b {
			if b[i] != 0 {
				t.Fatalf("byte %d is %d", i, b[i])
			}
			b[i] = 0xff
		}
		m.Free()
	}
}
