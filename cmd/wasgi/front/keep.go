package front

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"wasgi/quotas"
	"wasgi/tenants"
)

// asking is a request as its tenant's cache sees it, a shared one as in RFC 9111. A nil
// asking is of a tenant that has none, or is none that a cache could do anything for.
type asking struct {
	cache   *tenants.Cache[any]
	ctx     *fasthttp.RequestCtx
	address string // name of the address's entry
	unsafe  bool   // it may change what is at its address, and is answered by the app only
	own     bool   // it has credentials
	control cacheControl
}

// address is what a cache has of one address: by which headers of a request the responses
// differ, and so the names of their entries.
type address struct {
	number uint64 // of its responses, part of their entries' names
	vary   []string
	until  time.Time
}

// byCoding stands in an address's vary for the coding that the server has chosen.
const byCoding = ":coding"

// rawHeader is a header of a response, as it is written.
type rawHeader struct{ name, value []byte }

// keptResponse is a response in a cache. It does not change.
type keptResponse struct {
	validators
	status  int
	message []byte
	headers []rawHeader // with their names as sent
	body    []byte
	shared  bool          // it may be given to a request with credentials too
	age     time.Duration // when it came
	came    time.Time
	lasts   time.Duration // it is fresh while it is younger
}

// What is not kept: a response that varies by more headers.
const mostVary = 8

// ask looks at a request with the eyes of its tenant's cache, nil for none.
func ask(ctx *fasthttp.RequestCtx, cache *tenants.Cache[any], t target) *asking {
	if cache == nil {
		return nil
	}
	r := requestOf(ctx)
	q := &asking{cache: cache, ctx: ctx, address: "a" + scheme(ctx) + "\x00" + t.authority + "\x00" + t.raw}
	switch {
	case !ctx.IsGet() && !ctx.IsHead():
		q.unsafe = !ctx.IsOptions() && !ctx.IsTrace()
		return q
	}
	for _, name := range []string{"Range", "If-Range", "If-Match", "If-Unmodified-Since"} {
		if r.first(name) != "" {
			return nil
		}
	}
	if r.length != 0 {
		return nil // what the app makes of a body is not in the address
	}
	q.control = parseCacheControl(r.all("Cache-Control"))
	q.control.noCache = q.control.noCache || r.first("Cache-Control") == "" && strings.EqualFold(r.first("Pragma"), "no-cache")
	q.own = r.first("Authorization") != "" || hasCertificate(ctx.Conn())
	if q.control.noStore {
		return nil
	}
	return q
}

// reads tells whether the request could be answered by the cache.
func (q *asking) reads() bool {
	return q != nil && (q.ctx.IsGet() || q.ctx.IsHead())
}

// cached answers a request with what its tenant's cache has, and tells whether it did.
func (s *Server) cached(ctx *fasthttp.RequestCtx, a *access, tenant *tenants.Tenant, q *asking) bool {
	if !q.reads() {
		return false
	}
	if k := q.find(); k != nil {
		a.fromCache = true
		length := s.give(ctx, k)
		a.done(ctx.Response.StatusCode(), length, "")
		return true
	}
	if q.control.ifCached {
		s.fail(ctx, a, tenant, failure{status: fasthttp.StatusGatewayTimeout, reason: "no such response is kept"})
		return true
	}
	return false
}

// find returns a response that may be given as the answer, nil for none.
func (q *asking) find() *keptResponse {
	if q.control.noCache {
		return nil
	}
	at, ok := q.get(q.address).(*address)
	if !ok {
		return nil
	}
	k, ok := q.get(at.name(q.ctx)).(*keptResponse)
	if !ok || q.own && !k.shared {
		return nil
	}
	age := k.ageNow()
	if age >= k.lasts || q.control.maxAge >= 0 && age > q.control.maxAge {
		return nil
	}
	return k
}

func (q *asking) get(name string) any {
	value, _ := q.cache.Get(name)
	return value
}

// name returns the name of the entry of the response for a request.
func (a *address) name(ctx *fasthttp.RequestCtx) string {
	b := strconv.AppendUint([]byte{'r'}, a.number, 16)
	for _, name := range a.vary {
		b = append(b, 0)
		if name == byCoding {
			b = append(b, wantedCoding(ctx)...)
			continue
		}
		for i, value := range requestOf(ctx).all(name) {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, bytes.TrimSpace(value)...)
		}
	}
	return string(b)
}

func (k *keptResponse) ageNow() time.Duration { return k.age + time.Since(k.came) }

// give makes a response that was kept ctx's, or a 304 where the client has it already, and returns
// how much of a body it has.
func (s *Server) give(ctx *fasthttp.RequestCtx, k *keptResponse) (length int64) {
	h := &ctx.Response.Header
	h.DisableNormalizing()
	unchanged := k.status == fasthttp.StatusOK && k.judge(requestOf(ctx)) == fasthttp.StatusNotModified
	if unchanged {
		h.SetStatusCode(fasthttp.StatusNotModified)
	} else {
		h.SetStatusCode(k.status)
		h.SetStatusMessage(k.message)
		ctx.Response.SetBodyRaw(k.body)
		if !ctx.IsHead() {
			length = int64(len(k.body))
		}
	}
	for _, header := range k.headers {
		if !unchanged || ofUnchanged(header.name) {
			h.AddBytesKV(header.name, header.value)
		}
	}
	h.Set("Age", strconv.FormatInt(int64(k.ageNow()/time.Second), 10))
	return length
}

// ofUnchanged tells whether a header belongs into a 304: RFC 9110, section 15.4.5.
func ofUnchanged(name []byte) bool {
	for _, one := range []string{"Cache-Control", "Content-Location", "ETag", "Expires", "Vary"} {
		if isName(name, one) {
			return true
		}
	}
	return false
}

// answered tells the cache of the app's response, the head of which is in ctx.
func (q *asking) answered(resp *response) {
	whole, body := resp.stream == nil, resp.whole
	resp.whole = nil
	switch {
	case q == nil:
	case q.unsafe && q.ctx.Response.StatusCode() < 400:
		q.cache.Drop(q.address)
	case (whole || body != nil) && q.ctx.IsGet() && len(resp.access.hits) == 0:
		if whole {
			body = bytes.Clone(q.ctx.Response.Body())
		}
		q.keep(body, resp.squeeze.added)
	}
}

// keep keeps the response, if its head allows that. Coded is one that varies by coding
// because the server compresses it.
func (q *asking) keep(body []byte, coded bool) {
	k, said := q.read(body)
	if k == nil || !said.mayKeep(q.own) {
		return
	}
	k.shared = said.control.public || said.control.mustRevalidate || said.control.sharedAge >= 0
	if k.lasts = said.lifetime(); k.age >= k.lasts {
		return
	}
	if coded {
		said.vary = append(slices.DeleteFunc(said.vary, func(name string) bool { return name == "accept-encoding" }), byCoding)
	}
	at := q.place(said.vary, k.lasts-k.age)
	q.cache.Put(at.name(q.ctx), k, k.size(), k.lasts-k.age)
}

// place returns the entry of the address, made or changed where that is needed.
func (q *asking) place(vary []string, lasts time.Duration) *address {
	until := time.Now().Add(lasts)
	was, ok := q.get(q.address).(*address)
	if ok && slices.Equal(was.vary, vary) && !was.until.Before(until) {
		return was
	}
	at := &address{number: rand.Uint64(), vary: vary, until: until}
	if ok && slices.Equal(was.vary, vary) {
		at.number = was.number
	}
	size := 256
	for _, name := range vary {
		size += len(name) + 16
	}
	q.cache.Put(q.address, at, quotas.Bytes(size), lasts)
	return at
}

func (k *keptResponse) size() quotas.Bytes {
	n := 512 + len(k.body) + len(k.message)
	for _, h := range k.headers {
		n += len(h.name) + len(h.value) + 64
	}
	return quotas.Bytes(n)
}

// said is what a response's head says of being kept.
type said struct {
	status  int
	control cacheControl
	expires string
	vary    []string // in lower case, each once, in order
}

// read makes a response of the head in ctx, copied, and body; nil where it has something
// that is never kept.
func (q *asking) read(body []byte) (*keptResponse, said) {
	r := &q.ctx.Response
	k := &keptResponse{status: r.StatusCode(), message: bytes.Clone(r.Header.StatusMessage()), came: time.Now(), body: body}
	of := said{status: k.status}
	var controls [][]byte
	for name, value := range r.Header.All() {
		switch {
		case isName(name, "Content-Length"), isName(name, "Connection"), isName(name, limitHeader):
			continue
		case isName(name, "Age"):
			k.age = deltaSeconds(value)
			continue
		case isName(name, "Set-Cookie"), isName(name, "Content-Range"):
			return nil, of
		case isName(name, "Cache-Control"):
			controls = append(controls, value)
		case isName(name, "Expires"):
			of.expires = string(value)
		case isName(name, "ETag"):
			k.etag = string(value)
		case isName(name, "Last-Modified"):
			k.modified, _ = parseTime(string(value))
		case isName(name, "Vary"):
			of.addVary(string(value))
		}
		k.headers = append(k.headers, rawHeader{bytes.Clone(name), bytes.Clone(value)})
	}
	of.control = parseCacheControl(controls)
	return k, of
}

func (s *said) addVary(value string) {
	for name := range strings.SplitSeq(strings.ToLower(value), ",") {
		if name = strings.TrimSpace(name); name != "" && !slices.Contains(s.vary, name) {
			s.vary = append(s.vary, name)
		}
	}
	slices.Sort(s.vary)
}

// mayKeep tells whether a shared cache may keep the response, to a request with
// credentials of its own or without. RFC 9111, section 3.
func (s said) mayKeep(own bool) bool {
	c := s.control
	switch s.status {
	case 200, 203, 204, 300, 301, 302, 307, 308, 404, 405, 410, 414, 501:
	default:
		return false
	}
	if c.noStore || c.noCache || c.private || len(s.vary) > mostVary || slices.Contains(s.vary, "*") {
		return false
	}
	return !own || c.public || c.mustRevalidate || c.sharedAge >= 0
}

// lifetime is how long the response is fresh, 0 where it does not say. RFC 9111, section
// 4.2.1.
func (s said) lifetime() time.Duration {
	switch {
	case s.control.sharedAge >= 0:
		return s.control.sharedAge
	case s.control.maxAge >= 0:
		return s.control.maxAge
	}
	expires, ok := parseTime(s.expires)
	if !ok {
		return 0
	}
	return time.Until(expires)
}
