package front

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
)

// How long the servers of a benchmark are under load: in short turns, one after the other,
// so that what else the machine does meets both.
const (
	benchTurns = 30
	benchTurn  = 200 * time.Millisecond
	benchConns = 16
)

// BenchmarkFront compares the front end alone with a bare fasthttp server that sends the
// same answer from memory: in requests answered, as the middle of the ratios of all turns.
func BenchmarkFront(b *testing.B) {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // as wasgi does
	dir := b.TempDir()
	text := strings.Repeat("static ", 600)
	write(b, filepath.Join(dir, "site", "wasgi.toml"), "[app]\nentry = \"site:app\"\nhosts = [\"site\"]\n[static]\n\"/static\" = \"static\"\n")
	write(b, filepath.Join(dir, "site", "static", "file.txt"), text)
	write(b, filepath.Join(dir, "site", "static", "long.bin"), strings.Repeat(text, 250))
	f := newServedFrom(b, dir, echoImage(b))
	file, err := os.Create(filepath.Join(b.TempDir(), "access.log"))
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	logs := map[string]func(){
		"no log":       func() { f.cfg.Access, f.cfg.Combined = nil, nil },
		"combined log": func() { f.cfg.Access, f.cfg.Combined = nil, file },
		"server's log": func() { f.cfg.Access, f.cfg.Combined = slog.New(slog.NewJSONHandler(file, nil)), nil },
	}
	for name, request := range map[string]string{
		"file":      "GET /static/file.txt HTTP/1.1\r\nHost: site\r\n\r\n",
		"long file": "GET /static/long.bin HTTP/1.1\r\nHost: site\r\n\r\n",
		"404":       "GET / HTTP/1.1\r\nHost: nobody\r\n\r\n",
	} {
		head, body := answerOf(b, f.address, request)
		bare := bareServer(b, head, body)
		answerOf(b, bare, request) // it serves, and so can be shut down
		for log, use := range logs {
			b.Run(name+"/"+log, func(b *testing.B) {
				use()
				for range b.N {
					compareFile(b, request, f.address, bare)
				}
			})
		}
	}
}

// answerOf returns the answer to a request.
func answerOf(b *testing.B, address, request string) (*fasthttp.Response, []byte) {
	b.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, request); err != nil {
		b.Fatal(err)
	}
	var resp fasthttp.Response
	if err := resp.Read(bufio.NewReader(c)); err != nil {
		b.Fatal(err)
	}
	return &resp, resp.Body()
}

// bareServer gives one answer, head and body, to each request.
func bareServer(b *testing.B, like *fasthttp.Response, body []byte) string {
	b.Helper()
	status, kind := like.StatusCode(), string(like.Header.ContentType())
	var head []rawHeader
	for name, value := range like.Header.All() {
		if !isName(name, "Content-Type") && !isName(name, "Content-Length") && !isName(name, "Server") {
			head = append(head, rawHeader{bytes.Clone(name), bytes.Clone(value)})
		}
	}
	server := &fasthttp.Server{Name: "wasgi", Handler: func(ctx *fasthttp.RequestCtx) {
		ctx.SetStatusCode(status)
		ctx.SetContentType(kind)
		for _, h := range head {
			ctx.Response.Header.SetCanonical(h.name, h.value)
		}
		ctx.Response.SetBodyRaw(body)
	}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	b.Cleanup(func() {
		if err := errors.Join(server.Shutdown(), <-served); err != nil {
			b.Error(err)
		}
	})
	return l.Addr().String()
}

// compare reports how much one server answers in the time of the other.
func compareFile(b *testing.B, request, own, bare string) {
	var ratios []float64
	answered := [2]int{}
	ours, theirs := connections(b, own), connections(b, bare)
	load(b, ours, request)
	load(b, theirs, request)
	for range benchTurns {
		a, z := load(b, ours, request), load(b, theirs, request)
		ratios = append(ratios, float64(a)/float64(z))
		answered[0] += a
		answered[1] += z
	}
	slices.Sort(ratios)
	seconds := (benchTurns * benchTurn).Seconds()
	b.ReportMetric(ratios[len(ratios)/2], "of-bare")
	b.ReportMetric(float64(answered[0])/seconds, "own/s")
	b.ReportMetric(float64(answered[1])/seconds, "bare/s")
	b.ReportMetric(0, "ns/op")
}

func connections(b *testing.B, address string) []net.Conn {
	b.Helper()
	conns := make([]net.Conn, benchConns)
	for i := range conns {
		c, err := net.Dial("tcp", address)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { c.Close() })
		conns[i] = c
	}
	return conns
}

// load asks again and again on each connection, for one turn, and returns how often.
func load(b *testing.B, conns []net.Conn, request string) int {
	b.Helper()
	counts := make([]int, len(conns))
	end := time.Now().Add(benchTurn)
	for _, c := range conns {
		if err := c.SetDeadline(end.Add(patience)); err != nil {
			b.Fatal(err)
		}
	}
	var all sync.WaitGroup
	for i, c := range conns {
		all.Go(func() {
			buffer := make([]byte, 64<<10)
			for time.Now().Before(end) {
				if err := ask1(c, request, buffer); err != nil {
					b.Error(err)
					return
				}
				counts[i]++
			}
		})
	}
	all.Wait()
	n := 0
	for _, count := range counts {
		n += count
	}
	return n
}

// ask1 sends a request and reads the answer to its end.
func ask1(c net.Conn, request string, buffer []byte) error {
	if _, err := io.WriteString(c, request); err != nil {
		return err
	}
	n, left := 0, -1
	for left != 0 {
		m, err := c.Read(buffer[n:])
		if err != nil {
			return err
		}
		if left > 0 {
			left -= m
			continue
		}
		n += m
		at := bytes.Index(buffer[:n], []byte("\r\n\r\n"))
		if at < 0 {
			continue
		}
		_, length, _ := bytes.Cut(buffer[:at], []byte("Content-Length: "))
		size, _ := position(length[:max(0, bytes.IndexByte(append(length, '\r'), '\r'))])
		left = int(size) - (n - at - 4)
		n = 0
	}
	return nil
}
