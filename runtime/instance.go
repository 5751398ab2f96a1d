package runtime

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/sys"

	"wasgi/abi"
	"wasgi/quotas"
	"wasgi/wasi"
)

// Spec says what an instance is made of. The zero value is a guest with no files
// whose output is discarded.
type Spec struct {
	ID     string       // names the instance in logs
	Memory quotas.Bytes // most linear memory
	Mounts []wasi.Mount // what the guest sees as its files
	// Log takes what the guest prints, line by line, with the id of the request it
	// was printed in, "" outside of one, and the stream, "stdout" or "stderr". It is
	// called by the goroutine that runs the guest. Nil: see Stdio.
	Log func(request, stream, line string)
	// Stdio are the standard streams where Log is nil: a nil one is at its end, or
	// discards.
	Stdio Stdio
}

// Stdio are the standard streams of a command.
type Stdio struct {
	In       io.Reader
	Out, Err io.Writer
	TTY      bool // they are a terminal
}

// Instance is a guest with its own memory and files. It holds one app, answers one
// request at a time and keeps its state between requests. Its methods are for one
// goroutine at a time.
type Instance struct {
	ID        string
	mod       api.Module
	guest     *abi.Guest
	sandbox   *wasi.Sandbox
	exchange  exchange
	stdout    *lines // nil where the streams are a command's
	stderr    *lines
	ctx       context.Context // of every call: names the sandbox and the exchange
	served    int
	condemned bool
}

// NewInstance makes a guest whose interpreter is not started yet.
func (img *Image) NewInstance(ctx context.Context, spec Spec) (*Instance, error) {
	i := &Instance{ID: spec.ID}
	if spec.Log != nil {
		i.stdout = &lines{exchange: &i.exchange, stream: "stdout", log: spec.Log}
		i.stderr = &lines{exchange: &i.exchange, stream: "stderr", log: spec.Log}
		spec.Stdio = Stdio{Out: i.stdout, Err: i.stderr}
	}
	sandbox, err := wasi.New(wasi.Config{
		Mounts: spec.Mounts,
		Stdin:  spec.Stdio.In,
		Stdout: spec.Stdio.Out,
		Stderr: spec.Stdio.Err,
		StdTTY: spec.Stdio.TTY,

		CPUTime: i.exchange.busy.total,
		Wait:    i.exchange.busy.wait,
	})
	if err != nil {
		return nil, fmt.Errorf("files of instance %s: %w", spec.ID, err)
	}
	i.sandbox = sandbox
	i.ctx = abi.WithHost(wasi.WithSandbox(context.Background(), sandbox), &i.exchange)
	if err := i.instantiate(ctx, img, spec.Memory); err != nil {
		i.Close()
		return nil, fmt.Errorf("instance %s: %w", spec.ID, err)
	}
	return i, nil
}

func (i *Instance) instantiate(ctx context.Context, img *Image, limit quotas.Bytes) error {
	i.sandbox.SetContext(ctx)
	mem, err := quotas.NewMemory(img.initialMemory(), limit)
	if err != nil {
		return err
	}
	cfg := wazero.NewModuleConfig().WithName("").WithStartFunctions("_initialize")
	if i.mod, err = img.runtime.InstantiateModule(mem.Context(i.ctx), img.compiled, cfg); err != nil {
		mem.Free()
		return stopped(err)
	}
	i.guest, err = abi.NewGuest(i.ctx, i.mod)
	return err
}

// Load starts the interpreter and imports the app that settings name. An exception
// of the import is a *LoadError. ctx ends what the guest waits for.
func (i *Instance) Load(ctx context.Context, settings *abi.Pairs) error {
	err := i.call(ctx, func() (abi.Outcome, error) { return i.guest.Start(i.ctx, 0) })
	if err == nil {
		err = i.call(ctx, func() (abi.Outcome, error) { return i.guest.Load(i.ctx, settings) })
	}
	if err == nil {
		return nil
	}
	i.condemned = true
	return &LoadError{Report: string(i.exchange.report), Err: err}
}

// LoadError says why an app could not be imported.
type LoadError struct {
	Report string // Python's traceback, or a sentence; may be empty
	Err    error  // the Stop it came to
}

func (e *LoadError) Error() string {
	if e.Report == "" {
		return fmt.Sprintf("the app cannot be loaded: %v", e.Err)
	}
	return "the app cannot be loaded: " + strings.TrimSpace(e.Report)
}

func (e *LoadError) Unwrap() error { return e.Err }

// Serve answers one request and returns when the app is done with it: nil, or an
// error that wraps the Stop or the Response's refusal that ended it. It blocks while
// the app runs; ctx ends what the app waits for, and tells its deadline.
func (i *Instance) Serve(ctx context.Context, req *Request, resp Response) error {
	i.exchange.begin(ctx, req, resp)
	i.served++
	err := i.call(ctx, func() (abi.Outcome, error) { return i.guest.Serve(i.ctx, req.Environ) })
	if i.exchange.err != nil {
		err = i.exchange.err
	}
	i.exchange.end()
	if errors.Is(err, ErrRaised) && ctx.Err() != nil {
		return fmt.Errorf("%w: %w", Ended(ctx), err)
	}
	return err
}

// Report returns the text of the exception that ended the last call, "" if there was
// none.
func (i *Instance) Report() string { return string(i.exchange.report) }

// Main runs Python as python3 would be run with the words that settings hold, and
// returns its exit code.
func (i *Instance) Main(ctx context.Context, settings *abi.Pairs) (int, error) {
	i.exchange.ctx = ctx
	i.sandbox.SetContext(ctx)
	i.exchange.busy.start()
	code, err := i.guest.Main(i.ctx, settings)
	i.condemned = true
	var exit *sys.ExitError
	if errors.As(err, &exit) {
		return int(exit.ExitCode()), nil
	}
	if err != nil {
		return 0, stopped(err)
	}
	return code, nil
}

// call runs one call of the guest and condemns the instance where it may not be
// called again.
func (i *Instance) call(ctx context.Context, f func() (abi.Outcome, error)) error {
	i.exchange.report = i.exchange.report[:0]
	i.exchange.ctx = ctx
	i.sandbox.SetContext(ctx)
	condemned := i.condemned
	i.condemned = true // unless the call comes back
	i.exchange.busy.start()
	outcome, err := f()
	i.exchange.busy.stop()
	i.stdout.flush()
	i.stderr.flush()
	if err != nil {
		return stopped(err)
	}
	i.condemned = condemned || !outcome.Reusable()
	switch outcome {
	case abi.OutcomeOK:
		return nil
	case abi.OutcomeRaised:
		return ErrRaised
	case abi.OutcomeMemory:
		return ErrMemory
	case abi.OutcomeExit:
		return ErrExited
	}
	return ErrFault
}

// stopped tells the end of the process from a trap. Of a trap only the first line is
// kept: what follows is the stack of a program that is not the tenant's.
func stopped(err error) error {
	var exit *sys.ExitError
	if errors.As(err, &exit) {
		return fmt.Errorf("%w, code %d", ErrExited, exit.ExitCode())
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	return fmt.Errorf("%w: %s", ErrFault, strings.TrimSuffix(line, " (recovered by wazero)"))
}

// Served returns how many requests the instance has begun to serve.
func (i *Instance) Served() int { return i.served }

// Condemned tells whether the instance must not be used again.
func (i *Instance) Condemned() bool { return i.condemned }

// Close frees what the instance holds. No call of it may be running.
func (i *Instance) Close() {
	if i.mod != nil {
		i.mod.Close(context.Background())
	}
	i.sandbox.Close()
}
