package fuel

import "iter"

// forward keeps the nodes of a graph so that each edge that is not cut leads forward.
type forward struct {
	g     *graph
	nodes []int32
	place []int32 // of each node
	ahead []bool  // of each node, for add
}

// newForward orders a graph that has no cycle but for what is cut.
func newForward(g *graph) *forward {
	n := len(g.out)
	f := &forward{g: g, place: make([]int32, n), ahead: make([]bool, n)}
	callers := make([]int, n)
	for i := range g.edges {
		if !g.edges[i].cut {
			callers[g.edges[i].to]++
		}
	}
	for node, n := range callers {
		if n == 0 {
			f.nodes = append(f.nodes, int32(node))
		}
	}
	for i := 0; i < len(f.nodes); i++ {
		f.place[f.nodes[i]] = int32(i)
		for to := range f.next(f.nodes[i]) {
			if callers[to]--; callers[to] == 0 {
				f.nodes = append(f.nodes, to)
			}
		}
	}
	return f
}

// next yields where the edges of a node lead that are not cut.
func (f *forward) next(node int32) iter.Seq[int32] {
	return func(yield func(int32) bool) {
		for _, i := range f.g.out[node] {
			if e := &f.g.edges[i]; !e.cut && !yield(e.to) {
				return
			}
		}
	}
}

// add makes room for an edge that is cut still; false if it closes a cycle. If it leads
// backward, then all that can be reached from its end, and comes before its beginning, is
// put after that.
func (f *forward) add(e *edge) bool {
	from, to := f.place[e.from], f.place[e.to]
	if to > from {
		return true
	}
	work := []int32{e.to}
	f.ahead[e.to] = true
	for i := 0; i < len(work); i++ {
		for n := range f.next(work[i]) {
			if !f.ahead[n] && f.place[n] <= from {
				f.ahead[n] = true
				work = append(work, n)
			}
		}
	}
	closes := f.ahead[e.from]
	if !closes {
		f.moveBehind(to, from)
	}
	for _, n := range work {
		f.ahead[n] = false
	}
	return !closes
}

// moveBehind puts those nodes between two places that are ahead behind the others.
func (f *forward) moveBehind(first, last int32) {
	window := f.nodes[first : last+1]
	var ahead []int32
	rest := window[:0]
	for _, n := range window {
		if f.ahead[n] {
			ahead = append(ahead, n)
		} else {
			rest = append(rest, n)
		}
	}
	copy(window[len(rest):], ahead)
	for i, n := range window {
		f.place[n] = first + int32(i)
	}
}
