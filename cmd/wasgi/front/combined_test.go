package front

import (
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestCombinedFormat(t *testing.T) {
	f := newFixture(t, patience, blocks([]string{"Content-Type", "text/plain"}, "hello"))
	f.cfg.Access, f.cfg.Combined = nil, NewLines(f)
	for head, want := range map[string]string{
		"GET /a?b HTTP/1.1\nHost: h\nReferer: http://r/\nUser-Agent: test/1 (x)": `"GET /a\?b HTTP/1\.1" 200 5 "http://r/" "test/1 \(x\)"`,
		"HEAD / HTTP/1.1\nHost: h":                                   `"HEAD / HTTP/1\.1" 200 - "-" "-"`,
		"GET / HTTP/1.1\nHost: h\nUser-Agent: a\" 200 1 \"-\" \"b\\": `"GET / HTTP/1\.1" 200 5 "-" "a\\" 200 1 \\"-\\" \\"b\\\\"`,
		"GET / HTTP/1.1\nHost: h\nReferer: t\tn\xc3\xa4":             `"GET / HTTP/1\.1" 200 5 "t\\tn\\xc3\\xa4" "-"`,
		"GET /<bad> HTTP/1.1\nHost: <bad>":                           `"GET /<bad> HTTP/1\.1" 400 \d+ "-" "-"`,
	} {
		f.clearLog()
		c := f.dial()
		c.send(head, "")
		method, _, _ := strings.Cut(head, " ")
		if _, _, err := c.read(method); err != nil {
			t.Fatal(err)
		}
		eventually(t, "a line", func() bool { return strings.HasSuffix(f.logged(), "\n") })
		line := regexp.MustCompile(`^127\.0\.0\.1 - - \[(\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] ` + want + "\n$").FindStringSubmatch(f.logged())
		if line == nil {
			t.Errorf("%q: %q, want %s", head, f.logged(), want)
			continue
		}
		if at, err := time.Parse("02/Jan/2006:15:04:05 -0700", line[1]); err != nil || time.Since(at) > patience {
			t.Errorf("%q, %v", line[1], err)
		}
	}
}

func FuzzCombined(f *testing.F) {
	f.Add("GET", "/", "HTTP/1.1", "a", "b", "1.2.3.4:5")
	f.Add("G\"\nT", "\r\n\x00\xff\\", "\"", "\\\"", "\n", "[::1]:80")
	whole := regexp.MustCompile(`^[!-~]+ - - \[[^]]+\] "(?:[^"\\]|\\["\\bnrtv]|\\x[0-9a-f]{2})*" 200 5 "(?:[^"\\]|\\["\\bnrtv]|\\x[0-9a-f]{2})*" "(?:[^"\\]|\\["\\bnrtv]|\\x[0-9a-f]{2})*"\n$`)
	f.Fuzz(func(t *testing.T, method, target, proto, referer, agent, host string) {
		a := &access{method: method, target: target, proto: proto, referer: referer, agent: agent, remote: net.JoinHostPort("::1", "1"), sent: sent{status: http.StatusOK, bytes: 5}}
		line := string(a.combined(nil))
		if !whole.MatchString(line) || strings.ContainsFunc(strings.TrimSuffix(line, "\n"), func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("%q", line)
		}
		a.remote = host
		if got := addressOf(host); strings.ContainsAny(got, "[]") && !strings.ContainsAny(strings.Trim(host, "[]"), "[]") {
			t.Errorf("%q is the address of %q", got, host)
		}
	})
}
