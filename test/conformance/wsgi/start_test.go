package wsgi

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"wasgi/test/testkit"
)

func startResponse() []statement {
	return []statement{
		{39, "M", "start_response(status, headers, exc_info=None) returns write", startForms},
		{40, "M", "headers are sent no earlier than the first block that is not empty", startSendsNothing},
		{41, "M", "a second call without exc_info is fatal, also if the first one raised", startTwice},
		{42, "M", "with exc_info, before headers are sent: replaces status and headers", startReplaces},
		{43, "M", "with exc_info, after headers are sent: raises that exception", startTooLate},
		{44, "S", "holds no reference to exc_info", startLetsGo},
		{45, "S", "errors of headers are raised in start_response", func(p probe) { p.refuses(45) }},
		{46, "M", "status is a str like \"200 OK\", without control characters", func(p probe) { p.refuses(46) }},
		{47, "M", "headers are exactly a list", func(p probe) { p.refuses(47) }},
		{48, "M", "names are tokens, values have no control characters: no response splitting", startSplits},
		{49, "M", "names and values are str, of latin-1", func(p probe) { p.refuses(49) }},
		{50, "S", "hop-by-hop headers are an error", func(p probe) { p.refuses(50) }},
		{51, "M", "names have no case, repeated headers stay", startHeaders},
		{52, "M", "what is missing is added: Date, Server", startAdds},
		{53, "X", "the reason is sent as it is", startReason},
	}
}

func startForms(p probe) {
	got := p.get("/start-forms")
	p.is(got, http.StatusOK, "written, None")
	equal(p, "X-Form", strings.Join(got.Header.Values("X-Form"), "|"), "by name")
}

// startSendsNothing listens while the app, which has called start_response, waits.
func startSendsNothing(p probe) {
	mark := p.server.Log.Mark()
	c := p.server.Dial(p)
	c.Say(testkit.Head(host, "/start-waits"))
	p.server.Log.Wait(p, mark, testkit.Match{Text: "has started"})
	if err := c.SetReadDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
		p.Fatal(err)
	}
	n, err := c.Read(make([]byte, 1))
	var timeout net.Error
	if n != 0 || !errors.As(err, &timeout) || !timeout.Timeout() {
		p.Errorf("%d bytes came before the first block, %v", n, err)
	}
	if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		p.Fatal(err)
	}
	p.letGo()
	got, err := c.Hear(http.MethodGet)
	if err != nil {
		p.Fatal(err)
	}
	p.is(got, http.StatusServiceUnavailable, "later")
}

func startTwice(p probe) {
	for _, path := range []string{"/start-twice", "/start-twice-after-error"} {
		mark := p.server.Log.Mark()
		if got := p.get(path); got.StatusCode != http.StatusInternalServerError || strings.Contains(got.Text, "never") {
			p.Errorf("%s: status %d, %q", path, got.StatusCode, got.Text)
		}
		p.server.Log.Wait(p, mark, testkit.Match{Text: "AssertionError: start_response called a second time"})
	}
}

func startReplaces(p probe) {
	got := p.get("/replaced")
	p.is(got, http.StatusServiceUnavailable, "replaced")
	equal(p, "Content-Type", strings.Join(got.Header.Values("Content-Type"), "|"), "text/html")
	equal(p, "Content-Length", strings.Join(got.Header.Values("Content-Length"), "|"), "8")
	if got.Header["X-Old"] != nil || got.Header["Set-Cookie"] != nil {
		p.Errorf("old headers are there: %v", got.Header)
	}
}

func startTooLate(p probe) {
	p.noted()
	mark := p.server.Log.Mark()
	got := p.get("/replaced-late")
	if got.StatusCode != http.StatusOK || got.Err == nil || got.Header["X-New"] != nil {
		p.Errorf("status %d, %q, %v", got.StatusCode, got.Text, got.Err)
	}
	equal(p, "what was raised", p.noted(), "the same")
	p.server.Log.Wait(p, mark, testkit.Match{Text: "ValueError: too late"})
}

func startLetsGo(p probe) { p.is(p.get("/exc-info-let-go"), http.StatusOK, "early True, late True") }

// refuses has the app call start_response in all the ways that break a statement.
func (p probe) refuses(number int) {
	p.Helper()
	var page struct {
		Cases int
		Taken []string
	}
	p.decode(p.get(fmt.Sprintf("/refused?%d", number)), &page)
	if page.Cases == 0 || len(page.Taken) > 0 {
		p.Errorf("of %d calls these were taken: %q", page.Cases, page.Taken)
	}
}

// startSplits looks at the bytes that the client gets, too.
func startSplits(p probe) {
	p.refuses(48)
	for n := range 17 {
		got := p.raw(fmt.Sprintf("/injected?%d", n))
		if !strings.HasPrefix(got, "HTTP/1.1 500 ") || strings.Contains(got, "X-Injected") || strings.Contains(got, "never") || len(testkit.Statuses(got)) != 1 {
			p.Errorf("case %d: %q", n, got)
		}
	}
}

func startHeaders(p probe) {
	head, _, _ := strings.Cut(p.raw("/many-cookies"), "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	for name, want := range map[string]string{
		"set-cookie": "a=1|b=2", "server": "own", "content-length": "4", "x-a": "1|2",
	} {
		equal(p, name, strings.Join(valuesOf(lines, name), "|"), want)
	}
	if dates := valuesOf(lines, "date"); len(dates) != 1 || dates[0] == "never" {
		p.Errorf("Date is %q, want the server's", dates)
	}
}

// valuesOf returns the values of the lines whose name is, in any case, name.
func valuesOf(lines []string, name string) []string {
	var values []string
	for _, line := range lines {
		if n, value, ok := strings.Cut(line, ":"); ok && strings.EqualFold(n, name) {
			values = append(values, strings.TrimSpace(value))
		}
	}
	return values
}

func startAdds(p probe) {
	for _, path := range []string{"/one-block", "/blocks", "/fails?before", "/bare?204+No"} {
		head, _, _ := strings.Cut(p.raw(path), "\r\n\r\n")
		lines := strings.Split(head, "\r\n")
		date, server := valuesOf(lines, "date"), valuesOf(lines, "server")
		if len(date) != 1 || len(server) != 1 || server[0] == "" {
			p.Errorf("%s: Date is %q, Server %q", path, date, server)
			continue
		}
		if _, err := http.ParseTime(date[0]); err != nil {
			p.Errorf("%s: %v", path, err)
		}
	}
}

func startReason(p probe) {
	line, _, _ := strings.Cut(p.raw("/reason"), "\r\n")
	equal(p, "the status line", line, "HTTP/1.1 299 Mostly  harmless, na\xefve!")
	line, _, _ = strings.Cut(p.raw("/no-reason"), "\r\n")
	equal(p, "the status line without a reason", strings.TrimRight(line, " "), "HTTP/1.1 299")
}
