package runtime

import "context"

// Stop is why a guest's call ended before it was done. Each is an error that
// errors.Is finds, however it is wrapped.
type Stop string

const (
	// ErrRaised: the app raised an exception; its traceback was reported. The
	// instance goes on.
	ErrRaised Stop = "the app raised an exception"
	// ErrExited: the app asked its process to end, with sys.exit or os._exit.
	ErrExited Stop = "the app ended its process"
	// ErrMemory: the app needed more memory than it may have, and did not catch that.
	ErrMemory Stop = "the app ran out of memory"
	// ErrFault: the guest trapped, called out of order, or could not go on.
	ErrFault Stop = "the app's interpreter broke"
	// ErrDeadline: the request's time was over.
	ErrDeadline Stop = "the request's time is over"
	// ErrGone: the client had gone.
	ErrGone Stop = "the client has gone"
	// ErrBusy: all instances were busy for as long as the request could wait.
	ErrBusy Stop = "all instances of the app are busy"
	// ErrClosed: the pool takes no more requests.
	ErrClosed Stop = "the pool is closed"
)

// Ended returns the Stop that a request's context, which is done, stands for: ErrGone
// where that is its cause, else ErrDeadline.
func Ended(ctx context.Context) Stop {
	if context.Cause(ctx) == ErrGone {
		return ErrGone
	}
	return ErrDeadline
}

func (s Stop) Error() string { return string(s) }
