package wsgi

import (
	"net/http"
	"reflect"
	"strings"

	"wasgi/test/testkit"
)

func input() []statement {
	return []statement{
		{29, "M", "wsgi.input has read(size), readline(), readlines(hint) and iteration, of bytes", inputMethods},
		{30, "S", "read() without a size returns the rest", inputRest},
		{31, "S", "reading beyond the end never waits", inputEnd},
		{32, "S", "an empty or exhausted stream gives b\"\"", inputEmpty},
		{33, "S", "readline(size)", inputReadline},
		{34, "M", "a chunked body arrives decoded", inputChunked},
		{35, "X", "wsgi.input_terminated is True", inputTerminated},
		{36, "X", "a body that was not read is never taken for a request", inputUnread},
	}
}

func errorStream() []statement {
	return []statement{
		{37, "M", "wsgi.errors has flush, write and writelines, for text", errorsMethods},
		{38, "S", "wsgi.errors takes any Unicode", errorsUnicode},
	}
}

// filler makes a body longer than what is sent with the environ.
func filler() string { return strings.Repeat("0123456789", 5000) }

// reads has the app read a body in these steps, as sent with a length and in chunks, short
// and long: filler is added to its last line, and to the last result.
func (p probe) reads(body, steps string, want ...any) {
	p.Helper()
	for _, long := range []string{"", filler()} {
		for _, chunked := range []bool{false, true} {
			var page struct {
				Got        []any
				Terminated bool
				Length     *string
			}
			p.decode(p.post("/read-input?do="+steps, body+long, chunked), &page)
			if got, want := page.Got, lengthened(want, long); !reflect.DeepEqual(got, want) {
				p.Errorf("%s of %d bytes, chunked %t: %.300q, want %.300q", steps, len(body+long), chunked, got, want)
			}
			if !page.Terminated || (page.Length == nil) != chunked {
				p.Errorf("chunked %t: input_terminated is %t, CONTENT_LENGTH %v", chunked, page.Terminated, page.Length)
			}
		}
	}
}

// lengthened returns results with long at the end of the one that has the body's end,
// which comes last but for empty ones.
func lengthened(want []any, long string) []any {
	result := append([]any(nil), want...)
	for i := len(result) - 1; i >= 0; i-- {
		switch v := result[i].(type) {
		case string:
			if v != "" {
				result[i] = v + long
				return result
			}
		case []any:
			if len(v) > 0 {
				lines := append([]any(nil), v...)
				lines[len(lines)-1] = lines[len(lines)-1].(string) + long
				result[i] = lines
				return result
			}
		}
	}
	return result
}

func inputMethods(p probe) {
	const body = "first\nsecond line\n\nthird\nfourth\nlast"
	p.reads(body, "read.3;readline;read.7;readline;readlines.2;next;iterate", "fir", "st\n", "second ", "line\n", []any{"\n", "third\n"}, "fourth\n", []any{"last"})
	p.reads(body, "readlines", []any{"first\n", "second line\n", "\n", "third\n", "fourth\n", "last"})
}

func inputRest(p probe) {
	p.reads("all of it", "read", "all of it")
	p.reads("all of it", "read.4;read.-1", "all ", "of it")
}

// inputEnd keeps the connection open, with nothing more on it; then it goes on.
func inputEnd(p probe) {
	for _, chunked := range []bool{false, true} {
		for _, body := range []string{"short", "short" + filler()} {
			c := p.server.Dial(p)
			for range 2 {
				c.Say(postHead("/read-input?do=read.1000000;read;read.5;readline;readlines;iterate", body, chunked) + framed(body, chunked))
				got, err := c.Hear(http.MethodPost)
				if err != nil {
					p.Fatal(err)
				}
				var page struct{ Got []any }
				p.decode(got, &page)
				if want := []any{body, "", "", "", []any{}, []any{}}; !reflect.DeepEqual(page.Got, want) {
					p.Errorf("chunked %t: %.100q, want %.100q", chunked, page.Got, want)
				}
			}
		}
	}
}

func inputEmpty(p probe) {
	steps := "read;read.5;readline;readline.5;readlines;iterate"
	want := `["", "", "", "", [], []]`
	for _, got := range []testkit.Response{
		p.get("/read-input?do=" + steps), p.post("/read-input?do="+steps, "", false), p.post("/read-input?do="+steps, "", true),
	} {
		if got.StatusCode != http.StatusOK || !strings.Contains(got.Text, `"got": `+want) {
			p.Errorf("status %d, %q; want %s", got.StatusCode, got.Text, want)
		}
	}
}

func inputReadline(p probe) {
	p.reads("first\nsecond", "readline.3;readline.3;readline.0;readline.-1", "fir", "st\n", "", "second")
}

func inputChunked(p probe) {
	p.reads("in\r\nchunks 5\r\n", "read", "in\r\nchunks 5\r\n")
}

func inputTerminated(p probe) { p.reads("read by who trusts it", "read", "read by who trusts it") }

// inputUnread hides a request in a body that the app does not read.
func inputUnread(p probe) {
	hidden := testkit.Head(host, "/hidden")
	mark := p.server.Log.Mark()
	for _, size := range []int{1, 500, 20_000} {
		for _, chunked := range []bool{false, true} {
			body := strings.Repeat(hidden, size)
			c := p.server.Dial(p)
			c.Say(postHead("/one-block", body, chunked) + framed(body, chunked) + testkit.Head(host, "/one-block", "Connection: close"))
			got := c.Rest()
			for _, status := range testkit.Statuses(got) {
				if status != http.StatusOK {
					p.Errorf("%d bytes, chunked %t: %.300q", len(body), chunked, got)
				}
			}
		}
	}
	c := p.server.Dial(p)
	c.Say(testkit.Head(host, "/one-block?last", "Connection: close"))
	c.Rest()
	p.server.Log.Wait(p, mark, testkit.Match{Text: "?last"})
	if found := p.server.Log.Find(mark, testkit.Match{Text: "/hidden"}); len(found) > 0 {
		p.Errorf("a body was taken for a request: %v", found[0])
	}
}

func errorsMethods(p probe) {
	mark := p.server.Log.Mark()
	p.is(p.get("/errors"), http.StatusOK, `"told"`)
	p.server.Log.Wait(p, mark, testkit.Match{Tenant: "statements", Stream: "stderr", Text: "written, in lines"})
}

func errorsUnicode(p probe) {
	mark := p.server.Log.Mark()
	p.is(p.get("/errors"), http.StatusOK, `"told"`)
	p.server.Log.Wait(p, mark, testkit.Match{Tenant: "statements", Stream: "stderr", Text: `žluťoučký ☃ 🐎 \ud83d`})
}
