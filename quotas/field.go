package quotas

import (
	"cmp"
	"fmt"
	"time"
)

// Field is one limit of one Quota: to be read from a file, compared or shown. Higher
// allows more, for every limit there is.
type Field struct {
	Name string // as in wasgi.toml
	// Value points into the quota: a *Bytes, *time.Duration, *int or *float64.
	Value any
	// PerSecond tells that Value is an amount per second.
	PerSecond bool
}

// Fields returns all limits of q, in the order in which they are documented.
func (q *Quota) Fields() []Field {
	return []Field{
		{Name: "memory", Value: &q.Memory},
		{Name: "stack", Value: &q.Stack},
		{Name: "cpu", Value: &q.CPU},
		{Name: "cpu_share", Value: &q.CPUShare},
		{Name: "cpu_burst", Value: &q.CPUBurst},
		{Name: "timeout", Value: &q.Timeout},
		{Name: "startup_cpu", Value: &q.StartupCPU},
		{Name: "startup_timeout", Value: &q.StartupTimeout},
		{Name: "instances", Value: &q.Instances},
		{Name: "max_requests", Value: &q.MaxRequests},
		{Name: "queue", Value: &q.Queue},
		{Name: "queue_timeout", Value: &q.QueueTimeout},
		{Name: "request_body", Value: &q.RequestBody},
		{Name: "response_body", Value: &q.ResponseBody},
		{Name: "log_rate", Value: &q.LogRate, PerSecond: true},
		{Name: "log_keep", Value: &q.LogKeep},
		{Name: "data", Value: &q.Data},
		{Name: "tmp", Value: &q.Tmp},
		{Name: "cache", Value: &q.Cache},
	}
}

// Compare is negative where f allows less than the same limit of another quota, 0 where
// both allow as much. A number that is none allows less than any.
func (f Field) Compare(with Field) int {
	switch v := f.Value.(type) {
	case *Bytes:
		return cmp.Compare(*v, *with.Value.(*Bytes))
	case *time.Duration:
		return cmp.Compare(*v, *with.Value.(*time.Duration))
	case *int:
		return cmp.Compare(*v, *with.Value.(*int))
	}
	return cmp.Compare(*f.Value.(*float64), *with.Value.(*float64))
}

// set gives f the value that the same limit has in another quota.
func (f Field) set(from Field) {
	switch v := f.Value.(type) {
	case *Bytes:
		*v = *from.Value.(*Bytes)
	case *time.Duration:
		*v = *from.Value.(*time.Duration)
	case *int:
		*v = *from.Value.(*int)
	case *float64:
		*v = *from.Value.(*float64)
	}
}

// String writes the value as it would stand in wasgi.toml, without quotes.
func (f Field) String() string {
	switch v := f.Value.(type) {
	case *Bytes:
		if f.PerSecond {
			return v.String() + "/s"
		}
		return v.String()
	case *time.Duration:
		return v.String()
	case *int:
		return fmt.Sprint(*v)
	}
	return fmt.Sprint(*f.Value.(*float64))
}
