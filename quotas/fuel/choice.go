package fuel

import (
	"cmp"
	"slices"
)

// choice says what is charged where, beside loops.
type choice struct {
	fuel  [][]int64 // of each body's sites; 0: free
	stack [][]int64 // the same, in bytes
}

// choose picks the calls to charge: as few as needed that no cycle of calls is free,
// and of those the ones that seem to run least often. With stack, the same calls are
// counted.
func choose(m *module, all []outline, stack bool) (*choice, error) {
	g, err := newGraph(m, all)
	if err != nil {
		return nil, err
	}
	c := &choice{fuel: zeros(all), stack: zeros(all)}
	g.cutCycles(all)
	g.restore(all)
	for i := range g.edges {
		if e := &g.edges[i]; e.cut {
			c.fuel[e.caller][e.site] = callCost(all[e.caller].instrs)
		}
	}
	if stack {
		c.countStack(m, g, all)
	}
	return c, nil
}

func zeros(all []outline) [][]int64 {
	z := make([][]int64, len(all))
	for i := range z {
		z[i] = make([]int64, len(all[i].sites))
	}
	return z
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
		return cmp.Or(cmp.Compare(t.loops, s.loops), cmp.Compare(s.depth, t.depth), cmp.Compare(callers[b.from], callers[a.from]))
	})
	for _, e := range cut {
		if !g.reaches(e.to, e.from) {
			e.cut = false
		}
	}
}

// countStack sets what the cut calls take from the stack: the most that the frames
// from the last counted call down to this one take.
func (c *choice) countStack(m *module, g *graph, all []outline) {
	above := make([]int64, len(g.out)) // down to a node, its own frame not counted
	first := m.importedCount(kindFunction)
	types := m.functionTypes()
	frame := func(n int32) int64 {
		i := int(n) - first
		if i < 0 || i >= len(all) {
			return 0
		}
		return frameBytes(&m.bodies[i], len(m.types[types[n]].params), &all[i])
	}
	component := g.components()
	nodes := make([]int32, len(g.out))
	for i := range nodes {
		nodes[i] = int32(i)
	}
	slices.SortFunc(nodes, func(a, b int32) int { return cmp.Compare(component[b], component[a]) })
	for _, n := range nodes {
		for _, i := range g.out[n] {
			e := &g.edges[i]
			if e.cut {
				c.stack[e.caller][e.site] = above[n] + frame(n)
			} else {
				above[e.to] = max(above[e.to], above[n]+frame(n))
			}
		}
	}
}
