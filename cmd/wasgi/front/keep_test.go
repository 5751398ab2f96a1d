package front

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"wasgi/quotas"
	"wasgi/runtime"
	"wasgi/tenants"
)

// newKept is a fixture with a cache, whose app answers with the number of the answer and
// the headers that stand, as lines, in the query.
func newKept(t *testing.T) *fixture {
	t.Helper()
	var answers atomic.Int64
	f := newFixture(t, patience, func(run context.Context, req *runtime.Request, resp *response) error {
		n := answers.Add(1)
		status := "200 OK"
		var headers []string
		query, _ := unescape(key(req, "QUERY_STRING"))
		for line := range strings.SplitSeq(query, "\n") {
			name, value, _ := strings.Cut(line, ": ")
			switch name {
			case "status":
				status = value
			case "":
			default:
				headers = append(headers, name, value)
			}
		}
		text := strconv.FormatInt(n, 10)
		if key(req, "PATH_INFO") == "/long" {
			text += strings.Repeat(" long", 1000)
		}
		if err := begin(resp, status, headers...); err != nil {
			return err
		}
		return resp.Write([]byte(text), true)
	})
	var err error
	if f.cache, err = tenants.NewCache[any](quotas.MiB, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.cache.Close)
	return f
}

func escaped(lines string) string {
	return strings.NewReplacer(" ", "%20", "\n", "%0a", "\"", "%22").Replace(lines)
}

// settle waits until what was put into the cache is there: a moment, but no channel tells.
func settle() { time.Sleep(20 * time.Millisecond) }

// twice asks two times and tells whether the second answer is the first again.
func (f *fixture) twice(method, target string, first, second []string) (kept bool, resp *http.Response) {
	f.t.Helper()
	_, one := f.get("GET", target, first...)
	settle()
	resp, two := f.get(method, target, second...)
	settle()
	if method == "HEAD" {
		return resp.Header.Get("Age") != "", resp
	}
	return one == two, resp
}

func TestWhatIsKept(t *testing.T) {
	f := newKept(t)
	n := 0
	in := time.Now().Add(time.Hour).UTC().Format(httpTime)
	for head, want := range map[string]bool{
		"Cache-Control: max-age=60": true, "cache-control: MAX-AGE=60, public": true, "Cache-Control: s-maxage=60": true, "Cache-Control: max-age=\"60\"": true,
		"Cache-Control: public\nCache-Control: max-age=60": true, "Cache-Control: max-age=99999999999999": true, "Cache-Control: max-age=60, must-revalidate": true,
		"Expires: " + in: true, "Cache-Control: max-age=60\nETag: \"a\"": true, "status: 404 Not Found\nCache-Control: max-age=60": true,
		"status: 301 Moved\nLocation: /x\nCache-Control: max-age=60": true, "Cache-Control: max-age=60\nAge: 10": true, "Cache-Control: max-age=60\nVary: X-A, X-B": true,
		"Cache-Control: x=\"no-store\", max-age=60": true,
		"": false, "Cache-Control: public": false, "Cache-Control: max-age=0": false, "Cache-Control: max-age=60, s-maxage=0": false, "Cache-Control: no-store, max-age=60": false,
		"Cache-Control: max-age=60\nCache-Control: private": false, "Cache-Control: private=\"Set-Cookie\", max-age=60": false, "Cache-Control: no-cache, max-age=60": false,
		"Cache-Control: max-age=60\nSet-Cookie: a=1": false, "Cache-Control: max-age=60\nVary: *": false, "Cache-Control: max-age=60\nVary: a,b,c,d,e,f,g,h,i": false,
		"Cache-Control: max-age=x": false, "Cache-Control: max-age=60, max-age=0": false, "Cache-Control: max-age=-1": false, "Expires: 0": false, "Expires: " + hour: false,
		"Cache-Control: max-age=60\nAge: 60": false, "status: 500 Oh\nCache-Control: max-age=60": false, "status: 206 Part\nCache-Control: max-age=60\nContent-Range: bytes 0-0/2": false,
		"status: 418 Teapot\nCache-Control: max-age=60": false, "Cache-Control: max-age=0\nExpires: " + in: false,
	} {
		n++
		target := "/" + strconv.Itoa(n) + "?" + escaped(head)
		if got, resp := f.twice("GET", target, nil, nil); got != want || got != (resp.Header.Get("Age") != "") && !strings.Contains(head, "Age") {
			t.Errorf("%q: kept %v, want %v; %v", head, got, want, resp.Header)
		}
	}
}

func TestWhoIsGivenWhatIsKept(t *testing.T) {
	f := newKept(t)
	n := 0
	for _, test := range []struct {
		head          string
		first, second []string
		want          bool
	}{
		{"Cache-Control: max-age=60", nil, []string{"Cookie: a=1"}, true},
		{"Cache-Control: max-age=60", nil, []string{"Cache-Control: max-age=100"}, true},
		{"Cache-Control: max-age=60", nil, []string{"Cache-Control: only-if-cached"}, true},
		{"Cache-Control: max-age=60", nil, []string{"Cache-Control: no-cache"}, false},
		{"Cache-Control: max-age=60", nil, []string{"Pragma: no-cache"}, false},
		{"Cache-Control: max-age=60", nil, []string{"Cache-Control: no-store"}, false},
		{"Cache-Control: max-age=60", nil, []string{"Cache-Control: max-age=0"}, false},
		{"Cache-Control: max-age=60", []string{"Cache-Control: no-store"}, nil, false},
		{"Cache-Control: max-age=60", nil, []string{"Range: bytes=0-0"}, false},
		{"Cache-Control: max-age=60", nil, []string{"If-Match: \"x\""}, false},
		{"Cache-Control: max-age=60", nil, []string{"Content-Length: 0"}, true},
		{"Cache-Control: max-age=60", []string{"Authorization: Basic x"}, nil, false},
		{"Cache-Control: max-age=60", nil, []string{"Authorization: Basic x"}, false},
		{"Cache-Control: max-age=60, public", []string{"Authorization: Basic x"}, []string{"Authorization: Basic y"}, true},
		{"Cache-Control: s-maxage=60", []string{"Authorization: Basic x"}, nil, true},
		{"Cache-Control: max-age=60, must-revalidate", []string{"Authorization: Basic x"}, nil, true},
		{"Cache-Control: max-age=60\nVary: X-A", []string{"X-A: 1"}, []string{"X-A: 1", "X-B: 2"}, true},
		{"Cache-Control: max-age=60\nVary: X-A", []string{"X-A: 1"}, []string{"X-A: 2"}, false},
		{"Cache-Control: max-age=60\nVary: x-a", []string{"X-A: 1"}, nil, false},
		{"Cache-Control: max-age=60\nVary: X-A\nVary: X-B", []string{"X-A: 1", "X-B: 2"}, []string{"X-A: 1", "X-B: 3"}, false},
		{"Cache-Control: max-age=60\nVary: X-A, X-B", []string{"X-A: 1", "X-B: "}, []string{"X-A: ", "X-B: 1"}, false},
		{"Cache-Control: max-age=60\nVary: Cookie", []string{"Cookie: a=1"}, []string{"Cookie: a=2"}, false},
		{"Cache-Control: max-age=60\nVary: Accept-Encoding", []string{"Accept-Encoding: gzip"}, []string{"Accept-Encoding: deflate"}, false},
	} {
		n++
		target := "/" + strconv.Itoa(n) + "?" + escaped(test.head)
		if got, resp := f.twice("GET", target, test.first, test.second); got != test.want {
			t.Errorf("%q, %v, %v: given %v, want %v; %v", test.head, test.first, test.second, got, test.want, resp.Header)
		}
	}
	if given, resp := f.twice("HEAD", "/head?"+escaped("Cache-Control: max-age=60\nX-App: 1"), nil, nil); !given || resp.ContentLength < 1 || resp.Header.Get("X-App") != "1" {
		t.Errorf("HEAD of a response that is kept: %v", resp.Header)
	}
	f.get("HEAD", "/head2?"+escaped("Cache-Control: max-age=60"))
	settle()
	if resp, text := f.get("GET", "/head2?"+escaped("Cache-Control: max-age=60")); text == "" || resp.Header.Get("Age") != "" {
		t.Errorf("GET after HEAD: %q, %v", text, resp.Header)
	}
}

// What differs for an app is another address: an app may write its Host into a page.
func TestAddressesAreApart(t *testing.T) {
	f := newKept(t)
	target := "/?" + escaped("Cache-Control: max-age=60")
	seen := map[string]string{}
	for range 2 {
		for _, head := range []string{
			"GET " + target + " HTTP/1.1\nHost: a", "GET " + target + " HTTP/1.1\nHost: A", "GET " + target + " HTTP/1.1\nHost: a:8080", "GET " + target + " HTTP/1.1\nHost: b",
			"GET http://a" + target + " HTTP/1.1\nHost: a", "GET /" + target + " HTTP/1.1\nHost: a", "GET /x" + target[1:] + " HTTP/1.1\nHost: a", "GET /%" + "2f?" + target[2:] + " HTTP/1.1\nHost: a",
		} {
			c := f.dial()
			c.send(head, "")
			_, text, err := c.read("GET")
			if err != nil {
				t.Fatal(err)
			}
			for other, got := range seen {
				if got == text && other != head {
					t.Errorf("%q gets what %q got", head, other)
				}
			}
			if was, ok := seen[head]; ok && was != text {
				t.Errorf("%q was not kept", head)
			}
			seen[head] = text
			c.Close()
		}
		settle()
	}
}

func TestAChangeIsSeen(t *testing.T) {
	f := newKept(t)
	target := "/x?" + escaped("Cache-Control: max-age=60\nVary: X-A")
	for method, drops := range map[string]bool{"POST": true, "PUT": true, "DELETE": true, "PATCH": true, "BREW": true, "OPTIONS": false, "HEAD": false} {
		_, one := f.get("GET", target, "X-A: 1")
		settle()
		f.get(method, target)
		settle()
		if _, two := f.get("GET", target, "X-A: 1"); (one != two) != drops {
			t.Errorf("%s: %q, then %q", method, one, two)
		}
		settle()
	}
	failing := "/y?" + escaped("status: 404 No\nCache-Control: max-age=60")
	_, one := f.get("GET", failing)
	settle()
	f.get("POST", failing)
	settle()
	if _, two := f.get("GET", failing); one != two {
		t.Error("a change that failed drops what is kept")
	}
	short := "/z?" + escaped("Cache-Control: max-age=1\nAge: 0")
	_, one = f.get("GET", short)
	eventually(t, "it is not fresh any more", func() bool { _, two := f.get("GET", short); return one != two })
}

func TestKeptResponsesAndConditions(t *testing.T) {
	f := newKept(t)
	target := "/?" + escaped("Cache-Control: max-age=60\nETag: \"tag\"\nLast-Modified: "+hour+"\nContent-Type: text/x\nX-lower: 1\nX-Twice: 1\nX-Twice: 2\nstatus: 200 Fine  thing")
	f.get("GET", target)
	settle()
	resp, text := f.get("GET", target)
	if resp.Status != "200 Fine  thing" || text != "1" || len(resp.Header["X-Twice"]) != 2 || resp.Header.Get("Content-Type") != "text/x" || resp.Header.Get("Age") != "0" || resp.Header.Get("Date") == "" {
		t.Errorf("%s, %q, %v", resp.Status, text, resp.Header)
	}
	for condition, want := range map[string]int{"If-None-Match: \"tag\"": 304, "If-None-Match: \"x\"": 200, "If-Modified-Since: " + hour: 304} {
		resp, _ := f.get("GET", target, condition)
		if resp.StatusCode != want || resp.Header.Get("ETag") != `"tag"` || resp.Header.Get("Age") == "" || (resp.Header.Get("Content-Type") == "") != (want == 304) {
			t.Errorf("%s: %d, %v", condition, resp.StatusCode, resp.Header)
		}
	}
	if !strings.Contains(f.logged(), "cached=true") {
		t.Error("the log does not tell")
	}
}

// Of a response that the server compresses, one is kept for each coding, however a client
// asks for it.
func TestCompressedResponsesAreKept(t *testing.T) {
	f := newKept(t)
	f.edge.Compress = true
	target := "/long?" + escaped("Cache-Control: max-age=60\nContent-Type: text/plain\nVary: X-A")
	bodies := map[string]string{}
	for range 2 {
		for accept, coding := range map[string]string{"gzip": "gzip", "gzip;q=0.7, deflate": "gzip", "br": "br", "identity": "", "zstd, br, gzip": "zstd"} {
			resp, text := f.get("GET", target, "Accept-Encoding: "+accept)
			if resp.Header.Get("Content-Encoding") != coding {
				t.Errorf("%q: %v", accept, resp.Header)
			}
			if was, ok := bodies[coding]; ok && was != text {
				t.Errorf("%q: another body, %v", accept, resp.Header)
			}
			bodies[coding] = text
			settle()
		}
	}
}

// A cache holds what it may, however much is put into it.
func TestACacheIsBounded(t *testing.T) {
	budget := quotas.NewBudget(256*quotas.KiB, nil)
	a, err := tenants.NewCache[int](128*quotas.KiB, budget)
	if err != nil {
		t.Fatal(err)
	}
	b, err := tenants.NewCache[int](quotas.MiB, budget)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		a.Put("a"+strconv.Itoa(i), i, 4*quotas.KiB, time.Hour)
		b.Put("b"+strconv.Itoa(i), i, 4*quotas.KiB, time.Hour)
		if i%50 == 0 {
			settle()
		}
	}
	settle()
	if used := budget.Stats().Used; used > 256*quotas.KiB || used < 64*quotas.KiB {
		t.Errorf("the budget has %v in use", used)
	}
	a.Close()
	if used := budget.Stats().Used; used < 64*quotas.KiB || used > 256*quotas.KiB {
		t.Errorf("after one is closed %v are in use", used)
	}
	b.Close()
	if used := budget.Stats().Used; used != 0 {
		t.Errorf("%v are in use of caches that are closed", used)
	}
	a.Put("again", 1, 1, 0)
	a.Drop("again")
	if _, ok := a.Get("again"); ok || budget.Stats().Used != 0 {
		t.Error("a cache that is closed keeps something")
	}
}
