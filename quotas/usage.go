package quotas

import "time"

// Usage is what one request cost. The zero value is a request that no guest ran for.
type Usage struct {
	CPU    time.Duration // processor time of its guest
	Fuel   int64         // of the guest's work, as it is metered
	Ticks  int64         // times that the guest was asked whether it may go on
	Memory Bytes         // the most linear memory that its instance had
	In     Bytes         // of the request's body, as the app read it
	Out    Bytes         // of the response's body, as the app wrote it
	Wait   time.Duration // from its arrival until it had an instance
}
