package fuel

import (
	"cmp"
	"slices"
)

// choose picks the calls to charge: as few as needed that no cycle of calls is free,
// and of those the ones that seem to run least often. It returns what each body's sites
// cost; 0: free.
func choose(m *module, all []outline) ([][]int64, error) {
	g, err := newGraph(m, all)
	if err != nil {
		return nil, err
	}
	costs := make([][]int64, len(all))
	for i := range costs {
		costs[i] = make([]int64, len(all[i].sites))
	}
	g.cutCycles(all)
	g.restore(all)
	for i := range g.edges {
		if e := &g.edges[i]; e.cut {
			costs[e.caller][e.site] = callCost(all[e.caller].instrs)
		}
	}
	return costs, nil
}

// cutCycles cuts edges until there is no cycle: first all indirect calls that are
// part of one, then those that lead back in a search.
func (g *graph) cutCycles(all []outline) {
	c := g.components()
	for i := range g.edges {
		e := &g.edges[i]
		if e.caller >= 0 && all[e.caller].sites[e.site].indirect && c[e.from] == c[e.to] {
			e.cut = true
		}
	}
	g.cutBack()
}

// cutBack cuts, in a search from each node in turn, what leads back to where the
// search comes from.
func (g *graph) cutBack() {
	const open, done = 1, 2
	state := make([]byte, len(g.out))
	next := make([]int, len(g.out))
	for root := range g.out {
		path := []int32{int32(root)}
		for len(path) > 0 {
			n := path[len(path)-1]
			if state[n] == done || next[n] == len(g.out[n]) {
				state[n] = done
				path = path[:len(path)-1]
				continue
			}
			state[n] = open
			e := &g.edges[g.out[n][next[n]]]
			next[n]++
			switch {
			case e.cut || state[e.to] == done:
			case state[e.to] == open:
				e.cut = true
			default:
				path = append(path, e.to)
			}
		}
	}
}

// restore puts back cut edges that may be, those that seem to run most often first,
// as long as no cycle closes.
func (g *graph) restore(all []outline) {
	var cut []*edge
	for i := range g.edges {
		if e := &g.edges[i]; e.cut && e.caller >= 0 {
			cut = append(cut, e)
		}
	}
	callers := make([]int, len(g.out))
	for _, e := range g.edges {
		callers[e.to]++
	}
	slices.SortStableFunc(cut, func(a, b *edge) int {
		s, t := &all[a.caller].sites[a.site], &all[b.caller].sites[b.site]
		return cmp.Or(cmp.Compare(t.loops, s.loops), cmp.Compare(s.depth, t.depth),
			cmp.Compare(callers[b.from], callers[a.from]))
	})
	for _, e := range cut {
		if !g.reaches(e.to, e.from) {
			e.cut = false
		}
	}
}
