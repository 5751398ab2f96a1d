package runtime

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"wasgi/abi"
	"wasgi/quotas"
	"wasgi/wasi"
)

func TestCallsOutOfOrderAreRefused(t *testing.T) {
	img := loadImage(t, scripted(t))
	const refused = abi.ErrorOrder
	for name, test := range map[string]struct {
		script *script
		want   []abi.Error
		blocks []string
	}{
		"a block before the head":   {(&script{}).write("a", 0).write("", 1), []abi.Error{refused, refused}, nil},
		"two heads":                 {(&script{}).start("200 OK").start("500 No"), []abi.Error{0, refused}, nil},
		"a head after a block":      {(&script{}).start("200 OK").write("a", 0).start("500 No"), []abi.Error{0, 0, refused}, []string{"a"}},
		"a head after the end":      {(&script{}).start("200 OK").write("a", 1).start("500 No"), []abi.Error{0, 0, refused}, []string{"a"}},
		"nothing after the end":     {(&script{}).start("200 OK").write("a", 1).write("", 1), []abi.Error{0, 0, 0}, []string{"a"}},
		"a block after the end":     {(&script{}).start("200 OK").write("a", 1).write("b", 0), []abi.Error{0, 0, abi.ErrorLength}, []string{"a"}},
		"the body after the answer": {(&script{}).start("200 OK").write("a", 1).do(opRead, dataAt, 1), []abi.Error{0, 0, 0}, []string{"a"}},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGuest(t, img)
			a := answer{}
			_ = g.serve(test.script.end(abi.OutcomeOK), &a) // the answers tell more
			if got := g.answers(len(test.want)); !slices.Equal(got, test.want) {
				t.Errorf("the guest was told %d, want %d", got, test.want)
			}
			if !slices.Equal(a.blocks, test.blocks) || a.starts > 1 || a.beforeHead {
				t.Errorf("the response got blocks %q, %d heads", a.blocks, a.starts)
			}
			if g.Condemned() {
				t.Error("a call out of order condemns the instance")
			}
		})
	}
}

// The numbers are the guest's, any.
func TestFilesThatCannotBeReadAreRefused(t *testing.T) {
	files, err := wasi.New(wasi.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	for _, p := range []phase{phaseIdle, phaseHead, phaseBody, phaseDone} {
		want := abi.ErrorOrder
		if p == phaseBody {
			want = abi.ErrorFile
		}
		for _, fd := range []uint32{0, 1, 3, 1 << 31, 1<<32 - 1} {
			for _, n := range []int64{-1, 1, 1<<63 - 1, -1 << 63} {
				x := &exchange{meter: &meter{}, files: files, phase: p}
				if e := x.ResponseFile(fd, n, n); e != want {
					t.Errorf("descriptor %d, offset and length %d, phase %d: %v, want %v", fd, n, p, e, want)
				}
			}
		}
	}
}

func TestOutsideOfARequestTheHostRefuses(t *testing.T) {
	g := newGuest(t, loadImage(t, scripted(t)))
	script := func() *script {
		return (&script{}).start("200 OK").write("a", 1).do(opRead, dataAt, 1).end(abi.OutcomeOK)
	}
	refused := []abi.Error{abi.ErrorOrder, abi.ErrorOrder, abi.ErrorOrder}
	if err := g.Load(context.Background(), script().message()); err != nil {
		t.Fatal(err)
	}
	if got := g.answers(3); !slices.Equal(got, refused) {
		t.Errorf("while loading it was told %d", got)
	}
	var a answer
	if err := g.serve(script(), &a); err != nil || len(a.blocks) != 1 {
		t.Fatalf("got %v, blocks %q", err, a.blocks)
	}
	if err := g.Load(context.Background(), script().message()); err != nil {
		t.Fatal(err)
	}
	if got := g.answers(3); !slices.Equal(got, refused) || len(a.blocks) != 1 {
		t.Errorf("after a request it was told %d, the response has %q", got, a.blocks)
	}
	if g.exchange.request != nil || g.exchange.response != nil {
		t.Error("the exchange keeps the request that is over")
	}
}

// An app may catch what the host refused its head with, and go on.
func TestAfterARefusedHeadNothingIsSent(t *testing.T) {
	g := newGuest(t, loadImage(t, scripted(t)))
	a := answer{startErr: abi.ErrorInvalid}
	err := g.serve((&script{}).start("200 OK").write("secret", 0).write("", 1).end(abi.OutcomeOK), &a)
	if !errors.Is(err, abi.ErrorInvalid) {
		t.Errorf("Serve returned %v", err)
	}
	if len(a.blocks) != 0 {
		t.Errorf("the response got blocks %q without a head", a.blocks)
	}
	for i, e := range g.answers(3) {
		if e == 0 {
			t.Errorf("step %d was not refused", i)
		}
	}
}

func TestWhatTheGuestIsToldOfARefusal(t *testing.T) {
	img := loadImage(t, scripted(t))
	for name, test := range map[string]struct {
		err  error
		want abi.Error
	}{
		"its own":             {abi.ErrorLimit, abi.ErrorLimit},
		"wrapped":             {fmt.Errorf("a header: %w", abi.ErrorInvalid), abi.ErrorInvalid},
		"the deadline":        {quotas.LimitTimeout, abi.ErrorDeadline},
		"the context's":       {fmt.Errorf("write: %w", context.DeadlineExceeded), abi.ErrorDeadline},
		"a client that left":  {ErrGone, abi.ErrorGone},
		"a body cut short":    {io.ErrUnexpectedEOF, abi.ErrorBody},
		"anything of the net": {errors.New("connection reset by peer"), abi.ErrorGone},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGuest(t, img)
			err := g.serve((&script{}).start("200 OK").write("a", 0).end(abi.OutcomeRaised), &answer{writeErr: test.err})
			if got := g.answers(2); !slices.Equal(got, []abi.Error{0, test.want}) {
				t.Errorf("for a block it was told %d, want %d", got, test.want)
			}
			if !errors.Is(err, test.err) || g.Condemned() {
				t.Errorf("Serve returned %v, condemned %v", err, g.Condemned())
			}
			req := &Request{Environ: (&script{}).do(opRead, dataAt, 1).end(abi.OutcomeRaised).message(), Body: iotest.ErrReader(test.err)}
			err = g.Serve(context.Background(), req, &answer{})
			if got := g.answers(1)[0]; got != test.want || !errors.Is(err, test.err) {
				t.Errorf("for the body it was told %d, Serve returned %v", got, err)
			}
		})
	}
}

func TestTheFirstRefusalIsTheReason(t *testing.T) {
	g := newGuest(t, loadImage(t, scripted(t)))
	req := &Request{Body: iotest.ErrReader(abi.ErrorLimit)}
	req.Environ = (&script{}).do(opRead, dataAt, 1).start("200 OK").end(abi.OutcomeRaised).message()
	err := g.Serve(context.Background(), req, &answer{startErr: ErrGone})
	if !errors.Is(err, abi.ErrorLimit) {
		t.Errorf("got %v", err)
	}
	if err := g.serve((&script{}).end(abi.OutcomeOK), &answer{}); err != nil {
		t.Errorf("the next request has the reason still: %v", err)
	}
}

func TestEnoughIsNoFailure(t *testing.T) {
	g := newGuest(t, loadImage(t, scripted(t)))
	err := g.serve((&script{}).start("200 OK").write("a", 0).end(abi.OutcomeOK), &answer{writeErr: abi.Enough})
	if err != nil || g.answers(2)[1] != abi.Enough {
		t.Errorf("got %v, the guest was told %d", err, g.answers(2))
	}
}

// An exception that comes of the deadline is the deadline's.
func TestAnExceptionAfterTheDeadlineIsADeadline(t *testing.T) {
	g := newGuest(t, loadImage(t, scripted(t)))
	ctx, cancel := context.WithTimeout(context.Background(), 0)
	defer cancel()
	err := g.Serve(ctx, &Request{Environ: (&script{}).end(abi.OutcomeRaised).message()}, &answer{})
	if !errors.Is(err, quotas.LimitTimeout) || g.Condemned() {
		t.Errorf("got %v, condemned %v", err, g.Condemned())
	}
}

func TestTheBodyIsPulled(t *testing.T) {
	img := loadImage(t, scripted(t))
	for name, test := range map[string]struct {
		body io.Reader
		want []abi.Error // of reads of 4 bytes
		text string
	}{
		"none":                  {nil, []abi.Error{0, 0}, ""},
		"empty":                 {strings.NewReader(""), []abi.Error{0, 0}, ""},
		"whole":                 {strings.NewReader("abcdef"), []abi.Error{4, 2, 0, 0}, "abcdef"},
		"byte by byte":          {iotest.OneByteReader(strings.NewReader("abc")), []abi.Error{1, 1, 1, 0}, "abc"},
		"its end with its last": {iotest.DataErrReader(strings.NewReader("abcd")), []abi.Error{4, 0}, "abcd"},
		"after a pause":         {&hesitant{strings.NewReader("ab"), 3}, []abi.Error{2, 0}, "ab"},
		"cut short":             {io.MultiReader(strings.NewReader("abcd"), iotest.ErrReader(io.ErrUnexpectedEOF)), []abi.Error{4, abi.ErrorBody}, "abcd"},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGuest(t, img)
			s := &script{}
			s.do(opRead, 0, 0) // no room: nothing is read
			at := uint32(dataAt)
			for _, n := range test.want {
				s.do(opRead, at, 4)
				at += uint32(max(n, 0))
			}
			_ = g.Serve(context.Background(), &Request{Environ: s.end(abi.OutcomeOK).message(), Body: test.body}, &answer{}) // the answers tell
			if got := g.answers(1 + len(test.want)); !slices.Equal(got, append([]abi.Error{0}, test.want...)) {
				t.Errorf("reads gave %d, want %d", got, test.want)
			}
			if text, _ := g.mod.Memory().Read(dataAt, uint32(len(test.text))); string(text) != test.text {
				t.Errorf("the guest has %q, want %q", text, test.text)
			}
		})
	}
}

// hesitant returns nothing, and no error, a few times first: io.Reader allows it.
type hesitant struct {
	io.Reader
	times int
}

func (h *hesitant) Read(p []byte) (int, error) {
	if h.times--; h.times >= 0 {
		return 0, nil
	}
	return h.Reader.Read(p)
}
