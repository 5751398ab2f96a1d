package tenants

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"wasgi/abi"
	"wasgi/quotas"
	"wasgi/runtime"
	"wasgi/wasi"
)

// patience is how long a test waits for what must happen.
const patience = 10 * time.Second

// eventually waits for something that no channel tells of.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); {
		if time.Now().After(end) {
			t.Fatalf("waited %v: %s", patience, what)
		}
		time.Sleep(time.Millisecond)
	}
}

// echo is an app that answers with its entry and the request's body.
func echo(t *testing.T) *runtime.Image {
	t.Helper()
	tool, err := exec.LookPath("wat2wasm")
	if err != nil {
		t.Fatal(`needs wat2wasm: run "make test", or install wabt`)
	}
	file := filepath.Join(t.TempDir(), "echo.wasm")
	if out, err := exec.Command(tool, "../runtime/testdata/echo.wat", "-o", file).CombinedOutput(); err != nil {
		t.Fatalf("wat2wasm: %v\n%s", err, out)
	}
	wasm, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	img, err := runtime.LoadImage(context.Background(), runtime.ImageConfig{Wasm: wasm})
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// server is a registry whose apps are echo.wat, with bundles in a folder of its own.
type server struct {
	*Registry
	t    *testing.T
	dir  string
	log  *pad
	fds  int
	host Host
}

// newServer returns a registry. When the test ends it is closed, and must have kept
// neither an open file nor a goroutine.
func newServer(t *testing.T) *server {
	t.Helper()
	img := echo(t)
	s := &server{t: t, dir: t.TempDir(), log: &pad{}}
	s.host = Host{
		Image: img, Stdlib: wasi.NewTmp(wasi.Quota{}), State: t.TempDir(),
		Log: slog.New(slog.NewTextHandler(s.log, nil)),
	}
	s.Registry = NewRegistry(s.host)
	s.fds = s.openFiles()
	before := goruntime.NumGoroutine()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the files are closed", func() bool { return s.openFiles() <= s.fds })
		eventually(t, "the goroutines end", func() bool { return goruntime.NumGoroutine() <= before })
		if err := img.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// openFiles counts the open files below the server's folders.
func (s *server) openFiles() int {
	n := 0
	links, _ := filepath.Glob("/proc/self/fd/*") // the pattern is well formed
	for _, link := range links {
		if to, err := os.Readlink(link); err == nil && (strings.HasPrefix(to, s.dir) || strings.HasPrefix(to, s.host.State)) {
			n++
		}
	}
	return n
}

// bundle writes and opens a bundle; app are further lines of its [app].
func (s *server) bundle(name, entry, app, limits string) Bundle {
	s.t.Helper()
	write(s.t, manifest("entry = \""+entry+"\"\n"+app, "", limits), s.dir, name, ManifestName)
	b, err := OpenBundle(filepath.Join(s.dir, name), Policy{})
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

// load puts a bundle in force that must load.
func (s *server) load(name, entry, app, limits string) *Tenant {
	s.t.Helper()
	if err := s.Load(context.Background(), s.bundle(name, entry, app, limits)); err != nil {
		s.t.Fatal(err)
	}
	for _, t := range s.Tenants() {
		if t.Name == name {
			return t
		}
	}
	s.t.Fatalf("no tenant %s", name)
	return nil
}

// answer is a response of echo.wat.
type answer struct {
	mu    sync.Mutex
	text  string
	whole bool
	first chan struct{} // closed with the first block
}

func (a *answer) Start([]byte, abi.View) error { return nil }

func (a *answer) Expect(int64) {}

func (a *answer) Write(block []byte, last bool) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.text == "" && a.first != nil {
		close(a.first)
	}
	a.text += string(block)
	a.whole = a.whole || last
	return nil
}

// ask sends a request with a body and returns the answer.
func ask(ctx context.Context, t *Tenant, body string) (string, error) {
	var a answer
	req := &runtime.Request{ID: "r1", Environ: &abi.Pairs{}, Body: strings.NewReader(body)}
	err := t.Serve(ctx, req, &a)
	if err == nil && (!a.whole || req.Instance == "") {
		err = errors.New("the response is not whole, or nobody's")
	}
	return a.text, err
}

// flight is a request that ends when its body does.
type flight struct {
	body *io.PipeWriter
	done chan error
	answer
}

// fly sends a request and returns when the app has begun to answer.
func fly(t *testing.T, tenant *Tenant) *flight {
	t.Helper()
	r, w := io.Pipe()
	f := &flight{body: w, done: make(chan error, 1), answer: answer{first: make(chan struct{})}}
	go func() {
		f.done <- tenant.Serve(context.Background(), &runtime.Request{Environ: &abi.Pairs{}, Body: r}, &f.answer)
	}()
	select {
	case <-f.first:
	case err := <-f.done:
		t.Fatal(err)
	}
	return f
}

// land ends the request's body and returns the answer.
func (f *flight) land(t *testing.T) string {
	t.Helper()
	if err := f.body.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-f.done; err != nil {
		t.Error(err)
	}
	return f.text
}

func TestATenantServes(t *testing.T) {
	s := newServer(t)
	blog := s.load("blog", "one:app", "", "")
	if got, script := s.Route("a.example", "/x"); got != blog || script != "" {
		t.Errorf("the route leads to %v, %q", got, script)
	}
	for range 3 {
		if got, err := ask(context.Background(), blog, "+body"); got != "one:app+body" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
	}
	if got := blog.Stats().Pool; got != (runtime.PoolStats{Open: 1, Idle: 1}) {
		t.Errorf("got %+v", got)
	}
}

// What never came to the app is counted too, and in the tenant's log.
func TestARefusalIsCounted(t *testing.T) {
	s := newServer(t)
	blog := s.load("blog", "one:app", "", "")
	blog.Refused("r1", fmt.Errorf("no: %w", &quotas.Exceeded{Limit: quotas.LimitRequestBody, Detail: "a body longer than 1KiB"}))
	blog.Refused("r2", errors.New("another reason"))
	if got := blog.Stats().Account.Hits; len(got) != 1 || got[quotas.LimitRequestBody] != 1 {
		t.Errorf("counted %v", got)
	}
	blog.met(&runtime.Request{ID: "r3", Hits: []quotas.Limit{quotas.LimitTmp}}, nil)
	for _, want := range []string{"over the limit request_body: a body longer than 1KiB", "over the limit tmp"} {
		if s.log.count(want) != 1 {
			t.Errorf("%q stands %d times in the log", want, s.log.count(want))
		}
	}
}

func TestAnAppThatCannotBeImported(t *testing.T) {
	s := newServer(t)
	b := s.bundle("blog", "bad:app", "", "")
	want := s.dir + `/blog/wasgi.toml: app.entry = "bad:app": the app cannot be loaded: Traceback` + "\nImportError: it is bad"
	err := s.Load(context.Background(), b)
	var notLoaded *NotLoadedError
	if !errors.As(err, &notLoaded) || err.Error() != want {
		t.Fatalf("got  %v\nwant %v", err, want)
	}
	blog, _ := s.Route("a.example", "/")
	if blog == nil {
		t.Fatal("its requests are nobody's")
	}
	made := blog.current.Load().made.Load()
	for range 3 {
		if _, err := ask(context.Background(), blog, ""); err == nil || err.Error() != want {
			t.Errorf("a request got %v", err)
		}
	}
	if got := blog.current.Load().made.Load(); got != made || blog.Stats().Pool.Open != 0 {
		t.Errorf("requests tried the import %d times more, %+v", got-made, blog.Stats())
	}
	if err := s.Load(context.Background(), b); err == nil {
		t.Error("the next Load does not try")
	}
	if got, err := ask(context.Background(), s.load("blog", "good:app", "", ""), ""); got != "good:app" || err != nil {
		t.Errorf("the mended app answers %q, %v", got, err)
	}
}

func TestAnUnchangedBundleStays(t *testing.T) {
	s := newServer(t)
	blog := s.load("blog", "one:app", "", "")
	if s.load("blog", "one:app", "", "") != blog {
		t.Error("another tenant")
	}
	b, err := OpenBundle(filepath.Join(s.dir, "blog"), Policy{})
	if err != nil {
		t.Fatal(err)
	}
	last := blog.current.Load()
	if err := s.Load(context.Background(), b); err != nil || blog.current.Load() != last {
		t.Errorf("an unchanged bundle made a new version (%v)", err)
	}
}

func TestRequestsInFlightFinishOnTheOldVersion(t *testing.T) {
	s := newServer(t)
	blog := s.load("blog", "one:app", "", "")
	old, oldVersion := fly(t, blog), blog.current.Load()
	if s.load("blog", "two:app", "hosts = [\"b.example\"]", "") != blog {
		t.Error("a new version is another tenant")
	}
	if got, err := ask(context.Background(), blog, ""); got != "two:app" || err != nil {
		t.Errorf("a new request got %q, %v", got, err)
	}
	if got, _ := s.Route("a.example", "/"); got != nil {
		t.Error("the old version's host is still routed")
	}
	if got, _ := s.Route("b.example", "/"); got != blog {
		t.Error("the new version's host is not routed")
	}
	select {
	case <-oldVersion.pool.Closed():
		t.Error("the old version is gone with a request in flight")
	default:
	}
	if _, err := old.body.Write([]byte("+late")); err != nil {
		t.Error(err)
	}
	if got := old.land(t); got != "one:app+late" {
		t.Errorf("the request in flight got %q", got)
	}
	<-oldVersion.pool.Closed()
}

func TestAVersionThatDoesNotLoadChangesNothing(t *testing.T) {
	s := newServer(t)
	blog := s.load("blog", "one:app", "", "")
	if err := s.Load(context.Background(), s.bundle("blog", "bad:app", "hosts = [\"b.example\"]", "")); err == nil {
		t.Fatal("no error")
	}
	if got, err := ask(context.Background(), blog, ""); got != "one:app" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if got, _ := s.Route("a.example", "/"); got != blog {
		t.Error("the route has changed")
	}
}

func TestRemove(t *testing.T) {
	s := newServer(t)
	blog, other := s.load("blog", "one:app", "", ""), s.load("other", "two:app", "hosts = [\"b.example\"]", "")
	old := fly(t, blog)
	s.load("blog", "three:app", "", "")
	s.Remove("blog")
	s.Remove("blog")
	s.Remove("nobody")
	if got, _ := s.Route("a.example", "/"); got != nil || len(s.Tenants()) != 1 {
		t.Error("it is still there")
	}
	if _, err := ask(context.Background(), blog, ""); !errors.Is(err, runtime.ErrClosed) {
		t.Errorf("a request that comes too late got %v", err)
	}
	select {
	case <-blog.gone:
		t.Error("gone with a request in flight on an older version")
	default:
	}
	if got := old.land(t); got != "one:app" {
		t.Errorf("got %q", got)
	}
	<-blog.gone
	if got, err := ask(context.Background(), other, ""); got != "two:app" || err != nil {
		t.Errorf("the other tenant: %q, %v", got, err)
	}
	if again := s.load("blog", "four:app", "", ""); again == blog {
		t.Error("a removed tenant is back")
	}
}

func TestCloseWaitsForRequestsInFlight(t *testing.T) {
	s := newServer(t)
	blog := s.load("blog", "one:app", "", "")
	old := fly(t, blog)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := s.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if err := s.Add(s.bundle("late", "a:b", "", "")); err == nil || err.Error() != "the server is shutting down" {
		t.Errorf("a bundle after Close: %v", err)
	}
	old.land(t)
	if err := s.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestTwoTenantsCannotHaveOneRoute(t *testing.T) {
	s := newServer(t)
	s.load("blog", "one:app", "hosts = [\"a.example\", \"*.b\"]", "")
	for name, test := range map[string]struct{ app, host string }{
		"same":     {"hosts = [\"a.example\"]", "a.example"},
		"among":    {"hosts = [\"c\", \"a.example\"]", "a.example"},
		"wildcard": {"hosts = [\"*.b\"]", "*.b"},
	} {
		err := s.Load(context.Background(), s.bundle(name, "two:app", test.app, ""))
		want := s.dir + "/" + name + `/wasgi.toml: app.hosts has "` + test.host + `", which tenant blog serves already`
		if err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %v", err, want)
		}
	}
	shop := s.load("shop", "two:app", "hosts = [\"a.example\"]\nprefix = \"/shop\"", "")
	if got, script := s.Route("a.example", "/shop/x"); got != shop || script != "/shop" {
		t.Errorf("got %v, %q", got, script)
	}
	s.load("exact", "two:app", "hosts = [\"x.b\"]", "")
	s.load("blog", "three:app", "hosts = [\"a.example\"]", "")
	s.load("wildcard", "two:app", "hosts = [\"*.b\"]", "")
}

// Both pass while neither is in force; only one may come to be.
func TestTwoNewVersionsCannotHaveOneRoute(t *testing.T) {
	s := newServer(t)
	a, b := s.load("a", "one:app", "hosts = [\"a\"]", ""), s.load("b", "two:app", "hosts = [\"b\"]", "")
	nextA, nextB := s.bundle("a", "three:app", "hosts = [\"c\"]", ""), s.bundle("b", "four:app", "hosts = [\"c\"]", "")
	versionA, err := a.newVersion(nextA)
	if err != nil {
		t.Fatal(err)
	}
	versionB, err := b.newVersion(nextB)
	if err != nil {
		t.Fatal(err)
	}
	first, second := s.change(a, versionA), s.change(b, versionB)
	if first != nil || second == nil {
		t.Errorf("got %v, %v", first, second)
	}
	if got, _ := s.Route("c", "/"); got != a {
		t.Errorf("c is %v's", got)
	}
}

func TestABusyTenant(t *testing.T) {
	s := newServer(t)
	blog := s.load("blog", "one:app", "", "instances = 1")
	busy := fly(t, blog)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := ask(ctx, blog, ""); !errors.Is(err, quotas.LimitQueueTimeout) {
		t.Errorf("got %v", err)
	}
	busy.land(t)
	if got, err := ask(context.Background(), blog, ""); got != "one:app" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

// A request that meets a version in the moment it is replaced is served by the next.
func TestNoRequestIsLostWhenVersionsChange(t *testing.T) {
	s := newServer(t)
	blog := s.load("blog", "v0:app", "", "instances = 3")
	var stop atomic.Bool
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for !stop.Load() {
				if got, err := ask(context.Background(), blog, ""); err != nil || !strings.HasPrefix(got, "v") {
					t.Errorf("got %q, %v", got, err)
					return
				}
			}
		})
	}
	for n := range 20 {
		s.load("blog", "v"+strings.Repeat("1", n+1)+":app", "", "instances = 3")
	}
	stop.Store(true)
	group.Wait()
}

func TestTenantsKeepTheirState(t *testing.T) {
	s := newServer(t)
	s.load("blog", "one:app", "", "")
	s.Remove("blog")
	s.load("blog", "two:app", "", "")
	for _, name := range []string{"data", "cache"} {
		info, err := os.Stat(filepath.Join(s.host.State, "blog", name))
		if err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}

func TestAFolderOfBundles(t *testing.T) {
	s := newServer(t)
	f := Folder{Dir: s.dir, Registry: s.Registry, Log: s.host.Log}
	s.bundle("good", "one:app", "hosts = [\"good\"]", "")
	s.bundle("worse", "bad:app", "hosts = [\"worse\"]", "")
	write(t, "[app]\nentry = 1", s.dir, "wrong", ManifestName)
	write(t, "", s.dir, "nothing", "app.py")
	write(t, "", s.dir, "file")
	found, err := f.Find()
	if err != nil || len(found) != 2 {
		t.Fatalf("found %d bundles, %v", len(found), err)
	}
	f.Load(context.Background(), found)
	good, _ := s.Route("good", "/")
	if got, err := ask(context.Background(), good, ""); got != "one:app" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	for text, want := range map[string]int{
		`msg="tenant not loaded" tenant=worse`: 1, `msg="tenant not loaded" tenant=wrong`: 1, "ImportError: it is bad": 1,
		"tenant=nothing": 0, "tenant=file": 0, `msg="tenant serving" tenant=good`: 1,
	} {
		if got := s.log.count(text); got != want {
			t.Errorf("the log has %q %d times, want %d", text, got, want)
		}
	}
	if err := os.RemoveAll(filepath.Join(s.dir, "good")); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Find(); err != nil {
		t.Fatal(err)
	}
	if got, _ := s.Route("good", "/"); got != nil {
		t.Error("a bundle that is gone is still served")
	}
}
