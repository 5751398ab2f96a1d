// Package guest runs the real guest program with nothing around it but a host that the
// test plays: what Python code sees of abi.h's more unusual half.
package guest

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"wasgi/abi"
	"wasgi/pyruntime"
	"wasgi/quotas"
	"wasgi/wasi"
)

// app runs the Python code that a request brings, and answers with its "result", or its "body".
const app = `
import _wasgi, wasgi

def interrupt(kind="limit"):
    """Have the host interrupt."""
    _wasgi.limit_left({"limit": "cpu", "gone": "timeout", "shutdown": "cpu_share"}[kind])

def announce():
    """Have the host say that it interrupts, but leave it to C code to ask."""
    _wasgi.limit_left("data")

def application(environ, start_response):
    scope = {"environ": environ, "interrupt": interrupt, "announce": announce, "wasgi": wasgi}
    exec(compile(environ["code"], "/app/code.py", "exec"), scope)
    start_response("200 OK", [])
    return scope.get("body") or [str(scope.get("result")).encode()]
`

// image is the guest program, compiled.
type image struct {
	runtime  wazero.Runtime
	compiled wazero.CompiledModule
	stdlib   *wasi.Archive
	app      wasi.FS
}

func compile(t *testing.T) *image {
	t.Helper()
	artefact, err := pyruntime.Open("")
	if err != nil {
		t.Fatal(err)
	}
	wasm, err := artefact.Wasm()
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	img := &image{runtime: wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler()), app: appFolder(t)}
	t.Cleanup(func() { img.runtime.Close(ctx) })
	if err := wasi.Instantiate(ctx, img.runtime); err != nil {
		t.Fatal(err)
	}
	if err := abi.Instantiate(ctx, img.runtime); err != nil {
		t.Fatal(err)
	}
	ctx = experimental.WithCompilationWorkers(ctx, goruntime.GOMAXPROCS(0))
	if img.compiled, err = img.runtime.CompileModule(ctx, wasm); err != nil {
		t.Fatal(err)
	}
	file, size, err := artefact.Stdlib()
	if err != nil {
		t.Fatal(err)
	}
	if img.stdlib, err = wasi.NewArchive(file, size); err != nil {
		t.Fatal(err)
	}
	return img
}

// appFolder is a bundle with app in it.
func appFolder(t *testing.T) wasi.FS {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "app.py"), []byte(app), 0o600); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return wasi.ReadOnlyDir(root)
}

// instance is a guest with app loaded, and the host it talks to.
type instance struct {
	abi.Host // what no test needs
	guest    *abi.Guest
	mod      api.Module
	sandbox  *wasi.Sandbox
	ctx      context.Context
	stderr   bytes.Buffer

	body, report string
	left         map[int]int64
}

func (img *image) start(t *testing.T, hashSeed uint32) *instance {
	t.Helper()
	i := &instance{left: map[int]int64{}}
	var err error
	i.sandbox, err = wasi.New(wasi.Config{Stderr: &i.stderr, Mounts: []wasi.Mount{
		{Path: "/usr/lib/python3.13", FS: img.stdlib},
		{Path: "/app", FS: img.app},
		{Path: "/tmp", FS: wasi.NewTmp(wasi.Quota{Bytes: 1 << 20, Inodes: 100})},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { i.sandbox.Close() })
	i.sandbox.SetContext(context.Background())
	i.ctx = abi.WithHost(wasi.WithSandbox(context.Background(), i.sandbox), i)
	i.instantiate(t, img)
	if outcome, err := i.guest.Start(i.ctx, hashSeed); outcome != abi.OutcomeOK || err != nil {
		t.Fatalf("start: %v, %v, %s", outcome, err, i.report)
	}
	settings := &abi.Pairs{}
	settings.Add(abi.SettingEntry, "app:application")
	settings.Add(abi.SettingPath, "/app")
	if outcome, err := i.guest.Load(i.ctx, settings); outcome != abi.OutcomeOK || err != nil {
		t.Fatalf("load: %v, %v, %s", outcome, err, i.report)
	}
	return i
}

func (i *instance) instantiate(t *testing.T, img *image) {
	t.Helper()
	memory := img.compiled.ExportedMemories()["memory"]
	mem, err := quotas.NewMemory(quotas.Bytes(memory.Min())*quotas.PageSize, 128*quotas.MiB, nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg := wazero.NewModuleConfig().WithName("").WithStartFunctions("_initialize")
	if i.mod, err = img.runtime.InstantiateModule(mem.Context(i.ctx), img.compiled, cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { i.mod.Close(context.Background()) })
	if i.guest, err = abi.NewGuest(i.ctx, i.mod); err != nil {
		t.Fatal(err)
	}
}

// run has the app run code in a request.
func (i *instance) run(t *testing.T, code string) abi.Outcome {
	t.Helper()
	i.body, i.report = "", ""
	environ := &abi.Pairs{}
	environ.Add("code", code)
	outcome, err := i.guest.Serve(i.ctx, environ)
	if err != nil {
		t.Fatalf("%v\n%s", err, i.stderr.String())
	}
	return outcome
}

// result is what code leaves in "result".
func (i *instance) result(t *testing.T, code string) string {
	t.Helper()
	if outcome := i.run(t, code); outcome != abi.OutcomeOK {
		t.Fatalf("outcome %d: %s\n%s", outcome, i.report, i.stderr.String())
	}
	return i.body
}

func (i *instance) ResponseStart([]byte, abi.View) abi.Error { return 0 }

func (i *instance) ResponseWrite(block []byte, _ bool) abi.Error {
	i.body += string(block)
	return 0
}

func (i *instance) Report(text []byte) { i.report = strings.ToValidUTF8(string(text), "?") }

// LimitLeft interrupts, which is what app asks it for, or tells what a test has set.
func (i *instance) LimitLeft(index int) int64 {
	if left, ok := i.left[index]; ok {
		return left
	}
	switch index {
	case abi.LeftCPU:
		i.guest.Interrupt(abi.InterruptLimit, "cpu", "used 510ms of CPU, may use 500ms")
	case abi.LeftTimeout:
		i.guest.Interrupt(abi.InterruptGone, "", "")
	case abi.LeftCPUShare:
		i.guest.Interrupt(abi.InterruptShutdown, "", "")
	case abi.LeftData:
		i.announce()
	}
	return -1
}

// announce interrupts without the bit that the evaluation loop reads.
func (i *instance) announce() {
	i.guest.Interrupt(abi.InterruptLimit, "cpu", "used 510ms of CPU, may use 500ms")
	found, err := i.mod.ExportedFunction("wasgi_interrupt").Call(i.ctx)
	if err != nil {
		panic(err)
	}
	mem := i.mod.Memory()
	at, _ := mem.ReadUint32Le(uint32(found[0]) + 4)
	bit, _ := mem.ReadUint32Le(uint32(found[0]) + 8)
	breaker, _ := mem.ReadUint32Le(at)
	mem.WriteUint32Le(at, breaker&^bit)
}
