package front

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"wasgi/runtime"
	"wasgi/tenants"
)

// mutants is how many mutated requests are sent over connections; the gate alone is given
// ten times as many.
func mutants(t *testing.T) int {
	text := os.Getenv("WASGI_FRONT_MUTANTS")
	if text == "" {
		return 10_000
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("WASGI_FRONT_MUTANTS is %q, want a number", text)
	}
	return n
}

// seeds are requests to mutate: good ones and bad ones.
func seeds() [][]byte {
	list := [][]byte{
		[]byte(benchRequest),
		[]byte("POST /a%41?b HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Type: x\r\n\r\nabc"),
		[]byte("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\nTrailer: A\r\n\r\n5;a=\"b\"\r\nhello\r\n0\r\nA: b\r\n\r\n"),
		[]byte("HEAD http://u@h:80/x HTTP/1.0\r\nConnection: keep-alive\r\nHost: H:80\r\n\r\n"),
		[]byte("PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n0123456789"),
		[]byte("OPTIONS * HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 1.2.3.4\r\nForwarded: for=\"[::1]\";proto=https\r\n\r\n"),
		[]byte("CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n\r\n"),
	}
	for _, text := range invalid() {
		list = append(list, []byte(text))
	}
	slices.SortFunc(list, bytes.Compare) // the same for the same seed of chance
	return list
}

// mutate changes a request in one to four places, or joins two.
func mutate(r *rand.Rand, seeds [][]byte) []byte {
	signs := []string{"\r", "\n", "\r\n", "\x00", " ", "\t", ":", ",", ";", "\"", "\xff", "0", "-", "+", "chunked", "Host: i\r\n", "Content-Length: 5\r\n",
		"Transfer-Encoding: chunked\r\n", "HTTP/1.1", "http://", "\r\n\r\n", "ffffffffffffffff"}
	pick := func() []byte { return seeds[r.IntN(len(seeds))] }
	text := bytes.Clone(pick())
	for range 1 + r.IntN(4) {
		at := r.IntN(len(text) + 1)
		switch r.IntN(6) {
		case 0:
			text = slices.Insert(text, at, []byte(signs[r.IntN(len(signs))])...)
		case 1:
			text = slices.Delete(text, at, min(len(text), at+1+r.IntN(8)))
		case 2:
			if at < len(text) {
				text[at] = byte(r.IntN(256))
			}
		case 3:
			text = append(text[:at:at], pick()...)
		case 4:
			text = slices.Insert(text, at, text[at:min(len(text), at+r.IntN(32))]...)
		case 5:
			if at < len(text) {
				text[at] ^= 1 << r.IntN(8)
			}
		}
	}
	return text
}

// TestGateAlone gives the gate mutated requests: it takes them or refuses them, and what it
// takes is in order.
func TestGateAlone(t *testing.T) {
	r, seeds := rand.New(rand.NewPCG(1, 2)), seeds()
	taken := 0
	n := 10 * mutants(t)
	for range n {
		text := mutate(r, seeds)
		request, _, err := parsed(text, 1+r.IntN(200), r.IntN(2) == 0)
		var no refusal
		switch {
		case err == nil:
			judge(t, request)
			taken++
		case err != io.ErrUnexpectedEOF && !errors.As(err, &no):
			t.Fatalf("%q: %v", text, err)
		}
		if t.Failed() {
			t.Fatalf("%q", text)
		}
	}
	t.Logf("%d of %d were taken", taken, n)
}

// TestMutatedRequests sends mutated requests over connections: the server answers them all,
// or ends the connection, never more often than it was asked, and nothing of it is left.
func TestMutatedRequests(t *testing.T) {
	h := tenants.DefaultHTTP()
	h.HeaderTimeout, h.BodyTimeout, h.IdleTimeout = 200*time.Millisecond, 200*time.Millisecond, 200*time.Millisecond
	f := newFixtureWith(t, patience, h, func(_ context.Context, req *runtime.Request, resp *response) error {
		if req.Body != nil {
			io.Copy(io.Discard, req.Body)
		}
		return errors.Join(begin(resp, "200 OK"), resp.Write([]byte("taken"), true))
	})
	f.kept = true
	var faults faultLog
	f.cfg.Log = slog.New(slog.NewTextHandler(&faults, &slog.HandlerOptions{Level: slog.LevelWarn}))
	before := descriptors(t)
	var senders sync.WaitGroup
	seeds, n := seeds(), mutants(t)
	for worker := range 16 {
		senders.Go(func() { sendMutants(t, f.address, rand.New(rand.NewPCG(3, uint64(worker))), seeds, n/16) })
	}
	senders.Wait()
	if codes, _ := f.answerTo("GET / HTTP/1.1\r\nHost: h\r\n\r\n"); !slices.Equal(codes, []int{200}) {
		t.Errorf("a good request is answered %v", codes)
	}
	eventually(t, "the descriptors are given back", func() bool { return descriptors(t) <= before+2 })
	if text := faults.String(); text != "" {
		t.Errorf("the server complains: %.2000s", text)
	}
}

// sendMutants sends requests, each after the answer to the one before, and begins a new
// connection where that is closed.
func sendMutants(t *testing.T, address string, r *rand.Rand, seeds [][]byte, n int) {
	answer := make([]byte, 64<<10)
	for range n {
		text := mutate(r, seeds)
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Error(err)
			return
		}
		c.SetDeadline(time.Now().Add(patience))
		c.Write(text) // the server may have closed
		c.(*net.TCPConn).CloseWrite()
		size := 0
		for err = nil; err == nil && size < len(answer); {
			var more int
			more, err = c.Read(answer[size:])
			size += more
		}
		c.(*net.TCPConn).SetLinger(0) // no port is left waiting
		c.Close()
		answers := bytes.Count(answer[:size], []byte("HTTP/1.1 ")) - bytes.Count(answer[:size], []byte("HTTP/1.1 100 "))
		if asked := 1 + bytes.Count(text, []byte("\n")); answers > asked || answers > 0 && len(bytes.TrimPrefix(text, []byte("\r\n"))) == 0 {
			t.Errorf("%q has %d answers: %.500q", text, answers, answer[:size])
		}
		if size > 0 && !bytes.HasPrefix(answer, []byte("HTTP/1.1 ")) || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%q is answered %.500q, %v", text, answer[:size], err)
		}
	}
}

// faultLog keeps what a server complains of.
type faultLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *faultLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *faultLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// descriptors counts those that the process has open.
func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", os.Getpid()))
	if err != nil {
		t.Skip("needs /proc")
	}
	return len(list)
}
