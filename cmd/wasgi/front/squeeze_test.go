package front

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	gzipcode "github.com/klauspost/compress/gzip"
	zstdcode "github.com/klauspost/compress/zstd"
	brotlicode "github.com/molecule-man/go-brrr"

	"wasgi/quotas"
	"wasgi/runtime"
)

// newSqueezed is a fixture whose responses are compressed.
func newSqueezed(t *testing.T, a app) *fixture {
	f := newFixture(t, patience, a)
	f.edge.Compress = true
	return f
}

// decoder reads what a coding has made.
func decoder(t *testing.T, c coding, r io.Reader) io.Reader {
	t.Helper()
	var d io.Reader
	var err error
	switch c {
	case gzip:
		d, err = gzipcode.NewReader(r)
	case brotli:
		d = brotlicode.NewReader(r)
	case zstd:
		d, err = zstdcode.NewReader(r, zstdcode.WithDecoderConcurrency(1))
	default:
		return r
	}
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestResponsesAreCompressed(t *testing.T) {
	text := strings.Repeat("compressible ", 1000)
	heads := map[string]struct {
		headers []string
		want    bool // compressed
	}{
		"text":             {[]string{"Content-Type", "text/html; charset=utf-8"}, true},
		"json":             {[]string{"Content-Type", "application/json"}, true},
		"problem":          {[]string{"content-type", "Application/Problem+JSON"}, true},
		"with a length":    {[]string{"Content-Type", "text/html", "Content-Length", strconv.Itoa(len(text))}, true},
		"public":           {[]string{"Content-Type", "text/html", "Cache-Control", "public, max-age=5"}, true},
		"no type":          {nil, false},
		"an image":         {[]string{"Content-Type", "image/png"}, false},
		"events":           {[]string{"Content-Type", "text/event-stream"}, false},
		"encoded":          {[]string{"Content-Type", "text/html", "Content-Encoding", "gzip"}, false},
		"off":              {[]string{"Content-Type", "text/html", "content-encoding", "Identity"}, false},
		"not to transform": {[]string{"Content-Type", "text/html", "cache-control", "max-age=1, no-Transform"}, false},
		"a part":           {[]string{"Content-Type", "text/html", "Content-Range", "bytes 0-1/2"}, false},
		"a digest":         {[]string{"Content-Type", "text/html", "Repr-Digest", "x"}, false},
	}
	f := newSqueezed(t, func(run context.Context, req *runtime.Request, resp *response) error {
		query, _ := unescape(key(req, "QUERY_STRING"))
		name, way, _ := strings.Cut(query, "/")
		headers := append([]string{"ETag", `"tag"`}, heads[name].headers...)
		if way == "whole" {
			return blocks(headers, text)(run, req, resp)
		}
		return blocks(headers, text[:5], "", text[5:3000], text[3000:])(run, req, resp)
	})
	for name, test := range heads {
		for _, way := range []string{"whole", "blocks"} {
			for _, c := range []coding{plain, gzip, brotli, zstd} {
				for _, method := range []string{"GET", "HEAD"} {
					what := method + " " + name + " in " + way + " as " + string(c)
					conn := f.dial()
					conn.send(method+" /?"+strings.ReplaceAll(name, " ", "%20")+"/"+way+" HTTP/1.1\nHost: h\nAccept-Encoding: "+string(c), "")
					resp, err := http.ReadResponse(conn.r, &http.Request{Method: method})
					if err != nil {
						t.Fatal(err)
					}
					raw, err := io.ReadAll(resp.Body)
					if err != nil {
						t.Errorf("%s: %v", what, err)
					}
					compressed := test.want && c != plain
					wantCoding, wantTag := "", `"tag"`
					if compressed {
						wantCoding, wantTag = string(c), `W/"tag"`
					} else if name == "encoded" {
						wantCoding = "gzip"
					}
					if got := resp.Header.Get("Content-Encoding"); got != wantCoding || resp.Header.Get("ETag") != wantTag {
						t.Errorf("%s: coding %q, tag %q", what, got, resp.Header.Get("ETag"))
					}
					if got := resp.Header.Get("Vary"); (got == "Accept-Encoding") != test.want {
						t.Errorf("%s: Vary %q", what, got)
					}
					if compressed {
						if way == "whole" && method == "GET" && resp.ContentLength != int64(len(raw)) || method == "HEAD" && resp.ContentLength > 0 {
							t.Errorf("%s: length %d", what, resp.ContentLength)
						}
						if method == "GET" && len(raw) > len(text)/4 {
							t.Errorf("%s: %d bytes", what, len(raw))
						}
						if method == "GET" {
							raw, err = io.ReadAll(decoder(t, c, bytes.NewReader(raw)))
						}
					}
					if method == "GET" && (string(raw) != text || err != nil) {
						t.Errorf("%s: %d bytes, %v", what, len(raw), err)
					}
					if !conn.again() {
						t.Errorf("%s: the connection takes no further request", what)
					}
					conn.Close()
				}
			}
		}
	}
}

func TestShortBodiesStayAsTheyAre(t *testing.T) {
	f := newSqueezed(t, func(run context.Context, req *runtime.Request, resp *response) error {
		n, _ := strconv.Atoi(key(req, "QUERY_STRING"))
		return blocks([]string{"Content-Type", "text/plain"}, strings.Repeat("x", n))(run, req, resp)
	})
	for n, want := range map[int]string{0: "", leastSqueezed - 1: "", leastSqueezed: "gzip"} {
		if resp, _ := f.get("GET", "/?"+strconv.Itoa(n), "Accept-Encoding: gzip"); resp.Header.Get("Content-Encoding") != want {
			t.Errorf("%d bytes: %v", n, resp.Header)
		}
	}
}

// Who has the compressed body knows it by a weak tag: "unchanged" is said of that one.
func TestUnchangedHasTheTagThatTheClientHas(t *testing.T) {
	f := newSqueezed(t, func(_ context.Context, _ *runtime.Request, resp *response) error {
		return errors.Join(begin(resp, "304 Not Modified", "ETag", `"tag"`), resp.Write(nil, true))
	})
	for sent, want := range map[string]string{`W/"tag"`: `W/"tag"`, `"tag"`: `"tag"`, `"x", W/"tag"`: `W/"tag"`} {
		if resp, _ := f.get("GET", "/", "If-None-Match: "+sent, "Accept-Encoding: gzip"); resp.Header.Get("ETag") != want || resp.Header.Get("Content-Encoding") != "" || resp.Header.Get("Vary") != "" {
			t.Errorf("%s: %v", sent, resp.Header)
		}
	}
}

// Each block can be read before the app yields the next, compressed or not.
func TestACompressedBlockDoesNotWaitForTheNext(t *testing.T) {
	for _, c := range []coding{gzip, brotli, zstd} {
		for _, proto := range []string{"1.0", "1.1"} {
			t.Run(string(c)+" HTTP/"+proto, func(t *testing.T) {
				seen := make(chan struct{})
				f := newSqueezed(t, func(run context.Context, _ *runtime.Request, resp *response) error {
					err := errors.Join(begin(resp, "200 OK", "Content-Type", "text/plain"), resp.Write([]byte("tick"), false))
					select {
					case <-seen:
					case <-run.Done():
						return errors.New("the client has not seen the first block")
					}
					return errors.Join(err, resp.Write([]byte("tock"), false))
				})
				conn := f.dial()
				conn.send("GET / HTTP/"+proto+"\nHost: h\nAccept-Encoding: "+string(c), "")
				if err := conn.SetDeadline(time.Now().Add(patience / 5)); err != nil {
					t.Fatal(err)
				}
				resp, err := http.ReadResponse(conn.r, &http.Request{Method: "GET"})
				if err != nil {
					t.Fatal(err)
				}
				body := decoder(t, c, resp.Body)
				first := make([]byte, 4)
				if _, err := io.ReadFull(body, first); err != nil || string(first) != "tick" {
					t.Errorf("got %q, %v", first, err)
				}
				close(seen)
				if rest, err := io.ReadAll(body); err != nil || string(rest) != "tock" {
					t.Errorf("got %q, %v", rest, err)
				}
			})
		}
	}
}

// An app that breaks off leaves a body that is not whole, compressed or not.
func TestACompressedBodyIsCutOff(t *testing.T) {
	f := newSqueezed(t, func(_ context.Context, _ *runtime.Request, resp *response) error {
		return errors.Join(begin(resp, "200 OK", "Content-Type", "text/plain"), resp.Write([]byte("tick"), false), errors.New("raised"))
	})
	conn := f.dial()
	conn.send("GET / HTTP/1.1\nHost: h\nAccept-Encoding: gzip", "")
	if _, _, err := conn.read("GET"); err == nil {
		t.Error("the body looks whole")
	}
}

// Compressing is the request's own work: over its CPU time it ends.
func TestCompressingIsLimited(t *testing.T) {
	q := squeeze{coders: newCoders(), wanted: brotli, most: time.Nanosecond}
	q.open()
	defer q.free()
	err := q.write([]byte(long(1<<20)), true, func() {}, func([]byte) error { return nil })
	if !errors.Is(err, quotas.LimitCPU) {
		t.Errorf("got %v", err)
	}
	turns := 0
	q = squeeze{coders: newCoders(), wanted: zstd, most: time.Hour}
	q.open()
	defer q.free()
	if err := q.write([]byte(long(1<<20)), true, func() { turns++ }, func([]byte) error { return nil }); err != nil || turns != 1<<20/squeezePiece-1 {
		t.Errorf("%d turns, %v", turns, err)
	}
}
