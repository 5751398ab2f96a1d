package runtime

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/tetratelabs/wazero/sys"

	"wasgi/abi"
	"wasgi/quotas"
	"wasgi/wasi"
)

// Spec says what an instance is made of. The zero value is a guest with no files
// whose output is discarded.
type Spec struct {
	ID      string          // names the instance in logs
	Quota   quotas.Quota    // what it may use; in Main, memory and stack alone count
	Account *quotas.Account // who pays for it. Nil: one of its own
	Budget  *quotas.Budget  // where its memory is taken from. Nil: there is enough
	// HashSeed makes two instances lay out their sets and dicts alike. 0: each has a
	// secret of its own.
	HashSeed uint32
	Mounts   []wasi.Mount // what the guest sees as its files
	Tmp      *wasi.Tmp    // which of them is its own, in memory; may be nil
	// Left returns what is left of a limit that the instance does not know of itself,
	// -1 where there is none. May be nil.
	Left func(quotas.Limit) int64
	// Closed is called when the instance is closed. May be nil.
	Closed func()
	// Refused tell how often limits that the instance does not know of itself were met.
	Refused map[quotas.Limit]func() int64
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
	*slot     // that it is in; nil after Close
	slots     *slots
	sandbox   *wasi.Sandbox
	exchange  exchange
	meter     meter
	quota     quotas.Quota
	hashSeed  uint32
	closed    func()
	tmp       *wasi.Tmp
	snapshot  *Snapshot // nil where the app was imported in this very guest
	stdout    *lines    // nil where the streams are a command's
	stderr    *lines
	ctx       context.Context // of every call: names the sandbox and the exchange
	served    int
	idle      time.Time // since when, where its pool has it
	condemned bool      // its slot must not be used again either
	ended     bool      // it is a snapshot
}

// NewInstance makes a guest whose interpreter is not started yet.
func (img *Image) NewInstance(ctx context.Context, spec Spec) (*Instance, error) {
	i, err := img.prepare(spec, nil)
	if err != nil {
		return nil, err
	}
	if i.slot, err = img.newSlot(spec.Quota.Memory, spec.Budget); err == nil {
		i.settleIn(ctx, spec)
		err = i.run(ctx, func() error { return i.initialize(img) })
	}
	if err != nil {
		i.condemned = true
		i.Close()
		return nil, fmt.Errorf("instance %s: %w", spec.ID, err)
	}
	return i, nil
}

// prepare makes an instance without a slot, with files as a snapshot has them open, or nil.
func (img *Image) prepare(spec Spec, files *wasi.State) (*Instance, error) {
	i := &Instance{ID: spec.ID, slots: &img.slots, quota: spec.Quota, hashSeed: spec.HashSeed, closed: spec.Closed, tmp: spec.Tmp}
	i.exchange.meter = &i.meter
	if spec.Log != nil {
		i.stdout = &lines{exchange: &i.exchange, stream: "stdout", log: spec.Log}
		i.stderr = &lines{exchange: &i.exchange, stream: "stderr", log: spec.Log}
		spec.Stdio = Stdio{Out: i.stdout, Err: i.stderr}
	}
	sandbox, err := wasi.New(wasi.Config{
		State:  files,
		Mounts: spec.Mounts,
		Stdin:  spec.Stdio.In,
		Stdout: spec.Stdio.Out,
		Stderr: spec.Stdio.Err,
		StdTTY: spec.Stdio.TTY,

		CPUTime: i.meter.cpuTotal,
		Wait:    i.meter.wait,
		Work:    i.meter.work,
	})
	if err != nil {
		return nil, fmt.Errorf("files of instance %s: %w", spec.ID, err)
	}
	i.sandbox, i.exchange.files = sandbox, sandbox
	i.ctx = abi.WithHost(wasi.WithSandbox(context.Background(), sandbox), &i.exchange)
	return i, nil
}

// settleIn has the meter count what is done in the slot.
func (i *Instance) settleIn(ctx context.Context, spec Spec) {
	i.meter.cut = i.waitNoMore
	i.meter.attach(i.slot, spec)
	i.meter.begin(ctx, i.startup(), quotas.Usage{}, new([]quotas.Limit))
}

// initialize brings the guest's memory to where its functions can be called.
func (i *Instance) initialize(img *Image) error {
	calls := []string{abi.MeterData, "_initialize"}
	if !img.metered {
		calls = calls[1:]
	}
	for _, name := range calls {
		f := i.mod.ExportedFunction(name)
		if f == nil {
			return fmt.Errorf("guest does not export %q", name)
		}
		if err := f.CallWithStack(i.ctx, nil); err != nil {
			return stopped(err)
		}
	}
	return i.guest.Greet(i.ctx)
}

// waitNoMore ends what the guest waits for, now and until its call is over.
func (i *Instance) waitNoMore() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	i.sandbox.SetContext(ctx)
}

// startup is what importing the app may use.
func (i *Instance) startup() allowance {
	return allowance{
		cpu: i.quota.StartupCPU, cpuLimit: quotas.LimitStartupCPU,
		timeout: i.quota.StartupTimeout, timeLimit: quotas.LimitStartupTimeout, throttled: true,
	}
}

// request is what one request may use.
func (i *Instance) request() allowance {
	return allowance{
		cpu: i.quota.CPU, cpuLimit: quotas.LimitCPU,
		timeout: i.quota.Timeout, timeLimit: quotas.LimitTimeout, throttled: true,
		in: i.quota.RequestBody, out: i.quota.ResponseBody,
	}
}

// Load starts the interpreter, if no base snapshot has it up, and imports the app that
// settings name. An exception of the import is a *LoadError. ctx ends what the guest waits
// for. The instance then either becomes a snapshot, or is asked to Begin.
func (i *Instance) Load(ctx context.Context, settings *abi.Pairs) error {
	i.meter.begin(ctx, i.startup(), i.meter.usage, i.meter.hits)
	var err error
	if i.snapshot == nil {
		err = i.call(ctx, func() (abi.Outcome, error) { return i.guest.Start(i.ctx, i.hashSeed) })
	}
	i.snapshot = nil // what it goes back to is not without its app
	if err == nil {
		err = i.call(ctx, func() (abi.Outcome, error) { return i.guest.Load(i.ctx, settings) })
	}
	if err == nil {
		return nil
	}
	i.condemned = true
	return &LoadError{Report: string(i.exchange.report), Err: err}
}

// Begin makes an instance whose app was imported in it ready to serve.
func (i *Instance) Begin(ctx context.Context) error { return i.restored(ctx, i.meter.usage) }

// Usage returns what the last call, or making the instance, has used.
func (i *Instance) Usage() quotas.Usage { return i.meter.usage }

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
// error that wraps the Stop, the quotas.Limit or the Response's refusal that ended it. It
// blocks while the app runs; ctx ends the app, and tells its deadline. What the request
// has used is added to req.Usage, limits that it met to req.Hits.
func (i *Instance) Serve(ctx context.Context, req *Request, resp Response) error {
	req.Wait = i.meter.exchange
	i.exchange.begin(ctx, req, resp)
	i.served++
	i.meter.begin(ctx, i.request(), req.Usage, &req.Hits)
	err := i.call(ctx, func() (abi.Outcome, error) { return i.guest.Serve(i.ctx, req.Environ) })
	i.meter.observe()
	req.Usage = i.meter.usage
	if i.exchange.err != nil && !errors.As(err, new(*quotas.Exceeded)) {
		err = i.exchange.err
	}
	i.exchange.end()
	return err
}

// Report returns the text of the exception that ended the last call, "" if there was
// none.
func (i *Instance) Report() string { return string(i.exchange.report) }

// Main runs Python as python3 would be run with the words that settings hold, and
// returns its exit code.
func (i *Instance) Main(ctx context.Context, settings *abi.Pairs) (int, error) {
	i.meter.begin(ctx, allowance{timeLimit: quotas.LimitTimeout}, i.meter.usage, i.meter.hits)
	i.condemned = true
	var code int
	err := i.run(ctx, func() (err error) {
		code, err = i.guest.Main(i.ctx, settings)
		return err
	})
	var exit *sys.ExitError
	if errors.As(err, &exit) {
		return int(exit.ExitCode()), nil
	}
	if err != nil {
		return 0, stopped(err)
	}
	return code, nil
}

// run runs the guest, which waits for its turn, and counts what it uses. A guest whose
// turn does not come in time has not run: notRun.
func (i *Instance) run(ctx context.Context, f func() error) error {
	i.exchange.ctx = ctx
	i.sandbox.SetContext(ctx)
	if err := i.meter.enter(); err != nil {
		return notRun{err}
	}
	defer i.meter.leave()
	return f()
}

// notRun is why a guest has not run.
type notRun struct{ error }

func (n notRun) Unwrap() error { return n.error }

// call runs one call of the guest and condemns the instance where it may not be
// called again: also after an interrupt, for an exception that can strike anywhere
// leaves nothing that can be relied on.
func (i *Instance) call(ctx context.Context, f func() (abi.Outcome, error)) error {
	i.exchange.report = i.exchange.report[:0]
	condemned := i.condemned
	i.condemned = true // unless the call comes back
	var outcome abi.Outcome
	err := i.run(ctx, func() (err error) {
		outcome, err = f()
		return err
	})
	i.stdout.flush()
	i.stderr.flush()
	if errors.As(err, new(notRun)) {
		i.condemned = condemned
	}
	if err != nil {
		return stopped(err)
	}
	if err := i.guest.TrimStack(); err != nil {
		return err
	}
	i.meter.grown()
	i.condemned = condemned || !outcome.Reusable() || i.meter.interrupted != nil
	return i.came(outcome)
}

// came returns the error that an outcome stands for.
func (i *Instance) came(outcome abi.Outcome) error {
	switch outcome {
	case abi.OutcomeOK:
		return nil
	case abi.OutcomeInterrupted:
		return i.meter.interrupted
	case abi.OutcomeRaised:
		return i.meter.raised()
	case abi.OutcomeMemory:
		return &quotas.Exceeded{Limit: quotas.LimitMemory, Detail: fmt.Sprintf("needed more than %v", i.quota.Memory)}
	case abi.OutcomeExit:
		return ErrExited
	}
	return ErrFault
}

// stopped tells the end of the process from a trap. Of a trap only the first line is
// kept: what follows is the stack of a program that is not the tenant's.
func stopped(err error) error {
	var over *ended
	if errors.As(err, &over) {
		return over.why
	}
	var stop Stop
	var exceeded *quotas.Exceeded
	if errors.As(err, &stop) || errors.As(err, &exceeded) {
		return err
	}
	var exit *sys.ExitError
	if errors.As(err, &exit) {
		return fmt.Errorf("%w, code %d", ErrExited, exit.ExitCode())
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	if strings.Contains(line, "stack overflow") {
		return fmt.Errorf("%w: %w", ErrFault, &quotas.Exceeded{Limit: quotas.LimitStack, Detail: "calls within calls took all there is"})
	}
	return fmt.Errorf("%w: %s", ErrFault, strings.TrimSuffix(line, " (recovered by wazero)"))
}

// Served returns how many requests the instance has begun to serve.
func (i *Instance) Served() int { return i.served }

// Condemned tells whether the instance must not be used again.
func (i *Instance) Condemned() bool { return i.condemned || i.ended }

// Close frees what the instance holds. Its slot is another's then, if nothing has gone
// wrong in it. No call of it may be running.
func (i *Instance) Close() {
	i.sandbox.Close()
	i.meter.detach()
	switch s := i.slot; {
	case s == nil:
	case i.condemned:
		s.close()
	default:
		i.slots.put(s)
	}
	i.slot = nil
	if i.closed != nil {
		i.closed()
	}
}
