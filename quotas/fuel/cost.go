package fuel

// Fuel is counted in instructions, roughly. What costs what:
const (
	leastCost = 1
	// mostCost bounds what one turn of a loop or call charges: the loop of an interpreter
	// has a hundred thousand instructions and runs twenty of them.
	mostCost = 32
	// importCost is for a call of the host where Options say nothing else.
	importCost = 1000
	// bulkCost is for each use of an instruction that moves memory, and
	// 1<<bulkShift bytes cost one more.
	bulkCost  = 8
	bulkShift = 4
	// small bytes are moved in place, without a look at what is left: some 30 ns.
	small = 1 << 10
	// chunk bytes at most are moved between two charges, in some 10 µs.
	chunk = 256 << 10
	// pageShift makes a page of memory that is added cost 4096.
	pageShift = 12
)

// loopCost is what each turn of a loop with so many instructions costs, those of
// loops inside not counted.
func loopCost(instrs int64) int64 { return min(max(instrs, leastCost), mostCost) }

// callCost is what a charged call of a function with so many instructions costs.
func callCost(instrs int) int64 { return loopCost(int64(instrs)) }

// Native bytes of a frame, as wazero 1.12 lays them out on amd64, guessed a little too
// high: frame_test.go compares them with its stack's end.
const (
	frameFixed = 32
	frameLocal = 8
)

// frameBytes estimates the native stack that a call of a function takes.
func frameBytes(f *body, params int, o *outline) int64 {
	return frameFixed + frameLocal*(int64(min(f.count, 1<<16))+int64(params)+int64(o.instrs/16))
}
