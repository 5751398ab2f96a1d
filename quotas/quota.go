package quotas

import (
	"fmt"
	"time"
)

// Quota is what one tenant may use. Each field's name in wasgi.toml stands behind it.
// The zero value allows nothing; Default is what a tenant gets that asks for nothing.
type Quota struct {
	Memory         Bytes         // memory: linear memory of one instance
	Stack          Bytes         // stack: native stack of one instance, for calls within calls
	CPU            time.Duration // cpu: CPU time of one request
	CPUShare       float64       // cpu_share: cores that the tenant may use over time
	CPUBurst       time.Duration // cpu_burst: CPU time it may save up, and then use at once
	Timeout        time.Duration // timeout: wall time of one request, without its wait in the queue
	StartupCPU     time.Duration // startup_cpu: CPU time of importing the app
	StartupTimeout time.Duration // startup_timeout: wall time of importing the app
	Instances      int           // instances: requests at once
	MaxRequests    int           // max_requests: requests an instance serves before another takes its place
	Queue          int           // queue: requests that wait for an instance
	QueueTimeout   time.Duration // queue_timeout: how long one waits
	RequestBody    Bytes         // request_body: the longest body of a request
	ResponseBody   Bytes         // response_body: the longest body of a response
	LogRate        Bytes         // log_rate: what the tenant may log, per second
	LogKeep        Bytes         // log_keep: how much of its log is kept
	Data           Bytes         // data: what the tenant keeps in /data, for all its instances
	Tmp            Bytes         // tmp: what one instance keeps in /tmp
}

// Default returns the limits of a tenant that sets none.
func Default() Quota {
	return Quota{
		Memory: 128 * MiB, Stack: 8 * MiB,
		CPU: 500 * time.Millisecond, CPUShare: 1, CPUBurst: 5 * time.Second, Timeout: 30 * time.Second,
		StartupCPU: 10 * time.Second, StartupTimeout: 60 * time.Second,
		Instances: 4, MaxRequests: 10000, Queue: 64, QueueTimeout: 5 * time.Second,
		RequestBody: 10 * MiB, ResponseBody: GiB,
		LogRate: 64 * KiB, LogKeep: MiB, Data: 64 * MiB, Tmp: 16 * MiB,
	}
}

// Least and most of each limit: what Python needs to start, what wasm32 can address,
// and what still makes sense.
const (
	leastMemory  = 48 * MiB
	mostMemory   = 4*GiB - PageSize
	leastTimeout = time.Millisecond
	mostTimeout  = 24 * time.Hour
	mostInst     = 1024
	mostRequests = 1 << 40
	leastFiles   = 64 * KiB
	mostFiles    = 1024 * GiB
	leastLog     = 1 * KiB
	mostLog      = 64 * MiB
)

// LimitError says which limit makes no sense.
type LimitError struct {
	Name        string // as in wasgi.toml
	Value       any
	Least, Most any
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("%s is %v, want %v to %v", e.Name, e.Value, e.Least, e.Most)
}

// Validate returns a *LimitError for the first limit that makes no sense.
func (q Quota) Validate() error {
	switch {
	case q.Memory < leastMemory || q.Memory > mostMemory:
		return &LimitError{"memory", q.Memory, leastMemory, mostMemory}
	case q.Timeout < leastTimeout || q.Timeout > mostTimeout:
		return &LimitError{"timeout", q.Timeout, leastTimeout, mostTimeout}
	case q.Instances < 1 || q.Instances > mostInst:
		return &LimitError{"instances", q.Instances, 1, mostInst}
	case q.MaxRequests < 1 || q.MaxRequests > mostRequests:
		return &LimitError{"max_requests", q.MaxRequests, 1, mostRequests}
	case q.Data < leastFiles || q.Data > mostFiles:
		return &LimitError{"data", q.Data, leastFiles, mostFiles}
	case q.Tmp < leastFiles || q.Tmp > mostMemory:
		return &LimitError{"tmp", q.Tmp, leastFiles, mostMemory}
	case q.LogRate < leastLog || q.LogRate > mostLog:
		return &LimitError{"log_rate", rate(q.LogRate), rate(leastLog), rate(mostLog)}
	}
	return nil
}

// rate writes an amount as one per second.
func rate(b Bytes) string { return b.String() + "/s" }
