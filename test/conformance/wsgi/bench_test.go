package wsgi

import (
	"net/http"
	"testing"
	"time"

	"wasgi/test/testkit"
)

// BenchmarkFileWrapper asks in turn for a file that the server reads and for one, with the
// same content, that goes through the guest in blocks of 8 KiB.
func BenchmarkFileWrapper(b *testing.B) {
	content := large()
	server := testkit.Start(b, testkit.Options{Dir: testkit.StageAll(b, testkit.App{Name: "statements", Files: testkit.Files{"large.bin": content}})})
	browser := server.Browser(b, host)
	took := map[string]time.Duration{}
	for b.Loop() {
		for _, name := range []string{"plain", "derived"} {
			start := time.Now()
			if got := browser.Get("/file?name=" + name); got.StatusCode != http.StatusOK || len(got.Text) != len(content) {
				b.Fatalf("%s: status %d, %d bytes", name, got.StatusCode, len(got.Text))
			}
			took[name] += time.Since(start)
		}
	}
	b.ReportMetric(float64(took["derived"])/float64(took["plain"]), "times-as-fast")
	b.ReportMetric(float64(len(content))*float64(b.N)/took["plain"].Seconds()/(1<<20), "MiB/s")
}
