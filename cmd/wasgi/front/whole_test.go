package front

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"wasgi/abi"
	"wasgi/runtime"
)

// sized answers with as many bytes as the path says, in one block.
func sized(_ context.Context, req *runtime.Request, resp *response) error {
	n, err := strconv.Atoi(strings.Trim(key(req, "PATH_INFO"), "/"))
	if err != nil {
		return err
	}
	if err := begin(resp, key(req, "QUERY_STRING")+" ", "Content-Type", "text/plain"); err != nil {
		return err
	}
	if err := resp.Write([]byte(strings.Repeat("b", n)), true); err != abi.Enough {
		return err
	}
	return nil
}

// A body in memory is whole and ends where it says, whether it goes out with the head or
// behind it, and what follows on the connection is another response.
func TestBodiesOfAnySize(t *testing.T) {
	f := newFixture(t, patience, sized)
	for _, version := range []string{"1.1", "1.0\nConnection: keep-alive"} {
		c := f.dial()
		for _, n := range []int{0, 1, leastTail - 1, leastTail, 4095, 4096, 4097, writeStep - 1, writeStep, writeStep + 1, wholeBody} {
			for _, ask := range []struct {
				method string
				status int
			}{{"GET", 200}, {"HEAD", 200}, {"GET", 404}, {"GET", 204}, {"GET", 304}} {
				c.send(ask.method+" /"+strconv.Itoa(n)+"?"+strconv.Itoa(ask.status)+" HTTP/"+version+"\nHost: h", "")
				resp, text, err := c.read(ask.method)
				want := n
				if ask.method == "HEAD" || isBodiless(ask.status) {
					want = 0
				}
				if err != nil || resp.StatusCode != ask.status || text != strings.Repeat("b", want) {
					t.Fatalf("%s of %d bytes, %d: %d, %d bytes, %v", ask.method, n, ask.status, resp.StatusCode, len(text), err)
				}
				if ask.status == http.StatusOK && resp.Header.Get("Content-Length") != strconv.Itoa(n) {
					t.Errorf("%s of %d bytes: %v", ask.method, n, resp.Header)
				}
			}
		}
	}
}

// Requests that come at once are answered in order, each with its own body.
func TestBodiesInOrder(t *testing.T) {
	f := newFixture(t, patience, sized)
	c := f.dial()
	var text strings.Builder
	for n := range 50 {
		text.WriteString("GET /" + strconv.Itoa(n*1000) + "?200 HTTP/1.1\r\nHost: h\r\n\r\n")
	}
	go io.WriteString(c, text.String())
	for n := range 50 {
		if _, text, err := c.read("GET"); err != nil || len(text) != n*1000 {
			t.Fatalf("%d: %d bytes, %v", n, len(text), err)
		}
	}
}

// A reason that is empty stays without words.
func TestEmptyReason(t *testing.T) {
	f := newFixture(t, patience, sized)
	for _, path := range []string{"/1?200", "/1?299", "/5000?404"} {
		c := f.dial()
		c.send("GET "+path+" HTTP/1.1\nHost: h", "")
		line, err := c.r.ReadString('\n')
		if want := "HTTP/1.1 " + path[strings.IndexByte(path, '?')+1:] + "  \r\n"; line != want || err != nil {
			t.Errorf("%q, %v, want %q", line, err, want)
		}
	}
}
