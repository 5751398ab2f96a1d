package quotas

// Faults tells whether whoever touched a memory has had page faults since it was last put
// on its image, by Map or Reset.
type Faults int

const (
	FaultsUnknown Faults = iota
	FaultsSome
	FaultsNone // ThreadFaults has not changed on any thread that touched it, while it did
)

// ownPages are the pages that a guest has of its own, as they were last found. Finding them
// takes longer the more of the image was ever read, but without a page fault there cannot be
// others.
type ownPages struct {
	runs    []pageRun
	known   bool // runs has all that there were
	counted bool // the system counts faults: it did when there were new pages
}

// pageRun is from start to end, offsets in the memory.
type pageRun struct{ start, end int }

// forget is called when the memory is on an image anew.
func (o *ownPages) forget() { o.known = false }

// all tells whether there cannot be others now.
func (o *ownPages) all(f Faults) bool { return f == FaultsNone && o.known && o.counted }

// found keeps what a search has found, and whether that is all.
func (o *ownPages) found(runs []pageRun, all bool, f Faults) {
	o.counted = o.counted || all && f == FaultsSome && len(runs) > 0
	o.runs, o.known = runs, all
}
