package wsgi

import (
	"net/http"
	"strconv"
	"strings"

	"wasgi/test/testkit"
)

func fileWrapper() []statement {
	return []statement{
		{67, "M", "wsgi.file_wrapper(file, size) returns an iterable and sends nothing by itself", fileSendsNothing},
		{68, "M", "its close() calls the file's", fileClosed},
		{69, "M", "it starts where the file stands and ends with it, or with the Content-Length", filePart},
		{70, "M", "it reads what has no fileno(), or another content than its descriptor", fileRead},
	}
}

func fileSendsNothing(p probe) {
	for _, name := range []string{"plain", "memory", "read"} {
		p.is(p.get("/file?name="+name+"&how=dropped&size=100"), http.StatusOK, "another body")
	}
	got := p.get("/file?name=plain")
	p.is(got, http.StatusOK, large())
	equal(p, "Content-Length", got.ContentLength, int64(len(large())))
	p.is(p.get("/file?name=plain&size=100000"), http.StatusOK, large())
	p.fileIsFast()
}

// fileIsFast compares what the guest has to do for a file that the server reads, and for
// one with the same content that it does not.
func (p probe) fileIsFast() {
	p.Helper()
	fuel := func(name string) float64 {
		mark := p.server.Log.Mark()
		p.is(p.get("/file?name="+name), http.StatusOK, large())
		used, err := strconv.ParseFloat(p.server.Log.Wait(p, mark, testkit.Match{Text: "GET /file?name=" + name}).Text("fuel"), 64)
		if err != nil {
			p.Fatal(err)
		}
		return used
	}
	fuel("plain") // which warms up
	if plain, derived := fuel("plain"), fuel("derived"); plain > derived/4 {
		p.Errorf("a file of the bundle takes %.0f units of fuel, one that is read block by block %.0f", plain, derived)
	}
}

func fileClosed(p probe) {
	p.noted()
	for _, path := range []string{"name=noted", "name=memory", "name=derived", "name=noted&length=5", "name=noted&how=dropped"} {
		p.get("/file?" + path)
		equal(p, path+": what happened", p.noted(), "file closed")
	}
	p.on(http.MethodHead, "HEAD"+strings.TrimPrefix(testkit.Head(host, "/file?name=noted"), "GET"))
	equal(p, "HEAD: what happened", p.noted(), "file closed")
	equal(p, "the status for a file that is closed", p.get("/file?name=plain&how=closed").StatusCode, http.StatusInternalServerError)
}

func filePart(p probe) {
	all, memory := large(), strings.Repeat("in memory ", 1000)
	_, half, _ := strings.Cut(all, "\n")
	mark := p.server.Log.Mark()
	for query, want := range map[string]string{
		"name=plain&skip=100":             all[100:],
		"name=raw&skip=70000":             all[70000:],
		"name=half":                       half,
		"name=derived&skip=100":           all[100:],
		"name=memory&skip=100":            memory[100:],
		"name=plain&skip=100&length=1000": all[100:1100],
		"name=plain&length=200000":        all[:200000],
		"name=memory&skip=3&length=5000":  memory[3:5003],
		"name=plain&length=0":             "",
		"name=data&skip=65536":            all[65536:],
		"name=empty":                      "",
		"name=plain&skip=2799990":         all[2799990:],
		"name=plain&skip=9999999":         "",
	} {
		if got := p.get("/file?" + query); got.StatusCode != http.StatusOK || got.Text != want || got.Err != nil {
			p.Errorf("%s: status %d, %d bytes, %v; want %d", query, got.StatusCode, len(got.Text), got.Err, len(want))
		}
	}
	if found := p.server.Log.Find(mark, testkit.Match{Text: "Error"}); len(found) > 0 {
		p.Errorf("the log has %v", found[0])
	}
	got := p.get("/file?name=memory&length=20000")
	if got.Err == nil {
		p.Errorf("a file shorter than its Content-Length is whole: %d bytes", len(got.Text))
	}
}

func fileRead(p probe) {
	p.is(p.get("/file?name=read"), http.StatusOK, strings.Repeat("only read ", 1000))
	p.is(p.get("/file?name=memory&size=7"), http.StatusOK, strings.Repeat("in memory ", 1000))
	p.is(p.get("/file?name=packed"), http.StatusOK, strings.Repeat("unpacked ", 1000))
	equal(p, "the status for a file of text", p.get("/file?name=text").StatusCode, http.StatusInternalServerError)
}
