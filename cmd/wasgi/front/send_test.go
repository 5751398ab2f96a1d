package front

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"wasgi/runtime"
	"wasgi/tenants"
)

// bulk is more than a connection's buffers in the system hold, in bytes.
const bulk = 16 << 20

// pattern is n bytes in which none stands where another could.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := 0; i < n; i++ {
		b[i] = byte(i*7 + i>>8*13 + i>>16)
	}
	return b
}

// bulky answers with bulk bytes, in blocks of the size that the path tells; done is called
// when the last has been taken.
func bulky(body []byte, done func(error)) app {
	return func(run context.Context, req *runtime.Request, resp *response) error {
		if key(req, "PATH_INFO") == "/again" {
			return blocks(nil, "again")(run, req, resp)
		}
		size, _ := strconv.Atoi(key(req, "PATH_INFO")[1:])
		var headers []string
		if key(req, "QUERY_STRING") == "length" {
			headers = []string{"Content-Length", strconv.Itoa(len(body))}
		}
		err := begin(resp, "200 OK", headers...)
		for at := 0; at < len(body) && err == nil; at += size {
			end := min(at+size, len(body))
			err = resp.Write(body[at:end], end == len(body))
		}
		done(err)
		return err
	}
}

// hidden hands out connections that are nothing but that, as TLS's are.
type hidden struct{ net.Listener }

func (l hidden) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return struct{ net.Conn }{c}, nil
}

// listenAlso has the fixture served there too.
func (f *fixture) listenAlso(t *testing.T, network, address string, wrap func(net.Listener) net.Listener) net.Addr {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	go f.Serve(wrap(l))
	return l.Addr()
}

// noneKept waits until nothing is kept of bodies.
func (f *fixture) noneKept(t *testing.T) {
	t.Helper()
	eventually(t, "what was kept is given back", func() bool {
		return f.spool.memory.Load() == 0 && f.spool.disk.Load() == 0 && f.spool.files.Load() == 0
	})
}

// An app is done with its response long before its client has taken that, and what was kept
// of it is given back.
func TestAnAppDoesNotWaitForItsClient(t *testing.T) {
	body := pattern(bulk)
	for where, list := range map[string][]string{
		"tcp":  {"/65536 HTTP/1.1", "/65536?length HTTP/1.1", "/10000000?length HTTP/1.1", "/300000 HTTP/1.0", "/100000000 HTTP/1.1"},
		"unix": {"/65536 HTTP/1.1", "/65536?length HTTP/1.1"}, "hidden": {"/65536 HTTP/1.1", "/65536?length HTTP/1.1"},
	} {
		for _, how := range list {
			t.Run(where+" "+how, func(t *testing.T) {
				done := make(chan error, 1)
				h := tenants.DefaultHTTP()
				h.SpoolFolder = t.TempDir()
				f := newFixtureWith(t, patience, h, bulky(body, func(err error) { done <- err }))
				f.kept = true
				c := f.dialWhere(t, where)
				fmt.Fprintf(c, "GET %s\r\nHost: h\r\n\r\n", how)
				if err := <-done; err != nil {
					t.Error(err)
				}
				if f.spool.disk.Load() == 0 {
					t.Error("the client has all, or it is in memory")
				}
				got, text, err := c.read("GET")
				if got.StatusCode != 200 || err != nil || !bytes.Equal([]byte(text), body) {
					t.Errorf("got %d, %d bytes, %v", got.StatusCode, len(text), err)
				}
				if !got.Close && !c.again() {
					t.Error("the connection takes no further request")
				}
				f.noneKept(t)
				eventually(t, "the bytes are logged", func() bool { return bytes.Contains([]byte(f.logged()), []byte("bytes="+strconv.Itoa(bulk))) })
			})
		}
	}
}

func (f *fixture) dialWhere(t *testing.T, where string) *client {
	t.Helper()
	var at net.Addr
	switch where {
	case "unix":
		at = f.listenAlso(t, "unix", filepath.Join(t.TempDir(), "s"), func(l net.Listener) net.Listener { return l })
	case "hidden":
		at = f.listenAlso(t, "tcp", "127.0.0.1:0", func(l net.Listener) net.Listener { return hidden{l} })
	default:
		return f.dial()
	}
	c, err := net.Dial(at.Network(), at.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return newClient(t, c)
}

// Where there is no room in files, or the app streams, it waits for its client.
func TestAnAppWaitsForItsClient(t *testing.T) {
	body := pattern(bulk)
	for name, set := range map[string]func(h *tenants.HTTP, f *fixture){
		"no spool":    func(h *tenants.HTTP, f *fixture) { h.Spool, f.kept = 0, true },
		"a full one":  func(h *tenants.HTTP, f *fixture) { h.Spool, f.kept = 1<<20*spoolShare, true },
		"no file":     func(h *tenants.HTTP, f *fixture) { f.spool.mostFiles, f.kept = 0, true },
		"no folder":   func(h *tenants.HTTP, f *fixture) { h.SpoolFolder, f.kept = filepath.Join(h.SpoolFolder, "none"), true },
		"a streaming": func(*tenants.HTTP, *fixture) {},
	} {
		t.Run(name, func(t *testing.T) {
			done := make(chan error, 1)
			h := tenants.DefaultHTTP()
			h.SpoolFolder = t.TempDir()
			f := newFixtureWith(t, patience, h, bulky(body, func(err error) { done <- err }))
			set(&f.cfg.HTTP, f)
			c := f.dial()
			c.send("GET /65536 HTTP/1.1\nHost: h", "")
			select {
			case err := <-done:
				t.Errorf("the app has gone on, %v", err)
			case <-time.After(2 * stale):
			}
			if _, text, err := c.read("GET"); err != nil || !bytes.Equal([]byte(text), body) {
				t.Errorf("got %d bytes, %v", len(text), err)
			}
			if err := <-done; err != nil || !c.again() {
				t.Error(err, "or the connection takes no further request")
			}
			f.noneKept(t)
		})
	}
}

// Of an endless body so much is kept as one response may have of the spool. The app ends
// when its client goes, or takes nothing for the write timeout.
func TestAnEndlessBodyIsBounded(t *testing.T) {
	t.Run("it goes", func(t *testing.T) { endlessBody(t, tenants.DefaultHTTP().WriteTimeout, (*client).Close) })
	t.Run("it takes nothing", func(t *testing.T) {
		endlessBody(t, 300*time.Millisecond, func(*client) error { return nil })
	})
}

func endlessBody(t *testing.T, timeout time.Duration, end func(*client) error) {
	const share = 2 << 20
	got := make(chan error, 1)
	var made atomic.Int64
	h := tenants.DefaultHTTP()
	h.Spool, h.SpoolFolder, h.WriteTimeout = share*spoolShare, t.TempDir(), timeout
	f := newFixtureWith(t, patience, h, func(_ context.Context, _ *runtime.Request, resp *response) error {
		err := begin(resp, "200 OK", "Content-Type", "text/event-stream")
		for block := make([]byte, 8<<10); err == nil; made.Add(int64(len(block))) {
			err = resp.Write(block, false)
		}
		got <- err
		return err
	})
	f.kept = true
	c := f.dial()
	c.send("GET / HTTP/1.1\nHost: h", "")
	eventually(t, "the share is full", func() bool { return f.spool.disk.Load() > share-2*asidePiece })
	if err := end(c); err != nil {
		t.Error(err)
	}
	if err := <-got; !errors.Is(err, runtime.ErrGone) {
		t.Errorf("got %v", err)
	}
	if most := f.spool.disk.Load(); most > share || made.Load() > share+bulk {
		t.Errorf("%d bytes are in files, %d were made", most, made.Load())
	}
	f.noneKept(t)
}

// What a client does not take soon is not in memory.
func TestWhatIsStaleGoesToAFile(t *testing.T) {
	h := tenants.DefaultHTTP()
	h.SpoolFolder = t.TempDir()
	sp := &spool{http: &h, mostFiles: 1}
	s := newStream(context.Background(), streamConfig{spool: sp, holds: true, closed: func(_ int64, err error) error { return err }})
	body := pattern(60_000)
	if err := s.write(body); err != nil || sp.memory.Load() != streamAhead {
		t.Fatalf("%v, %d bytes of memory", err, sp.memory.Load())
	}
	s.finish(nil)
	eventually(t, "it is in a file", func() bool { return sp.memory.Load() == 0 && sp.disk.Load() == int64(len(body)) })
	if got, err := io.ReadAll(s); err != nil || !bytes.Equal(got, body) || sp.files.Load() != 0 {
		t.Errorf("%d bytes, %v, %d files", len(got), err, sp.files.Load())
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestAStaleRequestGoesToAFile(t *testing.T) {
	h := tenants.DefaultHTTP()
	h.SpoolFolder = t.TempDir()
	f := newFixtureWith(t, patience, h, reader(t))
	f.kept = true
	c := f.dial()
	c.send("POST / HTTP/1.1\nHost: h\nContent-Length: 60000", strings.Repeat("b", 50_000))
	eventually(t, "it is in a file", func() bool { return f.spool.memory.Load() == 0 && f.spool.disk.Load() == 50_000 })
	if _, err := io.WriteString(c, strings.Repeat("b", 10_000)); err != nil {
		t.Fatal(err)
	}
	if got, text, err := c.read("POST"); got.StatusCode != 200 || text[:6] != "60000 " || err != nil {
		t.Errorf("got %d, %q, %v", got.StatusCode, text, err)
	}
	f.noneKept(t)
}

// However blocks, reads and what there is room for meet, the bytes come in order.
func TestStreamKeepsOrder(t *testing.T) {
	body := pattern(3 << 20)
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 1))
		h := tenants.DefaultHTTP()
		h.Spool, h.SpoolFolder = h.Spool>>(4*r.IntN(5)), t.TempDir()
		sp := &spool{http: &h, mostFiles: int64(r.IntN(2))}
		sp.memory.Store(int64(r.IntN(2)) * mostAtHand)
		before := sp.memory.Load()
		s := newStream(context.Background(), streamConfig{spool: sp, holds: r.IntN(4) == 0, closed: func(_ int64, err error) error { return err }})
		go func() {
			r := rand.New(rand.NewPCG(seed, 2))
			for at := 0; at < len(body); {
				n := min(len(body)-at, 1+r.IntN(200_000))
				if err := s.write(body[at : at+n]); err != nil {
					t.Error(err)
				}
				at += n
			}
			s.last([]byte("end"))
			s.finish(nil)
		}()
		got, err := readUnevenly(s, r)
		if !bytes.Equal(got, append(body[:len(body):len(body)], "end"...)) || err != io.EOF {
			t.Errorf("seed %d: %d bytes, %v", seed, len(got), err)
		}
		if err := s.Close(); err != nil || sp.memory.Load() != before || sp.disk.Load() != 0 || sp.files.Load() != 0 {
			t.Errorf("seed %d: %v, or something is not given back", seed, err)
		}
	}
}

// A client that takes little of what is there is cut off as one that takes nothing, whether its
// app waits for it or not; one that is waiting for the app is not.
func TestAClientThatTakesLittle(t *testing.T) {
	body := pattern(bulk)
	for _, streaming := range []bool{false, true} {
		t.Run(fmt.Sprint("streaming ", streaming), func(t *testing.T) {
			h := tenants.DefaultHTTP()
			h.SpoolFolder, h.WriteTimeout = t.TempDir(), 300*time.Millisecond
			done := make(chan error, 1)
			f := newFixtureWith(t, patience, h, bulky(body, func(err error) { done <- err }))
			f.kept = !streaming
			c := f.dialWhere(t, "tcp")
			fmt.Fprint(c, "GET /65536 HTTP/1.1\r\nHost: h\r\n\r\n")
			stop := time.AfterFunc(patience, func() { c.Close() })
			go func() {
				for err := error(nil); err == nil; time.Sleep(5 * time.Millisecond) {
					_, err = c.Read(make([]byte, 128)) // 25 KB a second, a tenth of what it has to
				}
			}()
			if err := <-done; (err != nil) != streaming {
				t.Errorf("the app is told: %v", err)
			}
			f.noneKept(t)
			if !stop.Stop() {
				t.Error("it is still served")
			}
			c.Close()
		})
	}
	f := newFixtureWith(t, patience, func() tenants.HTTP {
		h := tenants.DefaultHTTP()
		h.WriteTimeout = 50 * time.Millisecond
		return h
	}(), func(_ context.Context, _ *runtime.Request, resp *response) error {
		err := begin(resp, "200 OK")
		for range 10 {
			time.Sleep(30 * time.Millisecond)
			err = errors.Join(err, resp.Write([]byte("tick"), false))
		}
		return err
	})
	c := f.dialWhere(t, "tcp")
	fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	if got, text, err := c.read("GET"); err != nil || got.StatusCode != http.StatusOK || string(text) != strings.Repeat("tick", 10) {
		t.Errorf("%v, %q, %v", got, text, err)
	}
}

// readUnevenly reads a stream in every way there is.
func readUnevenly(s *stream, r *rand.Rand) (got []byte, err error) {
	p := make([]byte, 100_000)
	for err == nil {
		if r.IntN(20) == 0 {
			time.Sleep(2 * writerPatience)
		}
		n := 0
		switch _, err = s.ready(); {
		case err != nil:
		case r.IntN(2) == 0:
			n, err = s.Read(p[:1+r.IntN(len(p))])
			got = append(got, p[:n]...)
		case s.inMemory():
			_, err = s.offer(func(b []byte) (int, error) {
				got = append(got, b[:len(b)/2+1]...)
				return len(b)/2 + 1, nil
			})
		default:
			_, err = s.offerFile(func(file *io.LimitedReader) (int64, error) {
				more, err := io.ReadAll(file)
				got = append(got, more...)
				return int64(len(more)), err
			}, int64(1+r.IntN(len(p))))
		}
	}
	return got, err
}

// One connection more than may be waits, until another one ends.
func TestConnectionsOfAll(t *testing.T) {
	h := tenants.DefaultHTTP()
	h.Connections = 3
	f := newFixtureWith(t, patience, h, blocks(nil, "again"))
	var open []*client
	for range 3 {
		c := f.dial()
		open = append(open, c)
		if !c.again() {
			t.Fatal("a connection within the limit is not served")
		}
	}
	late, later := f.dial(), f.dial()
	late.send("GET / HTTP/1.1\nHost: h", "")
	later.send("GET / HTTP/1.1\nHost: h", "")
	said := late.spoken()
	select {
	case <-open[0].spoken():
		t.Fatal("a connection that is open has ended")
	case <-said:
		t.Fatal("one beyond the limit is served")
	case <-time.After(100 * time.Millisecond):
	}
	open[1].Close()
	<-said
	if got, err := http.ReadResponse(late.r, nil); err != nil || got.StatusCode != 200 {
		t.Errorf("the one that waited: %v, %v", got, err)
	}
	// later waits still when the server ends
}

// spoken is closed when something comes, or the connection ends.
func (c *client) spoken() <-chan struct{} {
	said := make(chan struct{})
	go func() {
		defer close(said)
		c.r.Peek(1)
	}()
	return said
}
