package front

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"wasgi/quotas"
	"wasgi/runtime"
	"wasgi/tenants"
)

// Each block is on its way before the next is asked for, with and without a length.
func TestABlockDoesNotWaitForTheNext(t *testing.T) {
	for name, headers := range map[string][]string{"chunked": nil, "with a length": {"Content-Length", "8"}} {
		for _, proto := range []string{"1.0", "1.1"} {
			t.Run(name+" HTTP/"+proto, func(t *testing.T) {
				seen := make(chan struct{})
				f := newFixture(t, patience, func(run context.Context, _ *runtime.Request, resp *response) error {
					err := errors.Join(begin(resp, "200 OK", headers...), resp.Write([]byte("tick"), false))
					select {
					case <-seen:
					case <-run.Done():
						return errors.New("the client has not seen the first block")
					}
					return errors.Join(err, resp.Write([]byte("tock"), true))
				})
				c := f.dial()
				c.send("GET / HTTP/"+proto+"\nHost: h", "")
				if err := c.SetDeadline(time.Now().Add(patience / 5)); err != nil {
					t.Fatal(err)
				}
				resp, err := http.ReadResponse(c.r, &http.Request{Method: "GET"})
				if err != nil {
					t.Fatal(err)
				}
				first := make([]byte, 4)
				if _, err := io.ReadFull(resp.Body, first); err != nil || string(first) != "tick" {
					t.Errorf("got %q, %v", first, err)
				}
				close(seen)
				if rest, err := io.ReadAll(resp.Body); err != nil || string(rest) != "tock" {
					t.Errorf("got %q, %v", rest, err)
				}
			})
		}
	}
}

func TestAClientThatGoesEndsTheApp(t *testing.T) {
	for _, proto := range []string{"1.0", "1.1"} {
		t.Run(proto, func(t *testing.T) {
			got := make(chan error, 1)
			f := newFixture(t, patience, func(_ context.Context, _ *runtime.Request, resp *response) error {
				err := begin(resp, "200 OK")
				for block := make([]byte, 8<<10); err == nil; {
					err = resp.Write(block, false)
				}
				got <- err
				return err
			})
			c := f.dial()
			c.send("GET / HTTP/"+proto+"\nHost: h", "")
			if _, err := c.r.ReadByte(); err != nil {
				t.Fatal(err)
			}
			c.Close()
			if err := <-got; !errors.Is(err, runtime.ErrGone) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// An app that is given up may come back when its connection has another request.
func TestAnAppThatComesBackTooLate(t *testing.T) {
	late, done := make(chan struct{}), make(chan struct{})
	f := newFixture(t, 20*time.Millisecond, func(run context.Context, req *runtime.Request, resp *response) error {
		if key(req, "PATH_INFO") == "/again" {
			return blocks(nil, "again")(run, req, resp)
		}
		defer close(done)
		<-late
		if err := begin(resp, "200 Late", "X-Late", "1"); !errors.Is(err, quotas.LimitTimeout) {
			t.Errorf("Start: %v", err)
		}
		if err := resp.Write([]byte("late"), true); !errors.Is(err, quotas.LimitTimeout) {
			t.Errorf("Write: %v", err)
		}
		if _, err := req.Body.Read(make([]byte, 10)); !errors.Is(err, runtime.ErrGone) {
			t.Errorf("Read: %v", err)
		}
		return nil
	})
	c := f.dial()
	body := strings.Repeat("b", 10<<10)
	c.send("POST / HTTP/1.1\nHost: h\nContent-Length: "+strconv.Itoa(len(body)), body)
	got, text, err := c.read("POST")
	if got.StatusCode != 504 || !strings.Contains(text, "the request's time is over") || err != nil {
		t.Errorf("got %d, %q, %v", got.StatusCode, text, err)
	}
	close(late)
	for range 10 {
		if !c.again() {
			t.Fatal("the connection takes no further request")
		}
	}
	<-done
}

func TestAStreamEndsAtTheDeadline(t *testing.T) {
	got := make(chan error, 1)
	f := newFixture(t, 20*time.Millisecond, func(run context.Context, _ *runtime.Request, resp *response) error {
		err := errors.Join(begin(resp, "200 OK"), resp.Write([]byte("tick"), false))
		<-run.Done()
		for err == nil {
			err = resp.Write([]byte("tick"), false)
			time.Sleep(time.Millisecond)
		}
		got <- err
		return err
	})
	c := f.dial()
	c.send("GET / HTTP/1.1\nHost: h", "")
	_, text, err := c.read("GET")
	if !strings.HasPrefix(text, "tick") || err == nil || !c.ended() {
		t.Errorf("got %.20q, %v", text, err)
	}
	if err := <-got; !errors.Is(err, quotas.LimitTimeout) && !errors.Is(err, runtime.ErrGone) {
		t.Errorf("the app got %v", err)
	}
	eventually(t, "the reason is logged", func() bool { return strings.Contains(f.logged(), "over the limit timeout") })
}

func TestStreamWaitsForItsReader(t *testing.T) {
	closed := make(chan int64, 1)
	h := tenants.DefaultHTTP()
	s := newStream(context.Background(), streamConfig{spool: &spool{http: &h}, holds: true, closed: func(sent int64, err error) error { closed <- sent; return err }})
	if err := s.write(make([]byte, streamAhead)); err != nil {
		t.Fatal(err)
	}
	wrote := make(chan error, 1)
	go func() { wrote <- s.write(make([]byte, 3*streamAhead)) }()
	total := 0
	for p := make([]byte, 1000); total < 4*streamAhead; {
		select {
		case err := <-wrote:
			if total < 3*streamAhead {
				t.Fatalf("the writer is through after %d bytes were read: %v", total, err)
			}
		default:
		}
		s.mu.Lock()
		if len(s.ahead) > streamAhead || cap(s.ahead) > 4*streamAhead {
			t.Fatalf("%d bytes ahead, room for %d", len(s.ahead), cap(s.ahead))
		}
		s.mu.Unlock()
		n, err := s.Read(p)
		if err != nil {
			t.Fatal(err)
		}
		total += n
	}
	s.finish(nil)
	if n, err := s.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("at the end %d, %v", n, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil || <-closed != 4*streamAhead || len(closed) != 0 {
		t.Errorf("closed wrongly: %v", err)
	}
	if err := s.write([]byte("x")); !errors.Is(err, runtime.ErrGone) {
		t.Errorf("a block after Close: %v", err)
	}
}
