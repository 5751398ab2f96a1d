package runtime

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"wasgi/abi"
	"wasgi/quotas"
)

func TestServeHandsTheResponseOn(t *testing.T) {
	g := newGuest(t, loadImage(t, scripted(t)))
	var a answer
	s := (&script{}).start("200 OK", "X-One", "1", "X-Two", "\xff").write("hel", 0).write("lo", 1).end(abi.OutcomeOK)
	if err := g.serve(s, &a); err != nil {
		t.Fatal(err)
	}
	if a.status != "200 OK" || !slices.Equal(a.headers, [][2]string{{"X-One", "1"}, {"X-Two", "\xff"}}) {
		t.Errorf("got %q with %q", a.status, a.headers)
	}
	if !slices.Equal(a.blocks, []string{"hel", "lo"}) || !a.whole {
		t.Errorf("got blocks %q, whole %v", a.blocks, a.whole)
	}
	if got := g.answers(3); !slices.Equal(got, []abi.Error{0, 0, 0}) {
		t.Errorf("the guest was told %d", got)
	}
	if g.Condemned() || g.Served() != 1 {
		t.Errorf("condemned %v, served %d", g.Condemned(), g.Served())
	}
}

// What a call comes to, and whether the instance may serve another.
func TestHowACallEnds(t *testing.T) {
	img := loadImage(t, scripted(t))
	for name, test := range map[string]struct {
		script    *script
		want      error
		text      string
		condemned bool
	}{
		"well":               {(&script{}).end(abi.OutcomeOK), nil, "", false},
		"an exception":       {(&script{}).end(abi.OutcomeRaised), ErrRaised, "", false},
		"sys.exit":           {(&script{}).end(abi.OutcomeExit), ErrExited, "", true},
		"a broken shim":      {(&script{}).end(abi.OutcomeBroken), ErrFault, "", true},
		"an unknown outcome": {(&script{}).end(77), ErrFault, "", true},
		"os._exit":           {(&script{}).do(opExit, 3), ErrExited, "code 3", true},
		"os._exit(0)":        {(&script{}).do(opExit, 0), ErrExited, "code 0", true},
		"a trap":             {(&script{}).do(opTrap), ErrFault, "unreachable", true},
		"deep recursion":     {(&script{}).do(opRecurse), quotas.LimitStack, "calls within calls took more than 32MiB", true},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGuest(t, img)
			err := g.serve(test.script, &answer{})
			if !errors.Is(err, test.want) {
				t.Fatalf("got %v, want %v", err, test.want)
			}
			if err != nil && (!strings.Contains(err.Error(), test.text) || strings.Contains(err.Error(), "\n")) {
				t.Errorf("the error is %q, want one line with %q", err, test.text)
			}
			if g.Condemned() != test.condemned {
				t.Errorf("condemned: %v, want %v", g.Condemned(), test.condemned)
			}
		})
	}
}

func TestAFaultStaysCondemned(t *testing.T) {
	g := newGuest(t, loadImage(t, scripted(t)))
	if err := g.serve((&script{}).end(abi.OutcomeBroken), &answer{}); !errors.Is(err, ErrFault) {
		t.Fatal(err)
	}
	if err := g.serve((&script{}).end(abi.OutcomeOK), &answer{}); err != nil {
		t.Fatal(err)
	}
	if !g.Condemned() {
		t.Error("a good request made a condemned instance sound")
	}
}

// A trap of one instance leaves the others of its image alone.
func TestATrapIsOneInstances(t *testing.T) {
	img := loadImage(t, scripted(t))
	a, b := newGuest(t, img), newGuest(t, img)
	if err := a.serve((&script{}).do(opTrap), &answer{}); !errors.Is(err, ErrFault) {
		t.Fatal(err)
	}
	if err := b.serve((&script{}).end(abi.OutcomeOK), &answer{}); err != nil {
		t.Error(err)
	}
}

// Memory that is not the guest's, named to each host function in each place.
func TestBadPointersEndTheCall(t *testing.T) {
	img := loadImage(t, scripted(t))
	const most = 1<<32 - 1
	ok := (&script{}).start("200 OK")
	for name, test := range map[string]struct {
		op   uint32
		args []uint32 // bad stands for the pointer, and for the length after it
	}{
		"input_read":              {opRead, []uint32{0, 1}},
		"response_start, status":  {opStart, []uint32{0, 1, dataAt, 8}},
		"response_start, headers": {opStart, []uint32{dataAt, 3, 0, 1}},
		"response_write":          {opWrite, []uint32{0, 1, 1}},
		"report":                  {opReport, []uint32{0, 1}},
		"pbkdf2, password":        {opPBKDF2, []uint32{4, 0, 1, dataAt, 8, 1, dataAt, 8}},
		"pbkdf2, salt":            {opPBKDF2, []uint32{4, dataAt, 8, 0, 1, 1, dataAt, 8}},
		"pbkdf2, out":             {opPBKDF2, []uint32{4, dataAt, 8, dataAt, 8, 1, 0, 1}},
		"scrypt, password":        {opScrypt, []uint32{0, 1, dataAt, 8, 2, 1, 1, dataAt, 8}},
		"scrypt, salt":            {opScrypt, []uint32{dataAt, 8, 0, 1, 2, 1, 1, dataAt, 8}},
		"scrypt, out":             {opScrypt, []uint32{dataAt, 8, dataAt, 8, 2, 1, 1, 0, 1}},
	} {
		for _, bad := range [][2]uint32{{memory, 1}, {memory - 1, 2}, {most, 1}, {0, most}, {most, most}, {1, most}, {memory + 1, most - memory}} {
			args := slices.Clone(test.args)
			for i := range len(args) - 1 {
				if args[i] == 0 && args[i+1] == 1 {
					args[i], args[i+1] = bad[0], bad[1]
					break
				}
			}
			g := newGuest(t, img)
			s := &script{steps: slices.Clone(ok.steps), data: ok.data}
			if test.op == opStart {
				s = &script{data: ok.data}
			}
			err := g.serve(s.do(test.op, args...).end(abi.OutcomeOK), &answer{})
			if !errors.Is(err, ErrFault) || !g.Condemned() {
				t.Errorf("%s(%d bytes at %#x): %v, condemned %v", name, bad[1], bad[0], err, g.Condemned())
			}
			if err != nil && !strings.Contains(err.Error(), "named memory that it does not have") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// The last byte of the memory is the guest's, and nothing at all may be anywhere.
func TestPointersAtTheEdgeAreTaken(t *testing.T) {
	g := newGuest(t, loadImage(t, scripted(t)))
	var a answer
	s := (&script{}).start("200 OK")
	s.do(opWrite, memory-1, 1, 0).do(opWrite, memory, 0, 0).do(opWrite, 1<<32-1, 0, 1).do(opReport, 1<<32-1, 0)
	if err := g.serve(s.end(abi.OutcomeOK), &a); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(a.blocks, []string{"\x00", "", ""}) {
		t.Errorf("got blocks %q", a.blocks)
	}
}

func TestMalformedHeadersAreRefused(t *testing.T) {
	img := loadImage(t, scripted(t))
	for name, headers := range map[string][]byte{
		"nothing":       nil,
		"half a header": {1, 0, 0, 0, 8, 0, 0},
		"a count":       {255, 255, 255, 255, 8, 0, 0, 0},
		"a length":      {1, 0, 0, 0, 16, 0, 0, 0, 255, 255, 255, 255, 1, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGuest(t, img)
			var a answer
			s := (&script{}).startRaw("200 OK", headers).end(abi.OutcomeOK)
			if err := g.serve(s, &a); err != nil {
				t.Error(err)
			}
			if got := g.answers(1)[0]; got != abi.ErrorInvalid || a.starts != 0 {
				t.Errorf("the guest was told %d, Start was called %d times", got, a.starts)
			}
		})
	}
}

func TestMemoryGrowsToTheLimitAndNoFurther(t *testing.T) {
	g := newGuest(t, loadImage(t, scripted(t)))
	s := (&script{}).do(opGrow, 3).do(opGrow, 2).do(opGrow, 1).do(opGrow, 1<<31).do(opGrow, 0)
	if err := g.serve(s.end(abi.OutcomeOK), &answer{}); err != nil {
		t.Fatal(err)
	}
	if got := g.answers(5); !slices.Equal(got, []abi.Error{-1, 2, -1, -1, 4}) {
		t.Errorf("memory.grow gave %d, want the pages before, -1 past the limit of 4", got)
	}
	if g.Condemned() {
		t.Error("a guest that asks for too much memory is condemned")
	}
	if got := g.mod.Memory().Size(); got != 4*64<<10 {
		t.Errorf("the memory has %d bytes", got)
	}
}

// A limit that the guest cannot even start with is an error, of this tenant only.
func TestAGuestThatDoesNotFitIsAnError(t *testing.T) {
	img := loadImage(t, scripted(t))
	for _, limit := range []quotas.Bytes{0, 1, quotas.PageSize, 2*quotas.PageSize - 1} {
		func() {
			defer func() {
				if p := recover(); p != nil {
					t.Errorf("a limit of %v panics: %v", limit, p)
				}
			}()
			i, err := img.NewInstance(context.Background(), Spec{Quota: quotaOf(limit)})
			if err == nil {
				i.Close()
				t.Errorf("a guest of 2 pages starts with %v", limit)
			}
		}()
	}
}

func TestGuestsOfAnotherKindAreRefused(t *testing.T) {
	const version = `(func (export "wasgi_abi") (result i32) (i32.const 3))`
	const initialize = `(func (export "_initialize"))`
	for name, test := range map[string]struct {
		old, new, want string
	}{
		"an older version": {version, strings.Replace(version, "const 3", "const 1", 1), "guest speaks version 1 of the ABI, the host 3: build both anew"},
		"a newer version":  {version, strings.Replace(version, "const 3", "const 4", 1), "guest speaks version 4 of the ABI"},
		"no version":       {`"wasgi_abi"`, `"other"`, `guest does not export "wasgi_abi"`},
		"no buffer":        {`"wasgi_buffer"`, `"other"`, `guest does not export "wasgi_buffer"`},
		"no start":         {`"wasgi_start"`, `"other"`, `guest does not export "wasgi_start"`},
		"no load":          {`"wasgi_load"`, `"other"`, `guest does not export "wasgi_load"`},
		"no serve":         {`"wasgi_serve"`, `"other"`, `guest does not export "wasgi_serve"`},
		"no main":          {`"wasgi_main"`, `"other"`, `guest does not export "wasgi_main"`},
		"no prepare":       {`"wasgi_prepare"`, `"other"`, `guest does not export "wasgi_prepare"`},
		"no freeze":        {`"wasgi_freeze"`, `"other"`, `guest does not export "wasgi_freeze"`},
		"no restored":      {`"wasgi_restored"`, `"other"`, `guest does not export "wasgi_restored"`},
		"no interrupt":     {`"wasgi_interrupt"`, `"other"`, `guest does not export "wasgi_interrupt"`},
		"a version traps":  {version, strings.Replace(version, "(i32.const 3)", "unreachable", 1), "guest's wasgi_abi: "},
		"a start traps":    {initialize, `(func (export "_initialize") unreachable)`, "unreachable"},
	} {
		t.Run(name, func(t *testing.T) {
			img := loadImage(t, scripted(t, test.old, test.new))
			i, err := img.NewInstance(context.Background(), Spec{ID: "guest-1", Quota: quotaOf(4 * quotas.PageSize)})
			if err == nil {
				i.Close()
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "instance guest-1: ") {
				t.Errorf("got %q, want %q", err, test.want)
			}
		})
	}
}

func TestMessagesTheGuestHasNoPlaceFor(t *testing.T) {
	const buffer = `(func (export "wasgi_buffer") (param i32) (result i32) (i32.const 0x10000))`
	for name, test := range map[string]struct {
		address, want string
	}{
		"none":              {"0", "guest has no memory for a message of"},
		"outside":           {"0x20000", "is outside its memory"},
		"partly outside":    {"0x1fff0", "is outside its memory"},
		"at the very end":   {"-1", "is outside its memory"},
		"a negative number": {"-65536", "is outside its memory"},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGuest(t, loadImage(t, scripted(t, buffer, strings.Replace(buffer, "0x10000", test.address, 1))))
			err := g.serve((&script{}).end(abi.OutcomeOK), &answer{})
			if !errors.Is(err, ErrFault) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if !g.Condemned() {
				t.Error("not condemned")
			}
		})
	}
}

func TestLoad(t *testing.T) {
	img := loadImage(t, scripted(t))
	t.Run("the app is there", func(t *testing.T) {
		g := newGuest(t, img)
		if err := g.Load(context.Background(), (&script{}).end(abi.OutcomeOK).message()); err != nil {
			t.Error(err)
		}
		if g.Condemned() {
			t.Error("condemned")
		}
	})
	for name, test := range map[string]struct {
		script *script
		want   error
		text   string
	}{
		"an exception with a report":    {(&script{}).report("Traceback\nImportError: x\n").end(abi.OutcomeRaised), ErrRaised, "the app cannot be loaded: Traceback\nImportError: x"},
		"an exception without a report": {(&script{}).end(abi.OutcomeRaised), ErrRaised, "the app cannot be loaded: the app raised an exception"},
		"sys.exit":                      {(&script{}).report("SystemExit").end(abi.OutcomeExit), ErrExited, "the app cannot be loaded: SystemExit"},
		"os._exit":                      {(&script{}).do(opExit, 1), ErrExited, "the app cannot be loaded: the app ended its process, code 1"},
		"a trap":                        {(&script{}).do(opTrap), ErrFault, "the app cannot be loaded: the app's interpreter broke: wasm error: unreachable"},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGuest(t, img)
			err := g.Load(context.Background(), test.script.message())
			var load *LoadError
			if !errors.As(err, &load) || !errors.Is(err, test.want) || err.Error() != test.text {
				t.Errorf("got %v, want %q", err, test.text)
			}
			if !g.Condemned() {
				t.Error("an instance without its app is not condemned")
			}
		})
	}
}

func TestAStartThatFailsImportsNothing(t *testing.T) {
	const start = `(func (export "wasgi_start") (param i32) (result i32) (i32.const 0))`
	g := newGuest(t, loadImage(t, scripted(t, start, strings.Replace(start, "const 0", "const 3", 1))))
	err := g.Load(context.Background(), (&script{}).print(1, "imported\n").end(abi.OutcomeOK).message())
	if !errors.Is(err, ErrFault) || len(g.log) != 0 || !g.Condemned() {
		t.Errorf("got %v, the guest printed %q, condemned %v", err, g.log, g.Condemned())
	}
}

func TestMainReturnsTheExitCode(t *testing.T) {
	img := loadImage(t, scripted(t))
	for name, test := range map[string]struct {
		script *script
		code   int
		want   error
	}{
		"0":       {(&script{}).do(opEnd, 0), 0, nil},
		"2":       {(&script{}).do(opEnd, 2), 2, nil},
		"exit(7)": {(&script{}).do(opExit, 7), 7, nil},
		"a trap":  {(&script{}).do(opTrap), 0, ErrFault},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGuest(t, img)
			code, err := g.Main(context.Background(), test.script.message())
			if code != test.code || !errors.Is(err, test.want) {
				t.Errorf("got %d, %v", code, err)
			}
			if !g.Condemned() {
				t.Error("a process that has ended is not condemned")
			}
		})
	}
}

func TestReportIsTheLastCalls(t *testing.T) {
	g := newGuest(t, loadImage(t, scripted(t)))
	if err := g.serve((&script{}).report("one").report("two").end(abi.OutcomeRaised), &answer{}); !errors.Is(err, ErrRaised) {
		t.Fatal(err)
	}
	if g.Report() != "two" {
		t.Errorf("got %q", g.Report())
	}
	if err := g.serve((&script{}).end(abi.OutcomeOK), &answer{}); err != nil {
		t.Fatal(err)
	}
	if g.Report() != "" {
		t.Errorf("a request has the report of the one before: %q", g.Report())
	}
}

// The text is the tenant's to choose, so what is kept of it is the host's.
func TestALongReportIsCut(t *testing.T) {
	var x exchange
	x.Report([]byte(strings.Repeat("a", 10<<20)))
	if len(x.report) > 256<<10 {
		t.Errorf("%d bytes of a report are kept", len(x.report))
	}
}

func TestWhatIsPrintedCarriesTheRequest(t *testing.T) {
	g := newGuest(t, loadImage(t, scripted(t)))
	settings := (&script{}).print(1, "importing\n").end(abi.OutcomeOK).message()
	if err := g.Load(context.Background(), settings); err != nil {
		t.Fatal(err)
	}
	s := (&script{}).print(1, "out\nhalf").print(2, "err\n").print(1, " line").end(abi.OutcomeOK)
	if err := g.serve(s, &answer{}); err != nil {
		t.Fatal(err)
	}
	want := []logged{{"", "stdout", "importing"}, {"r1", "stdout", "out"}, {"r1", "stderr", "err"}, {"r1", "stdout", "half line"}}
	if !slices.Equal(g.log, want) {
		t.Errorf("got %q, want %q", g.log, want)
	}
}

// What an import leaves without an end of line is not the first request's.
func TestWhatIsPrintedAtImportIsEndedByIt(t *testing.T) {
	g := newGuest(t, loadImage(t, scripted(t)))
	if err := g.Load(context.Background(), (&script{}).print(2, "importing").end(abi.OutcomeOK).message()); err != nil {
		t.Fatal(err)
	}
	if want := []logged{{"", "stderr", "importing"}}; !slices.Equal(g.log, want) {
		t.Errorf("got %q, want %q", g.log, want)
	}
}

func TestALineBeforeATrapIsLogged(t *testing.T) {
	g := newGuest(t, loadImage(t, scripted(t)))
	if err := g.serve((&script{}).print(2, "last words").do(opTrap), &answer{}); !errors.Is(err, ErrFault) {
		t.Fatal(err)
	}
	if want := []logged{{"r1", "stderr", "last words"}}; !slices.Equal(g.log, want) {
		t.Errorf("got %q, want %q", g.log, want)
	}
}
