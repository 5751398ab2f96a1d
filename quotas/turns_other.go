//go:build !linux

package quotas

// ShortTurns does nothing: only Linux lets a process say how long its turns are.
func ShortTurns() {}
