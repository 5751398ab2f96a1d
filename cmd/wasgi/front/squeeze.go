package front

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"wasgi/quotas"
	"wasgi/tenants"
)

// What is compressed: a body of leastSqueezed bytes at least, piece by piece, between
// which other guests have their turn.
const (
	leastSqueezed = 1 << 10
	squeezePiece  = 64 << 10
)

// squeeze compresses the body of one response, if its app, its tenant and its client are
// for it. It works on the goroutine of the app, and so on the tenant's account. The zero
// value compresses nothing.
type squeeze struct {
	coders *coders       // nil: nothing is compressed
	wanted coding        // by the client
	most   time.Duration // of CPU time

	// What the app says.
	kind    string // Content-Type
	etag    []byte // ETag, as it is written
	etagKey []byte
	leave   bool // the body is to stay as it is
	varies  bool // Vary names Accept-Encoding, or all

	added   bool // Vary is the server's
	encoder encoder
	out     bytes.Buffer
	spent   time.Duration
}

// squeeze says what may be compressed for a client of a tenant.
func (s *Server) squeeze(ctx *fasthttp.RequestCtx, m tenants.Manifest) squeeze {
	if !m.Edge.Compress {
		return squeeze{}
	}
	return squeeze{coders: s.coders, wanted: wantedCoding(ctx), most: m.Quota.CPU}
}

// wantedCoding returns which coding a response is compressed with.
func wantedCoding(ctx *fasthttp.RequestCtx) coding {
	return parseAccept(requestOf(ctx).all("Accept-Encoding")).best(zstd, brotli, gzip)
}

// note takes what a header of the app's says, and tells whether the header is to be sent.
// "Content-Encoding: identity" is the app's word for: leave it as it is.
func (q *squeeze) note(name, value []byte) bool {
	switch {
	case isName(name, "Content-Encoding"):
		q.leave = true
		return !bytes.EqualFold(bytes.TrimSpace(value), []byte("identity"))
	case isName(name, "Content-Range"), isName(name, "Content-Digest"), isName(name, "Repr-Digest"), isName(name, "Digest"), isName(name, "Content-MD5"):
		q.leave = true
	case isName(name, "Cache-Control"):
		q.leave = q.leave || parseCacheControl([][]byte{value}).noTransform
	case isName(name, "Content-Type"):
		q.kind = string(value)
	case isName(name, "ETag"):
		q.etagKey, q.etag = bytes.Clone(name), bytes.Clone(value)
	case isName(name, "Vary"):
		q.varies = q.varies || varies(value, "accept-encoding")
	}
	return true
}

// varies tells whether a value of Vary names a header, in lower case, or all.
func varies(value []byte, header string) bool {
	for name := range strings.SplitSeq(strings.ToLower(string(value)), ",") {
		if name = strings.TrimSpace(name); name == header || name == "*" {
			return true
		}
	}
	return false
}

// begin decides, with the head complete, whether a body of size bytes, -1 where that is
// not known, is compressed, and puts that into the head.
func (q *squeeze) begin(h *fasthttp.ResponseHeader, size int64) bool {
	switch h.StatusCode() {
	case fasthttp.StatusNoContent, fasthttp.StatusPartialContent, fasthttp.StatusNotModified:
		return false
	}
	if q.coders == nil || q.leave || size >= 0 && size < leastSqueezed || !compressible(q.kind) {
		return false
	}
	if !q.varies {
		h.Add("Vary", "Accept-Encoding")
		q.varies, q.added = true, true
	}
	if q.wanted == plain {
		return false
	}
	h.SetContentEncoding(string(q.wanted))
	q.weaken(h)
	return true
}

// weaken makes the app's ETag a weak one: it is that of the body as it was.
func (q *squeeze) weaken(h *fasthttp.ResponseHeader) {
	if len(q.etag) > 0 && q.etag[0] == '"' {
		h.SetBytesKV(q.etagKey, append([]byte("W/"), q.etag...))
	}
}

// unchanged gives a 304 the ETag that the client has, if that is the weak one.
func (q *squeeze) unchanged(ctx *fasthttp.RequestCtx) {
	if q.coders == nil || len(q.etag) == 0 || q.etag[0] != '"' {
		return
	}
	weak := "W/" + string(q.etag)
	for _, value := range requestOf(ctx).all("If-None-Match") {
		if bytes.Contains(value, []byte(weak)) {
			q.weaken(&ctx.Response.Header)
			return
		}
	}
}

// open begins the body.
func (q *squeeze) open() { q.encoder = q.coders.take(q.wanted, &q.out) }

// on tells whether the body is being compressed.
func (q *squeeze) on() bool { return q.encoder != nil }

// write compresses a block and calls send with what comes of it, as it comes. Before each
// piece but the first it calls turn, which may take long. After the last block the body
// is whole.
func (q *squeeze) write(block []byte, last bool, turn func(), send func([]byte) error) error {
	if len(block) == 0 && !last {
		return nil
	}
	for first := true; first || len(block) > 0; first = false {
		if !first {
			turn()
		}
		piece := block[:min(len(block), squeezePiece)]
		block = block[len(piece):]
		if err := q.add(piece, len(block) == 0, last); err != nil {
			return err
		}
		if err := send(q.out.Bytes()); err != nil {
			return err
		}
		q.out.Reset()
	}
	return nil
}

// add compresses a piece; at the end of a block all of it has to come out.
func (q *squeeze) add(piece []byte, end, last bool) error {
	start := quotas.ThreadCPU()
	_, err := q.encoder.Write(piece)
	switch {
	case err == nil && end && last:
		err = q.encoder.Close()
	case err == nil && end:
		err = q.encoder.Flush()
	}
	q.spent += max(0, quotas.ThreadCPU()-start)
	if err == nil && q.most > 0 && q.spent > q.most {
		return &quotas.Exceeded{Limit: quotas.LimitCPU, Detail: fmt.Sprintf("compressing the response took more than %v of CPU time", q.most)}
	}
	return err
}

// end returns what is left of a body of which no further block comes.
func (q *squeeze) end() []byte {
	if !q.on() || q.encoder.Close() != nil {
		return nil
	}
	return q.out.Bytes()
}

// free gives the encoder back.
func (q *squeeze) free() {
	if q.on() {
		q.coders.give(q.wanted, q.encoder)
		q.encoder = nil
	}
}
