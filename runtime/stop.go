package runtime

import (
	"context"
	"errors"

	"wasgi/quotas"
)

// Stop is why a guest's call ended before it was done. Each is an error that
// errors.Is finds, however it is wrapped.
type Stop string

const (
	// ErrRaised: the app raised an exception; its traceback was reported. The
	// instance goes on.
	ErrRaised Stop = "the app raised an exception"
	// ErrExited: the app asked its process to end, with sys.exit or os._exit.
	ErrExited Stop = "the app ended its process"
	// ErrFault: the guest trapped, called out of order, or could not go on.
	ErrFault Stop = "the app's interpreter broke"
	// ErrGone: the client had gone.
	ErrGone Stop = "the client has gone"
	// ErrShutdown: the server ended the call, because it ends itself or puts another version in force.
	ErrShutdown Stop = "the server ended the app's work"
	// ErrClosed: the pool takes no more requests.
	ErrClosed Stop = "the pool is closed"
)

// Ended returns why a request's context, which is done, is: the Stop or the
// *quotas.Exceeded that is its cause, ErrShutdown where it was just cancelled, and
// otherwise quotas.LimitTimeout.
func Ended(ctx context.Context) error {
	cause := context.Cause(ctx)
	var stop Stop
	var over *quotas.Exceeded
	switch {
	case errors.As(cause, &stop):
		return stop
	case errors.As(cause, &over):
		return over
	case errors.Is(cause, context.Canceled):
		return ErrShutdown
	}
	return quotas.LimitTimeout
}

func (s Stop) Error() string { return string(s) }
