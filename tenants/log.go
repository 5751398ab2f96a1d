package tenants

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"wasgi/quotas"
)

// longestLine is where a line of the log is cut, in bytes.
const longestLine = 8 << 10

// journal is a tenant's log: lines of what its app prints, and of what went wrong in
// it, each with the request's id. More than its rate is dropped and counted, and a line
// tells how much, once a second as long as it lasts. It is safe for concurrent use.
type journal struct {
	log    *slog.Logger
	tenant string
	keep   *keeper // has the log on the disk; nil: nobody does

	mu      sync.Mutex
	limit   *rate.Limiter
	lines   int // dropped since the last line that told of it
	bytes   int
	telling bool  // a line that tells is due
	refused int64 // lines dropped, ever
}

func newJournal(log *slog.Logger, tenant string, perSecond quotas.Bytes) *journal {
	j := &journal{log: log, tenant: tenant}
	j.setRate(perSecond)
	return j
}

// setRate changes the rate. Two seconds' worth may come at once.
func (j *journal) setRate(perSecond quotas.Bytes) {
	j.mu.Lock()
	defer j.mu.Unlock()
	burst := max(2*int(perSecond), 2*longestLine)
	if j.limit == nil {
		j.limit = rate.NewLimiter(rate.Limit(perSecond), burst)
		return
	}
	j.limit.SetLimit(rate.Limit(perSecond))
	j.limit.SetBurst(burst)
}

// write adds text, line by line. Request is "" outside of one; stream is where the
// text comes from.
func (j *journal) write(request, stream, text string) {
	if text == "" {
		return
	}
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		line = cut(line)
		if j.admit(len(line)) {
			j.log.Info(line, "tenant", j.tenant, "request", request, "stream", stream)
			j.keep.add(request, stream, line)
		}
	}
}

// admit takes a line of n bytes off what may be logged, or counts it as dropped.
func (j *journal) admit(n int) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	const overhead = 128 // what a line costs besides its text
	if j.limit.AllowN(time.Now(), n+overhead) {
		return true
	}
	j.refused++
	j.lines++
	j.bytes += n
	if !j.telling {
		j.telling = true
		time.AfterFunc(time.Second, j.tell)
	}
	return false
}

// dropped returns how many lines were, ever.
func (j *journal) dropped() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.refused
}

// left returns how many bytes can be logged now.
func (j *journal) left() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return max(0, int64(j.limit.Tokens()))
}

// tell writes the line about what was dropped, if anything was since the last.
func (j *journal) tell() {
	j.mu.Lock()
	lines, bytes, limit := j.lines, j.bytes, quotas.Bytes(j.limit.Limit())
	j.lines, j.bytes, j.telling = 0, 0, false
	j.mu.Unlock()
	if lines == 0 {
		return
	}
	text := fmt.Sprintf("%d lines of %d bytes were dropped: over log_rate, %s/s", lines, bytes, limit)
	j.log.Warn(text, "tenant", j.tenant)
	j.keep.add("", "log", text)
}

// close tells what was dropped and has the rest of the log written to the disk.
func (j *journal) close() {
	j.tell()
	j.keep.close()
}

// mostLines is how many lines of an error are logged.
const mostLines = 200

// LogError writes an error that may hold a traceback: the first line as the record's
// error, each further one, of which there may be no end, as a record of its own, so
// that a person can read it.
func LogError(log *slog.Logger, message, tenant string, err error) {
	lines := strings.SplitN(strings.TrimSpace(err.Error()), "\n", mostLines+1)
	log.Error(message, "tenant", tenant, "error", cut(lines[0]))
	for n, line := range lines[1:] {
		if n == mostLines-1 {
			line = fmt.Sprintf("… and %d lines more", strings.Count(line, "\n")+1)
		}
		log.Error(cut(line), "tenant", tenant)
	}
}

// cut returns what of a line is logged.
func cut(line string) string {
	return strings.ToValidUTF8(line[:min(len(line), longestLine)], "\uFFFD")
}
