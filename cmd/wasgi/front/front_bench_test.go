package front

import (
	"bufio"
	"bytes"
	"io"
	"log/slog"
	"net"
	"runtime/debug"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"wasgi/tenants"
)

// Sizes of BenchmarkFrontThroughput.
const (
	benchRounds      = 40
	benchRound       = 250 * time.Millisecond
	benchConnections = 8
)

// benchRequest is as a browser sends it.
const benchRequest = "GET /some/page?with=a&query=1 HTTP/1.1\r\nHost: nobody.example.com\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n" +
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en-US,en;q=0.5\r\n" +
	"Accept-Encoding: gzip, deflate, br, zstd\r\nConnection: keep-alive\r\nCookie: session=0123456789abcdef; theme=dark\r\n\r\n"

// BenchmarkFrontThroughput asks for a page that nobody serves, of this server and of a bare
// fasthttp server that answers with the same bytes, in turn: "ratio" is the median of this
// server's requests per second to the other's.
func BenchmarkFrontThroughput(b *testing.B) {
	log := slog.New(slog.DiscardHandler)
	own := New(Config{Registry: tenants.NewRegistry(tenants.Host{Log: log}), Log: log, HTTP: tenants.DefaultHTTP()})
	bare := &fasthttp.Server{Name: "wasgi", Handler: func(ctx *fasthttp.RequestCtx) {
		ctx.SetStatusCode(fasthttp.StatusNotFound)
		ctx.SetContentType("text/plain; charset=utf-8")
		ctx.SetBodyString("Not Found: no app is served under this address\nRequest 0123456789abcdef\n")
	}}
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // as cmd/wasgi does
	ours, theirs := listen(b), listen(b)
	go own.Serve(ours)
	go bare.Serve(theirs)
	for b.Loop() {
		var ratios, rates []float64
		for range benchRounds {
			mine := rate(b, ours.Addr().String())
			ratios = append(ratios, mine/rate(b, theirs.Addr().String()))
			rates = append(rates, mine)
		}
		slices.Sort(ratios)
		slices.Sort(rates)
		b.ReportMetric(ratios[len(ratios)/2], "ratio")
		b.ReportMetric(ratios[0], "ratio-least")
		b.ReportMetric(rates[len(rates)/2], "requests/s")
	}
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// rate returns the requests per second that some connections get answered.
func rate(b *testing.B, address string) float64 {
	var clients sync.WaitGroup
	counts := make([]int, benchConnections)
	start := time.Now()
	for i := range counts {
		clients.Go(func() { counts[i] = requests(b, address, start.Add(benchRound)) })
	}
	clients.Wait()
	sum := 0
	for _, n := range counts {
		sum += n
	}
	return float64(sum) / time.Since(start).Seconds()
}

// requests asks until a time, and returns how often it was answered with a 404.
func requests(b *testing.B, address string, end time.Time) int {
	c, err := net.Dial("tcp", address)
	if err != nil {
		b.Error(err)
		return 0
	}
	defer c.Close()
	r := bufio.NewReader(c)
	n := 0
	for request := []byte(benchRequest); time.Now().Before(end); n++ {
		if _, err := c.Write(request); err != nil {
			b.Error(err)
			return n
		}
		if err := skipResponse(r); err != nil {
			b.Error(err)
			return n
		}
	}
	return n
}

// skipResponse reads a 404 whose body's length is told.
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
			_, err := io.CopyN(io.Discard, r, int64(length))
			return err
		}
	}
}
