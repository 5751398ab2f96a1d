package quotas

import (
	"fmt"
	"time"
)

// Quota is what one tenant may use. Each field's name in wasgi.toml stands behind it.
// The zero value allows nothing; Default is what a tenant gets that asks for nothing.
//
// Limits do not depend on each other: one may be larger than another leaves room for,
// as CPU than CPUBurst. The smaller is then the one that is met first.
type Quota struct {
	Memory         Bytes         // memory: linear memory of one instance
	Stack          Bytes         // stack: native stack of one instance, for calls within calls
	CPU            time.Duration // cpu: CPU time of one request
	CPUShare       float64       // cpu_share: cores that the tenant may use over time
	CPUBurst       time.Duration // cpu_burst: CPU time it may save up, and then use at once
	Timeout        time.Duration // timeout: wall time of one request, its waits included
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
	Cache          Bytes         // cache: responses that are kept to be given again
}

// Default returns the limits of a tenant that sets none.
func Default() Quota {
	return Quota{
		Memory: 128 * MiB, Stack: 32 * MiB,
		CPU: 500 * time.Millisecond, CPUShare: 1, CPUBurst: 5 * time.Second, Timeout: 30 * time.Second,
		StartupCPU: 10 * time.Second, StartupTimeout: 60 * time.Second,
		Instances: 4, MaxRequests: 10000, Queue: 64, QueueTimeout: 5 * time.Second,
		RequestBody: 10 * MiB, ResponseBody: GiB,
		LogRate: 64 * KiB, LogKeep: MiB, Data: 64 * MiB, Tmp: 16 * MiB, Cache: 0,
	}
}

// Least returns the lowest limits that make sense: what Python needs to start, what one
// line of a log takes, one of what is counted.
func Least() Quota {
	return Quota{
		Memory: 48 * MiB, Stack: MiB,
		CPU: time.Millisecond, CPUShare: 0.01, CPUBurst: time.Millisecond, Timeout: time.Millisecond,
		StartupCPU: time.Millisecond, StartupTimeout: time.Millisecond,
		Instances: 1, MaxRequests: 1, Queue: 1, QueueTimeout: time.Millisecond,
		RequestBody: KiB, ResponseBody: KiB,
		LogRate: KiB, LogKeep: 64 * KiB, Data: 64 * KiB, Tmp: 64 * KiB, Cache: 0,
	}
}

// Most returns the highest limits that make sense: what wasm32 can address, a day, and
// what no machine has more of.
func Most() Quota {
	const day = 24 * time.Hour
	return Quota{
		Memory: mostMemory, Stack: 64 * MiB,
		CPU: day, CPUShare: 1024, CPUBurst: day, Timeout: day,
		StartupCPU: day, StartupTimeout: day,
		Instances: 1024, MaxRequests: 1 << 40, Queue: 65536, QueueTimeout: day,
		RequestBody: 1024 * GiB, ResponseBody: 1024 * GiB,
		LogRate: 64 * MiB, LogKeep: GiB, Data: 1024 * GiB, Tmp: mostMemory, Cache: 16 * GiB,
	}
}

// mostMemory is what a guest can address, but for the last page: its size fits 32 bits.
const mostMemory = 4*GiB - PageSize

// RangeError says which limit makes no sense.
type RangeError struct {
	Name               string // as in wasgi.toml
	Value, Least, Most string
}

func (e *RangeError) Error() string {
	return fmt.Sprintf("%s is %s, want %s to %s", e.Name, e.Value, e.Least, e.Most)
}

// Validate returns a *RangeError for the first limit that makes no sense.
func (q Quota) Validate() error {
	least, most := Least(), Most()
	low, high := least.Fields(), most.Fields()
	for i, f := range q.Fields() {
		if f.Compare(low[i]) < 0 || f.Compare(high[i]) > 0 {
			return &RangeError{f.Name, f.String(), low[i].String(), high[i].String()}
		}
	}
	return nil
}

// Within returns q with each limit no higher than the ceilings' one.
func (q Quota) Within(ceilings Quota) Quota {
	high := ceilings.Fields()
	for i, f := range q.Fields() {
		if f.Compare(high[i]) > 0 {
			f.set(high[i])
		}
	}
	return q
}
