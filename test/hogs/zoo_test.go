package hogs

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"wasgi/quotas"
)

// end is what a request may come to: the status of its answer, and a limit that the
// access log then names, "" for none.
type end struct {
	status int
	limit  quotas.Limit
}

// fits tells whether an answer's status and the limits that the access log names are e.
func (e end) fits(status int, limits string) bool {
	if e.limit == "" {
		return status == e.status && limits == ""
	}
	return status == e.status && slices.Contains(strings.Split(limits, ", "), string(e.limit))
}

func (e end) String() string { return fmt.Sprintf("%d %q", e.status, string(e.limit)) }

// What hogs come to.
type ends []end

func overCPU() ends     { return ends{{http.StatusServiceUnavailable, quotas.LimitCPU}} }
func overTimeout() ends { return ends{{http.StatusGatewayTimeout, quotas.LimitTimeout}} }
func overMemory() ends  { return ends{{http.StatusInternalServerError, quotas.LimitMemory}} }
func overStack() ends   { return ends{{http.StatusInternalServerError, quotas.LimitStack}} }
func overTmp() ends     { return ends{{http.StatusInternalServerError, quotas.LimitTmp}} }
func overData() ends    { return ends{{http.StatusInternalServerError, quotas.LimitData}} }

// raises is an exception that is not of a limit: Python's own limit of recursion.
func raises() ends { return ends{{http.StatusInternalServerError, ""}} }

// after is a hog that the limit meets when the head of its answer is out.
func after(l quotas.Limit) ends { return ends{{http.StatusOK, l}} }

// hog is a page of the app hogs, and what asking for it may come to.
type hog struct {
	family, name string
	ends         ends
}

func (h hog) path() string { return "/" + h.family + "/" + h.name }

func hogs(family string, e ends, names string) []hog {
	var all []hog
	for _, name := range strings.Fields(names) {
		all = append(all, hog{family, name, e})
	}
	return all
}

// zoo returns all hogs, those of a family one after the other.
func zoo() []hog {
	return slices.Concat(
		hogs("loops", overCPU(), `forever counting nested calls fib generator delegating comprehension raising
			classes evaluating coroutine attributes before-the-first-block`),
		hogs("loops", append(overCPU(), after(quotas.LimitCPU)...), "body length closing body-of-blocks"),
		hogs("native", overCPU(), `regex regex-search power power-modulo digits number factorial sort sort-key
			sort-compare total largest contains exhaust permutations translate replace split join find repeat
			fill reverse index pad encode normalize deflate inflate bzip xz checksum digest derive-key dump load
			query square-root exponential difference hashing equality collisions reduction collecting compiling
			parsing iterating`),
		hogs("recursion", raises(), `function text compare dump load pickled copied parenthesised`),
		hogs("recursion", slices.Concat(overMemory(), overStack(), overCPU()), "function-unlimited attribute-unlimited"),
		hogs("recursion", append(overStack(), raises()...), "hashed maps chains types attribute"),
		hogs("recursion", append(overMemory(), raises()...), "parsed"),
		hogs("recursion", ends{{http.StatusOK, ""}}, "maps-dropped"),
		hogs("recursion", overCPU(), "handling"),
		hogs("swallow", overCPU(), `base-exception bare finally-loop finally-continue context-exit context-loop
			suppress handler recursive destructor generator-close generator-dropped unraisable weak own-text own-cause
			body-close sort-key lookup`),
		hogs("swallow", append(overCPU(), after(quotas.LimitCPU)...), "body"),
		hogs("swallow", raises(), "excepthook"),
		hogs("tricks", overCPU(), `signals signal-default alarms trace profile monitoring collector threads
			event-loop event-loop-callbacks event-loop-swallowing audit warned display own-exceptions own-builtins
			own-limits internals`),
		hogs("tricks", append(overCPU(), overMemory()...), "recursion-limit"),
		hogs("tricks", append(overCPU(), raises()...), "at-exit"),
		hogs("memory", overMemory(), `block blocks list-growth list-of comprehension string string-join dictionary
			objects pad big-number database bomb response keep`),
		hogs("full", overCPU(), "caught caught-full breathe"),
		hogs("logs", overCPU(), "lines long-lines no-lines empty-lines standard-error descriptors records"),
		hogs("logs", slices.Concat(raises(), overCPU(), overMemory()), "tracebacks groups"),
		hogs("files", overTmp(), "tmp hole"),
		hogs("files", append(overTmp(), overCPU()...), "tmp-many sorting"),
		hogs("files", overCPU(), "tmp-caught churn"),
		hogs("files", raises(), "opened folders"),
		hogs("files", overData(), "truncated holes database data"),
		hogs("files", append(overData(), overCPU()...), "data-many"),
		hogs("files", overCPU(), "data-caught"),
		hogs("host", overCPU(), `entropy much-entropy stat stat-missing listing walking reading reading-much clock
			cpu-clock limits keys scrypt writing`),
		hogs("host", overMemory(), "too-much-entropy"),
		hogs("sleeps", overTimeout(), `long longest short tenths swallowing swallowing-short selecting
			event event-loop database`),
		hogs("sleeps", append(raises(), overTimeout()...), "queued lock"),
		hogs("sleeps", append(overTimeout(), after(quotas.LimitTimeout)...), "body closing"),
	)
}

// families returns the names of the families, in the zoo's order.
func families() []string {
	var names []string
	for _, h := range zoo() {
		if !slices.Contains(names, h.family) {
			names = append(names, h.family)
		}
	}
	return names
}

// limitsOf returns the [limits] of a family's tenant: one is tight, the others are wide
// enough that it is the one that is met.
func limitsOf(family string) string {
	limits := "instances = 1\ncpu_share = 64\ncpu_burst = \"1h\"\n"
	switch family {
	case "memory":
		return limits + "cpu = \"20s\"\nmemory = \"64MiB\"\n"
	case "recursion":
		return limits + "cpu = \"2s\"\nstack = \"8MiB\"\n"
	case "files":
		return limits + "cpu = \"300ms\"\ntmp = \"1MiB\"\ndata = \"1MiB\"\n"
	case "sleeps":
		return limits + "cpu = \"10s\"\ntimeout = \"1s\"\n"
	}
	return limits + "cpu = \"100ms\"\n"
}
