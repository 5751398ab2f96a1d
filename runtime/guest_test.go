package runtime

import (
	"context"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"wasgi/abi"
	"wasgi/quotas"
)

// assemble returns the module that a .wat text stands for.
func assemble(t testing.TB, wat string) []byte {
	t.Helper()
	tool, err := exec.LookPath("wat2wasm")
	if err != nil {
		t.Fatal(`needs wat2wasm: run "make test", or install wabt`)
	}
	dir := t.TempDir()
	from, to := filepath.Join(dir, "guest.wat"), filepath.Join(dir, "guest.wasm")
	if err := os.WriteFile(from, []byte(wat), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(tool, from, "-o", to).CombinedOutput(); err != nil {
		t.Fatalf("wat2wasm: %v\n%s", err, out)
	}
	wasm, err := os.ReadFile(to)
	if err != nil {
		t.Fatal(err)
	}
	return wasm
}

// scripted is the guest of testdata/script.wat, with changes: old, new, old, new, ….
func scripted(t testing.TB, changes ...string) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/script.wat")
	if err != nil {
		t.Fatal(err)
	}
	wat := string(text)
	for i := 0; i < len(changes); i += 2 {
		if strings.Count(wat, changes[i]) != 1 {
			t.Fatalf("%q does not stand once in script.wat", changes[i])
		}
		wat = strings.Replace(wat, changes[i], changes[i+1], 1)
	}
	return assemble(t, wat)
}

func loadImage(t testing.TB, wasm []byte) *Image {
	t.Helper()
	img, err := LoadImage(context.Background(), ImageConfig{Wasm: wasm})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := img.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return img
}

// logged is one line that a guest printed.
type logged struct{ request, stream, line string }

// guest is an instance of script.wat and what it has printed.
type guest struct {
	*Instance
	t   testing.TB
	log []logged
}

func newGuest(t testing.TB, img *Image) *guest {
	t.Helper()
	return newGuestOf(t, img, Spec{Quota: quotaOf(4 * quotas.PageSize)})
}

// newGuestOf makes a guest with the limits of spec.
func newGuestOf(t testing.TB, img *Image, spec Spec) *guest {
	t.Helper()
	g := &guest{t: t}
	i, err := img.NewInstance(context.Background(), Spec{
		ID: "guest-1", Quota: spec.Quota, Account: spec.Account, Budget: spec.Budget, Left: spec.Left, Refused: spec.Refused,
		Log: func(request, stream, line string) { g.log = append(g.log, logged{request, stream, line}) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(i.Close)
	g.Instance = i
	return g
}

// serve lets the guest do s in a request.
func (g *guest) serve(s *script, resp Response) error {
	g.t.Helper()
	return g.Serve(context.Background(), &Request{ID: "r1", Environ: s.message()}, resp)
}

// answers returns what the host answered to the first n steps.
func (g *guest) answers(n int) []abi.Error {
	g.t.Helper()
	var list []abi.Error
	for i := range n {
		v, ok := g.mod.Memory().ReadUint32Le(uint32(0x400 + 4*i))
		if !ok {
			g.t.Fatal("the guest's memory is gone")
		}
		list = append(list, abi.Error(int32(v)))
	}
	return list
}

// What script.wat can do.
const (
	opEnd = iota
	opRead
	opStart
	opWrite
	opReport
	opPBKDF2
	opScrypt
	opTrap
	opRecurse
	opExit
	opPrint
	opGrow
	opSpin  // until interrupted
	opCount // down to 0
	opLeft  // of a limit
)

// Where script.wat has things: its first step, and the bytes they name.
const (
	stepsAt = 0x10010
	dataAt  = stepsAt + 0x1000
	memory  = 2 * 64 << 10 // where it ends
)

// script is a list of steps for script.wat.
type script struct {
	steps, data []byte
}

// put places b in the guest's memory.
func (s *script) put(b []byte) (ptr, n uint32) {
	ptr = uint32(dataAt + len(s.data))
	s.data = append(s.data, b...)
	return ptr, uint32(len(b))
}

func (s *script) do(op uint32, args ...uint32) *script {
	var words [10]uint32
	words[0] = op
	copy(words[1:], args)
	for _, w := range words {
		s.steps = binary.LittleEndian.AppendUint32(s.steps, w)
	}
	return s
}

// start begins a response; headers are name, value, name, ….
func (s *script) start(status string, headers ...string) *script {
	p := &abi.Pairs{}
	for i := 0; i < len(headers); i += 2 {
		p.Add(headers[i], headers[i+1])
	}
	return s.startRaw(status, p.Bytes())
}

func (s *script) startRaw(status string, headers []byte) *script {
	at, n := s.put([]byte(status))
	headersAt, headersLen := s.put(headers)
	return s.do(opStart, at, n, headersAt, headersLen)
}

func (s *script) write(block string, last uint32) *script {
	at, n := s.put([]byte(block))
	return s.do(opWrite, at, n, last)
}

func (s *script) report(text string) *script {
	at, n := s.put([]byte(text))
	return s.do(opReport, at, n)
}

// print writes to stdout, 1, or stderr, 2.
func (s *script) print(fd uint32, text string) *script {
	at, n := s.put([]byte(text))
	vector := binary.LittleEndian.AppendUint32(nil, at)
	vecAt, _ := s.put(binary.LittleEndian.AppendUint32(vector, n))
	return s.do(opPrint, fd, vecAt, 1, 0x800)
}

// end ends the call.
func (s *script) end(o abi.Outcome) *script { return s.do(opEnd, uint32(o)) }

// message is the script as an environ or as settings.
func (s *script) message() *abi.Pairs {
	p := &abi.Pairs{}
	value := p.Grow("", dataAt-stepsAt+len(s.data))
	if copy(value[:dataAt-stepsAt], s.steps) < len(s.steps) {
		panic("a script of too many steps")
	}
	copy(value[dataAt-stepsAt:], s.data)
	return p
}

// answer keeps a response, and refuses with the errors that are set.
type answer struct {
	status     string
	headers    [][2]string
	blocks     []string
	whole      bool
	startErr   error
	writeErr   error
	starts     int
	beforeHead bool // a block came first
}

func (a *answer) Start(status []byte, headers abi.View) error {
	a.starts++
	if a.startErr != nil {
		return a.startErr
	}
	a.status = string(status)
	for name, value := range headers.All() {
		a.headers = append(a.headers, [2]string{string(name), string(value)})
	}
	return nil
}

func (a *answer) Expect(int64) {}

func (a *answer) Write(block []byte, last bool) error {
	if a.status == "" {
		a.beforeHead = true
	}
	if a.writeErr != nil {
		return a.writeErr
	}
	a.blocks = append(a.blocks, string(block))
	a.whole = a.whole || last
	return nil
}

// quotaOf returns the usual quota with another memory, and time for slow machines.
func quotaOf(memory quotas.Bytes) quotas.Quota {
	q := quotas.Default()
	q.Memory, q.CPU = memory, time.Minute
	return q
}
