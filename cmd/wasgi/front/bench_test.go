package front

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
)

// How long the servers of a benchmark are under load: in short turns, one after the other,
// so that what else the machine does meets all.
const (
	benchTurns = 40
	benchTurn  = 200 * time.Millisecond
	benchConns = 16
)

// benchHeaders are as a browser sends them.
const benchHeaders = "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n" +
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en-US,en;q=0.5\r\n" +
	"Accept-Encoding: gzip, deflate, br, zstd\r\nConnection: keep-alive\r\nCookie: session=0123456789abcdef; theme=dark\r\n\r\n"

// benchRequest is for a host that nobody has.
const benchRequest = "GET /some/page?with=a&query=1 HTTP/1.1\r\nHost: nobody.example.com\r\n" + benchHeaders

// BenchmarkFront compares the whole front end, without an access log and with each kind of
// it, with a bare fasthttp server that sends the same answer, head and body, from memory.
// "of-bare" is the middle of the ratios, over all turns, of requests answered.
func BenchmarkFront(b *testing.B) {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // as wasgi does
	dir := b.TempDir()
	write(b, filepath.Join(dir, "site", "wasgi.toml"), "[app]\nentry = \"site:app\"\nhosts = [\"site\"]\n[static]\n\"/static\" = \"static\"\n")
	for name, size := range map[string]int{"4k.txt": 4 << 10, "64k.txt": 64 << 10, "1m.txt": 1 << 20} {
		write(b, filepath.Join(dir, "site", "static", name), strings.Repeat("static..", size/8))
	}
	f := newServedFrom(b, dir, echoImage(b))
	combined, json := NewLines(openLog(b)), NewLines(openLog(b))
	servers := []benchServer{
		{"of-bare", f.again(b, func(c *Config) {})},
		{"combined-of-bare", f.again(b, func(c *Config) { c.Combined = combined })},
		{"log-of-bare", f.again(b, func(c *Config) { c.JSON = json })},
	}
	for _, one := range []struct{ name, request string }{
		{"404", benchRequest},
		{"4k", "GET /static/4k.txt HTTP/1.1\r\nHost: site\r\n" + benchHeaders},
		{"64k", "GET /static/64k.txt HTTP/1.1\r\nHost: site\r\n" + benchHeaders},
		{"1m", "GET /static/1m.txt HTTP/1.1\r\nHost: site\r\n" + benchHeaders},
	} {
		b.Run(one.name, func(b *testing.B) {
			bare := bareServer(b, answerOf(b, servers[0].address, one.request))
			for range b.N {
				compareFront(b, []byte(one.request), bare, servers)
			}
		})
	}
}

// benchServer is a server and what it is called in a report.
type benchServer struct{ unit, address string }

func openLog(b *testing.B) *os.File {
	b.Helper()
	file, err := os.Create(filepath.Join(b.TempDir(), "access.log"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { file.Close() })
	return file
}

// again serves the tenants of f with another configuration, and without an access log unless
// that has one.
func (f *fixture) again(b *testing.B, change func(*Config)) (address string) {
	b.Helper()
	cfg := f.cfg
	cfg.Access, cfg.Index = nil, false
	change(&cfg)
	s := New(cfg)
	return running(b, s.Serve, s.Shutdown)
}

// running serves until the benchmark ends.
func running(b *testing.B, serve func(net.Listener) error, shutdown func(context.Context) error) (address string) {
	b.Helper()
	l := listen(b)
	served := make(chan error, 1)
	go func() { served <- serve(l) }()
	b.Cleanup(func() {
		if err := errors.Join(shutdown(context.Background()), <-served); err != nil {
			b.Error(err)
		}
	})
	return l.Addr().String()
}

// answerOf returns the answer to a request.
func answerOf(b *testing.B, address, request string) *fasthttp.Response {
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
	return &resp
}

// bareServer gives one answer to each request.
func bareServer(b *testing.B, like *fasthttp.Response) (address string) {
	b.Helper()
	status, kind, body := like.StatusCode(), string(like.Header.ContentType()), like.Body()
	var head []rawHeader
	for name, value := range like.Header.All() {
		if !isName(name, "Content-Type") && !isName(name, "Content-Length") && !isName(name, "Server") && !isName(name, "Date") {
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
	return running(b, server.Serve, server.ShutdownWithContext)
}

// compareFront reports how much servers answer in the time of a bare one.
func compareFront(b *testing.B, request []byte, bare string, servers []benchServer) {
	ratios := make([][]float64, len(servers))
	conns := make([][]net.Conn, len(servers))
	for i, s := range servers {
		conns[i] = connections(b, s.address)
		load(b, conns[i], request)
	}
	theirs := connections(b, bare)
	load(b, theirs, request)
	all := 0
	for range benchTurns {
		n := load(b, theirs, request)
		all += n
		for i := range servers {
			ratios[i] = append(ratios[i], float64(load(b, conns[i], request))/float64(n))
		}
	}
	for i, s := range servers {
		slices.Sort(ratios[i])
		b.ReportMetric(ratios[i][benchTurns/2], s.unit)
	}
	b.ReportMetric(float64(all)/(benchTurns*benchTurn).Seconds(), "bare/s")
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
func load(b *testing.B, conns []net.Conn, request []byte) int {
	b.Helper()
	var answered atomic.Int64
	end := time.Now().Add(benchTurn)
	var all sync.WaitGroup
	for _, c := range conns {
		all.Go(func() {
			if err := c.SetDeadline(end.Add(patience)); err != nil {
				b.Error(err)
			}
			r := bufio.NewReaderSize(c, 64<<10)
			for time.Now().Before(end) {
				_, err := c.Write(request)
				if err := errors.Join(err, skipResponse(r)); err != nil {
					b.Error(err)
					return
				}
				answered.Add(1)
			}
		})
	}
	all.Wait()
	return int(answered.Load())
}

// skipResponse reads a response whose body's length is told.
func skipResponse(r *bufio.Reader) error {
	length := 0
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if digits, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			for _, c := range bytes.TrimSpace(digits) {
				length = length*10 + int(c-'0')
			}
		}
		if len(line) == len("\r\n") {
			_, err := r.Discard(length)
			return err
		}
	}
}
