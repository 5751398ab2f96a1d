package wsgi

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"wasgi/test/testkit"
)

func environCGI() []statement {
	return []statement{
		{6, "M", "REQUEST_METHOD is there and not empty", requestMethod},
		{7, "M", "SCRIPT_NAME is never \"/\", PATH_INFO is there where it is empty, both begin with \"/\"", scriptName},
		{8, "M", "PATH_INFO is the decoded path, its bytes as latin-1", pathInfo},
		{9, "M", "QUERY_STRING is as received, and always there", queryString},
		{10, "M", "CONTENT_TYPE and CONTENT_LENGTH only under these names", contentKeys},
		{11, "M", "SERVER_NAME and SERVER_PORT are never empty, even with no Host", serverName},
		{12, "M", "SERVER_PROTOCOL is the client's version", serverProtocol},
		{13, "M", "HTTP_* are there as the request's headers are", headerKeys},
		{14, "M", "every CGI value is exactly str, of U+0000 to U+00FF", valuesAreStr},
		{15, "M", "what is absent is left out, and not None", absentKeys},
		{16, "S", "REMOTE_ADDR, REMOTE_PORT, SERVER_SOFTWARE; HTTPS and SSL_* under TLS alone", otherKeys},
		{17, "S", "which variables there are is documented", documentedKeys},
		{18, "S", "the deployer can put names and values into environ", deployersKeys},
		{19, "X", "repeated headers are joined with \",\", Cookie with \"; \"", repeatedHeaders},
		{20, "X", "X_A does not stand for X-A", underscores},
		{21, "X", "Proxy does not become HTTP_PROXY", httpoxy},
		{22, "X", "of an absolute-form target the path alone", absoluteForm},
		{23, "X", "the path is kept byte for byte, the raw target is offered", rawTarget},
	}
}

func environWSGI() []statement {
	return []statement{
		{24, "M", "wsgi.version is (1, 0)", wsgiVersion},
		{25, "M", "wsgi.url_scheme is \"http\" or \"https\"", urlScheme},
		{26, "M", "wsgi.input, errors, multithread, multiprocess, run_once are there and honest", wsgiKeys},
		{27, "M", "the server's own keys have a prefix of its own, in lower case", extensionKeys},
		{28, "S", "an app is run by one thread", oneThread},
	}
}

// environ is what the echo app saw of a request.
type environ struct {
	Type           string            // of the dict
	Values, Others map[string]string // of those that are str, and the repr of the others
}

// environOf sends "GET / HTTP/1.1" with Host and further lines, or another request line.
func (p probe) environOf(line string, headers ...string) environ {
	p.Helper()
	if line == "" {
		line = "GET / HTTP/1.1"
	}
	if !slices.ContainsFunc(headers, func(h string) bool { return strings.HasPrefix(h, "Host:") }) {
		headers = append([]string{"Host: echo.localhost"}, headers...)
	}
	var e environ
	p.decode(p.on(http.MethodGet, line+"\r\n"+strings.Join(headers, "\r\n")+"\r\n\r\n"), &e)
	return e
}

// has fails the test unless the environ has these values; "-" stands for none.
func (p probe) has(e environ, want ...string) {
	p.Helper()
	for i := 0; i < len(want); i += 2 {
		got, there := e.Values[want[i]]
		if !there {
			got = "-"
		}
		equal(p, want[i], got, want[i+1])
	}
}

func requestMethod(p probe) {
	for _, method := range []string{"GET", "POST", "DELETE", "PATCH", "BREW"} {
		p.has(p.environOf(method+" / HTTP/1.1", "Content-Length: 0"), "REQUEST_METHOD", method)
	}
}

func scriptName(p probe) {
	p.has(p.environOf(""), "SCRIPT_NAME", "", "PATH_INFO", "/")
	p.has(p.environOf("GET //a HTTP/1.1"), "SCRIPT_NAME", "", "PATH_INFO", "//a")
	const mounted = "Host: mounted.localhost"
	for target, path := range map[string]string{"/deep/shop": "", "/deep/shop/": "/", "/deep/shop/a%20b": "/a b", "/deep/shop?q": ""} {
		p.has(p.environOf("GET "+target+" HTTP/1.1", mounted), "SCRIPT_NAME", "/deep/shop", "PATH_INFO", path)
	}
}

func pathInfo(p probe) {
	p.has(p.environOf("GET /%E2%82%AC/%00%2F%ff HTTP/1.1"), "PATH_INFO", "/\u00e2\u0082\u00ac/\x00/\u00ff")
}

func queryString(p probe) {
	p.has(p.environOf(""), "QUERY_STRING", "")
	p.has(p.environOf("GET /? HTTP/1.1"), "QUERY_STRING", "")
	p.has(p.environOf("GET /?x=%20&y+z?a=%C3 HTTP/1.1"), "QUERY_STRING", "x=%20&y+z?a=%C3")
}

func contentKeys(p probe) {
	e := p.environOf("POST / HTTP/1.1", "content-type: text/x; a=b", "content-length: 0")
	p.has(e, "CONTENT_TYPE", "text/x; a=b", "CONTENT_LENGTH", "0", "HTTP_CONTENT_TYPE", "-", "HTTP_CONTENT_LENGTH", "-")
}

func serverName(p probe) {
	_, port, _ := strings.Cut(p.server.Address(), ":")
	p.has(p.environOf(""), "SERVER_NAME", "echo.localhost", "SERVER_PORT", port)
	p.has(p.environOf("GET / HTTP/1.1", "Host: ECHO.localhost:81"), "SERVER_NAME", "echo.localhost")
	var e environ
	p.decode(p.on(http.MethodGet, "GET / HTTP/1.0\r\n\r\n"), &e)
	p.has(e, "SERVER_NAME", "127.0.0.1", "SERVER_PORT", port, "HTTP_HOST", "-")
}

func serverProtocol(p probe) {
	for _, version := range []string{"HTTP/1.0", "HTTP/1.1"} {
		p.has(p.environOf("GET / "+version), "SERVER_PROTOCOL", version)
	}
}

func headerKeys(p probe) {
	p.has(p.environOf(""), "HTTP_HOST", "echo.localhost", "HTTP_USER_AGENT", "-", "HTTP_ACCEPT", "-", "HTTP_X_A", "-")
	p.has(p.environOf("", "X-a:  na\xefve ", "X-Empty:", "Accept: */*"), "HTTP_X_A", "na\u00efve", "HTTP_X_EMPTY", "", "HTTP_ACCEPT", "*/*")
}

func valuesAreStr(p probe) {
	e := p.environOf("GET /%ff?%ff HTTP/1.1", "X-A: \xff\x80", "Content-Type: \xe9")
	equal(p, "the type of environ", e.Type, "dict")
	for name, value := range e.Values {
		for _, r := range value {
			if r > 0xff {
				p.Errorf("%s has U+%04X: %q", name, r, value)
			}
		}
	}
	for name := range e.Others {
		if !strings.HasPrefix(name, "wsgi.") && name != "wasgi.limits" {
			p.Errorf("%s is no str but %s", name, e.Others[name])
		}
	}
}

func absentKeys(p probe) {
	e := p.environOf("")
	p.has(e, "REMOTE_USER", "-", "AUTH_TYPE", "-", "CONTENT_TYPE", "-", "CONTENT_LENGTH", "-")
	for name, value := range e.Others {
		if value == "None" {
			p.Errorf("%s is None", name)
		}
	}
}

// otherKeys asks without TLS; the environ under TLS has a test beside its code.
func otherKeys(p probe) {
	e := p.environOf("", "HTTPS: on", "SSL-Protocol: x")
	p.has(e, "REMOTE_ADDR", "127.0.0.1", "HTTPS", "-", "SSL_PROTOCOL", "-", "wasgi.client_certificate", "-")
	if e.Values["REMOTE_PORT"] == "" || !strings.HasPrefix(e.Values["SERVER_SOFTWARE"], "wasgi") {
		p.Errorf("REMOTE_PORT is %q, SERVER_SOFTWARE %q", e.Values["REMOTE_PORT"], e.Values["SERVER_SOFTWARE"])
	}
}

// documentedKeys looks for the name of each key in the README.
func documentedKeys(p probe) {
	text, err := os.ReadFile(filepath.Join(testkit.Checkout(p), "README.md"))
	if err != nil {
		p.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## The environ\n")
	section, _, _ = strings.Cut(section, "\n## ")
	e := p.environOf("POST /x HTTP/1.1", "Content-Length: 0", "Content-Type: x", "X-A: 1")
	for name := range e.Values {
		if !strings.HasPrefix(name, "HTTP_") && !strings.Contains(section, "`"+name+"`") {
			p.Errorf("the README does not tell of %s", name)
		}
	}
	for name := range e.Others {
		if !strings.Contains(section, "`"+name+"`") {
			p.Errorf("the README does not tell of %s", name)
		}
	}
}

func deployersKeys(p probe) {
	e := p.environOf("GET /deep/shop HTTP/1.1", "Host: mounted.localhost")
	p.has(e, "shop.currency", "\u00e2\u0082\u00ac", "REMOTE_USER", "nobody")
	p.has(p.environOf(""), "shop.currency", "-")
}

func repeatedHeaders(p probe) {
	e := p.environOf("", "X-A: 1", "Cookie: a=1", "x-a: 2", "cookie: b=2", "X-A: 1")
	p.has(e, "HTTP_X_A", "1,2,1", "HTTP_COOKIE", "a=1; b=2")
}

// underscores may be refused or left out, but not passed on.
func underscores(p probe) {
	got := p.server.Raw(p, testkit.Head("echo.localhost", "/", "X-A: real", "X_A: forged", "Connection: close"))
	if strings.Contains(got, "forged") {
		p.Errorf("the app saw X_A: %q", got)
	}
}

func httpoxy(p probe) {
	p.has(p.environOf("", "Proxy: http://evil", "PROXY: http://evil"), "HTTP_PROXY", "-")
}

func absoluteForm(p probe) {
	e := p.environOf("GET http://echo.localhost/a?b HTTP/1.1")
	p.has(e, "PATH_INFO", "/a", "QUERY_STRING", "b", "SCRIPT_NAME", "")
}

func rawTarget(p probe) {
	const target = "/A//b/./../%2F%2f%41?q=%2F"
	e := p.environOf("GET " + target + " HTTP/1.1")
	p.has(e, "PATH_INFO", "/A//b/./..///A", "wasgi.raw_target", target, "REQUEST_URI", target, "RAW_URI", target)
}

func wsgiVersion(p probe) { equal(p, "wsgi.version", p.environOf("").Others["wsgi.version"], "(1, 0)") }

func urlScheme(p probe) {
	p.has(p.environOf("", "X-Forwarded-Proto: https"), "wsgi.url_scheme", "http")
}

func wsgiKeys(p probe) {
	e := p.environOf("")
	for name, want := range map[string]string{"wsgi.multithread": "False", "wsgi.multiprocess": "True", "wsgi.run_once": "False"} {
		equal(p, name, e.Others[name], want)
	}
	if e.Others["wsgi.input"] == "" || e.Others["wsgi.errors"] == "" {
		p.Errorf("wsgi.input is %q, wsgi.errors %q", e.Others["wsgi.input"], e.Others["wsgi.errors"])
	}
	once := p.environOf("GET /deep/shop HTTP/1.1", "Host: mounted.localhost")
	equal(p, "wsgi.run_once where each request has an instance as it was imported", once.Others["wsgi.run_once"], "True")
}

func extensionKeys(p probe) {
	e := p.environOf("")
	name := regexp.MustCompile(`^wa?sgi\.[a-z0-9_.]+$|^[A-Z0-9_]+$`)
	for _, keys := range []map[string]string{e.Values, e.Others} {
		for key := range keys {
			if !name.MatchString(key) {
				p.Errorf("there is a key %q", key)
			}
		}
	}
	p.has(e, "wasgi.tenant", "echo", "wasgi.raw_target", "/")
	if e.Values["wasgi.request_id"] == "" || !strings.Contains(e.Others["wasgi.limits"], "'cpu'") {
		p.Errorf("wasgi.request_id is %q, wasgi.limits %s", e.Values["wasgi.request_id"], e.Others["wasgi.limits"])
	}
}

// oneThread asks with many connections at once, of an app with one instance.
func oneThread(p probe) {
	var group sync.WaitGroup
	for n := range 8 {
		group.Go(func() {
			if got := p.get(fmt.Sprintf("/alone?%d", n)); got.Text != "1" {
				p.Errorf("%s requests were in the app at once", got.Text)
			}
		})
	}
	group.Wait()
}
