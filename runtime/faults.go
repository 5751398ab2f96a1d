package runtime

import "wasgi/quotas"

// faults watches whether a guest can have pages of its own that it had not before: not
// without a page fault of the thread that it runs on. All that touches its memory is done
// between begin and end, on one thread, but for what is done aside. The first fault is
// enough to know, so it costs nothing after that.
type faults struct {
	seen quotas.Faults // since take
	at   int64         // the thread's count at begin
}

func (f *faults) begin() {
	if f.seen == quotas.FaultsNone {
		f.at = quotas.ThreadFaults()
	}
}

func (f *faults) end() {
	if f.seen == quotas.FaultsNone && quotas.ThreadFaults() != f.at {
		f.seen = quotas.FaultsSome
	}
}

// lose is called where another thread may go on.
func (f *faults) lose() { f.seen = quotas.FaultsUnknown }

// take returns what was seen, and begins anew.
func (f *faults) take() quotas.Faults {
	seen := f.seen
	f.seen = quotas.FaultsNone
	return seen
}
