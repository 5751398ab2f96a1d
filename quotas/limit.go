package quotas

import "time"

// Limit is the name of a limit, as in wasgi.toml. It is an error too, which errors.Is
// finds in whatever came of going over it.
type Limit string

// The limits that a running app can go over.
const (
	LimitMemory         Limit = "memory"
	LimitStack          Limit = "stack"
	LimitCPU            Limit = "cpu"
	LimitCPUShare       Limit = "cpu_share"
	LimitTimeout        Limit = "timeout"
	LimitStartupCPU     Limit = "startup_cpu"
	LimitStartupTimeout Limit = "startup_timeout"
	LimitQueue          Limit = "queue"
	LimitQueueTimeout   Limit = "queue_timeout"
	LimitRequestBody    Limit = "request_body"
	LimitResponseBody   Limit = "response_body"
	LimitLogRate        Limit = "log_rate"
	LimitTmp            Limit = "tmp"
	LimitData           Limit = "data"
)

// Limits returns them all, in the order in which they are counted and shown.
func Limits() []Limit {
	return []Limit{
		LimitMemory, LimitStack, LimitCPU, LimitCPUShare, LimitTimeout, LimitStartupCPU, LimitStartupTimeout,
		LimitQueue, LimitQueueTimeout, LimitRequestBody, LimitResponseBody, LimitLogRate, LimitTmp, LimitData,
	}
}

func (l Limit) Error() string { return "over the limit " + string(l) }

// Exceeded is what became of one request, or of one import, that went over a limit.
type Exceeded struct {
	Limit  Limit
	Detail string // what was used, and the limit's value: "used 510ms of CPU, may use 500ms"
	// RetryAfter is when it may be worth while to try again, 0 where that is not known.
	RetryAfter time.Duration
}

func (e *Exceeded) Error() string { return "over the limit " + string(e.Limit) + ": " + e.Detail }

func (e *Exceeded) Unwrap() error { return e.Limit }
