package runtime

import "wasgi/quotas"

// faults watches whether a guest can have pages of its own that it had not before: not
// without a page fault of the thread that it runs on. Its memory is touched between begin
// and end alone, on one thread, but where lose is called. The first fault is enough to
// know, so it costs nothing after that.
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

// lose is called where another thread may touch the memory.
func (f *faults) lose() { f.seen = quotas.FaultsUnknown }

// take returns what was seen, and begins anew.
func (f *faults) take() quotas.Faults {
	seen := f.seen
	f.seen = quotas.FaultsNone
	return seen
}
