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
	img := &image{runtime: wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler()), app: appFolder(t, app)}
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

// appFolder is a bundle: code as app.py, and further files.
func appFolder(t *testing.T, code string, more ...[2]string) wasi.FS {
	t.Helper()
	dir := t.TempDir()
	for _, file := range append(more, [2]string{"app.py", code}) {
		name := filepath.Join(dir, file[0])
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(file[1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder(t, dir)
}

func folder(t *testing.T, dir string) wasi.FS {
	t.Helper()
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
	warnings     []string
	left         map[int]int64
}

func (img *image) start(t *testing.T, hashSeed uint32) *instance {
	t.Helper()
	i := img.open(t, img.app)
	i.instantiate(t, img, "_initialize")
	i.must(t, "start", func() (abi.Outcome, error) { return i.guest.Start(i.ctx, hashSeed) })
	i.load(t, "app:application")
	return i
}

// must calls the guest, and ends the test where that comes to anything but OK.
func (i *instance) must(t *testing.T, name string, call func() (abi.Outcome, error)) {
	t.Helper()
	i.report, i.warnings = "", nil
	if outcome, err := call(); outcome != abi.OutcomeOK || err != nil {
		t.Fatalf("%s: %v, %v, %s\n%s", name, outcome, err, i.report, i.stderr.String())
	}
}

// load imports the app.
func (i *instance) load(t *testing.T, entry string) {
	t.Helper()
	settings := &abi.Pairs{}
	settings.Add(abi.SettingEntry, entry)
	settings.Add(abi.SettingPath, "/app")
	settings.Add(abi.SettingPath, "/app/site-packages")
	settings.Add(abi.SettingEnv, "SECRET_KEY=secret")
	i.must(t, "load", func() (abi.Outcome, error) { return i.guest.Load(i.ctx, settings) })
}

// open returns an instance with the files it will see, and no guest yet.
func (img *image) open(t *testing.T, app wasi.FS) *instance {
	t.Helper()
	i := &instance{left: map[int]int64{}}
	var err error
	i.sandbox, err = wasi.New(wasi.Config{Stderr: &i.stderr, Mounts: []wasi.Mount{
		{Path: "/usr/lib/python3.13", FS: img.stdlib},
		{Path: "/app", FS: app},
		{Path: "/tmp", FS: wasi.NewTmp(wasi.Quota{Bytes: 1 << 20, Inodes: 100})},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { i.sandbox.Close() })
	i.sandbox.SetContext(context.Background())
	i.ctx = abi.WithHost(wasi.WithSandbox(context.Background(), i.sandbox), i)
	return i
}

func (i *instance) instantiate(t *testing.T, img *image, first ...string) {
	t.Helper()
	memory := img.compiled.ExportedMemories()["memory"]
	mem, err := quotas.NewMemory(quotas.Bytes(memory.Min())*quotas.PageSize, 128*quotas.MiB, nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg := wazero.NewModuleConfig().WithName("").WithStartFunctions(first...)
	if i.mod, err = img.runtime.InstantiateModule(mem.Context(i.ctx), img.compiled, cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { i.mod.Close(context.Background()) })
	i.find(t)
}

// find makes a guest of the module.
func (i *instance) find(t *testing.T) {
	t.Helper()
	var err error
	if i.guest, err = abi.NewGuest(i.mod); err == nil {
		err = i.guest.Greet(i.ctx)
	}
	if err != nil {
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

func (i *instance) Warn(text []byte) { i.warnings = append(i.warnings, string(text)) }

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
