package fuel

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// wat compiles testdata/name.wat.
func wat(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".wat"))
	if err != nil {
		t.Fatal(err)
	}
	return assemble(t, string(text))
}

// assemble compiles a module's text.
func assemble(t testing.TB, text string) []byte {
	t.Helper()
	tool, err := exec.LookPath("wat2wasm")
	if err != nil {
		t.Fatal(`needs wat2wasm: run "make test", or install wabt`)
	}
	from, to := filepath.Join(t.TempDir(), "guest.wat"), filepath.Join(t.TempDir(), "guest.wasm")
	if err := os.WriteFile(from, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(tool, "--enable-tail-call", "--debug-names", from, "-o", to).CombinedOutput(); err != nil {
		t.Fatalf("wat2wasm: %v\n%s", err, out)
	}
	wasm, err := os.ReadFile(to)
	if err != nil {
		t.Fatal(err)
	}
	return wasm
}

// rewritten instruments a module and holds that the result passes all judges.
func rewritten(t testing.TB, wasm []byte, o Options) []byte {
	t.Helper()
	out, err := Instrument(wasm, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := Check(out, o); err != nil {
		t.Error(err)
	}
	again, err := Instrument(wasm, o)
	if err != nil || string(again) != string(out) {
		t.Error("the same module gives other bytes")
	}
	validate(t, out)
	return out
}

// validate asks wabt.
func validate(t testing.TB, wasm []byte) {
	t.Helper()
	tool, err := exec.LookPath("wasm-validate")
	if err != nil {
		t.Fatal(`needs wasm-validate: run "make test", or install wabt`)
	}
	file := filepath.Join(t.TempDir(), "out.wasm")
	if err := os.WriteFile(file, wasm, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(tool, file).CombinedOutput(); err != nil {
		t.Errorf("wasm-validate: %v\n%s", err, out)
	}
}

// errSpent is what ends a guest that has used its budget.
type errSpent struct{}

func (errSpent) Error() string { return "the budget is spent" }

// host is what the guests of the tests meet.
type host struct {
	slice  int64 // of fuel, for each tick
	budget int64 // most fuel in all; 0: no end
	stack  int64 // most bytes
	given  int64 // fuel
	ticks  int
	grows  int
	calls  int
}

func (h *host) tick(_ context.Context, mod api.Module, _ []uint64) {
	h.ticks++
	if h.budget > 0 && h.given >= h.budget {
		panic(errSpent{})
	}
	h.given += h.slice
	g := mod.ExportedGlobal(Fuel).(api.MutableGlobal)
	g.Set(g.Get() + uint64(h.slice))
}

func (h *host) grow(_ context.Context, mod api.Module, _ []uint64) {
	h.grows++
	if h.grows > 1 {
		panic(errors.New("the stack is spent"))
	}
	g := mod.ExportedGlobal(Stack).(api.MutableGlobal)
	g.Set(g.Get() + uint64(h.stack))
}

func (h *host) twice(_ context.Context, _ api.Module, stack []uint64) {
	h.calls++
	stack[0] = uint64(uint32(stack[0]) * 2)
}

// guest is a module that runs.
type guest struct {
	*host
	api.Module
}

// load instantiates a module, instrumented or not.
func load(t testing.TB, cfg wazero.RuntimeConfig, wasm []byte, h *host) *guest {
	t.Helper()
	g, err := tryLoad(t, cfg, wasm, h)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func tryLoad(t testing.TB, cfg wazero.RuntimeConfig, wasm []byte, h *host) (*guest, error) {
	t.Helper()
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, cfg)
	t.Cleanup(func() { r.Close(ctx) })
	i32 := []api.ValueType{api.ValueTypeI32}
	_, err := r.NewHostModuleBuilder(DefaultModule).
		NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(h.tick), nil, nil).Export(DefaultTick).
		NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(h.grow), nil, nil).Export(DefaultGrow).
		Instantiate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.NewHostModuleBuilder("host").
		NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(h.twice), i32, i32).Export("twice").
		Instantiate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	// A host module has no globals, so the test's is one of wasm.
	env := assembleEnv()
	if _, err := r.InstantiateWithConfig(ctx, env, wazero.NewModuleConfig().WithName("env")); err != nil {
		t.Fatal(err)
	}
	mod, err := r.InstantiateWithConfig(ctx, wasm, wazero.NewModuleConfig().WithName("").WithStartFunctions(Data))
	if err != nil {
		return nil, err
	}
	return &guest{h, mod}, nil
}

// assembleEnv is (module (import "host" "twice" (func (param i32) (result i32)))
// (export "twice" (func 0)) (global (export "base") i32 (i32.const 100))).
func assembleEnv() []byte {
	m := &module{
		types:   []signature{{params: []byte{typeI32}, results: []byte{typeI32}}},
		imports: []imported{{module: "host", name: "twice"}},
		globals: []global{{typ: []byte{typeI32, 0}, init: expression{raw: []byte{byte(opI32Const), 0xe4, 0, byte(opEnd)}}}},
		exports: []exported{{name: "twice", kind: kindFunction}, {name: "base", kind: kindGlobal}},
	}
	return m.encode()
}

// call returns what a function of the guest returns, or the first line of its error.
func (g *guest) call(name string, args ...uint64) string {
	result, err := g.ExportedFunction(name).Call(context.Background(), args...)
	if err != nil {
		line, _, _ := strings.Cut(err.Error(), "\n")
		return line
	}
	return fmt.Sprint(result)
}

// memory returns a digest of the guest's memory.
func (g *guest) memory() uint64 {
	h := fnv.New64a()
	if m := g.Memory(); m != nil {
		b, _ := m.Read(0, m.Size())
		h.Write(b)
	}
	return h.Sum64()
}

// used returns the fuel that the guest has used.
func (g *guest) used() int64 {
	return g.given - int64(g.ExportedGlobal(Fuel).Get())
}
