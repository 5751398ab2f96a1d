package quotas

import "time"

// Usage is what one request, or many, have used. The zero value is nothing.
type Usage struct {
	CPU    time.Duration // of the guest and of the host's functions it called
	Fuel   int64         // units of guest execution: the same for the same request on a fresh instance
	Ticks  int64         // how often the guest was looked after
	Memory Bytes         // the most of linear memory and native stack at once
	In     Bytes         // of requests' bodies that were read
	Out    Bytes         // of responses' bodies
	Wait   time.Duration // for an instance, for the processor, for the tenant's share of it
}

// Add adds other to u.
func (u *Usage) Add(other Usage) {
	u.CPU += other.CPU
	u.Fuel += other.Fuel
	u.Ticks += other.Ticks
	u.Memory = max(u.Memory, other.Memory)
	u.In += other.In
	u.Out += other.Out
	u.Wait += other.Wait
}
