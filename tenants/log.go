package tenants

import (
	"log/slog"
	"strings"
)

// LogError writes an error that may hold a traceback: the first line as the record's
// error, each further one as a record of its own, so that a person can read it.
func LogError(log *slog.Logger, message, tenant string, err error) {
	first, rest, more := strings.Cut(strings.TrimSpace(err.Error()), "\n")
	log.Error(message, "tenant", tenant, "error", first)
	if !more {
		return
	}
	for line := range strings.SplitSeq(rest, "\n") {
		log.Error(line, "tenant", tenant)
	}
}
