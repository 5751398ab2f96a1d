package fuel

import (
	"cmp"
	"slices"
)

// choice is which calls are charged, with what they cost; 0: free.
type choice struct {
	entries []int64   // of each body: however it is called
	sites   [][]int64 // of each body's sites
}

// manySites is how many charged calls a function makes before it is charged where it
// begins instead.
const manySites = 4

// choose picks calls to charge so that no cycle of calls is free, and of those the ones
// that seem to run least often. A function is charged where it begins if it had calls
// charged in a loop, or many of them.
func choose(m *module, all []outline) (*choice, error) {
	g, err := newGraph(m, all)
	if err != nil {
		return nil, err
	}
	calls := g.byHeat(all)
	g.cutCycles(calls)
	g.chargeEntries(all)
	g.cutCycles(calls)
	c := &choice{entries: make([]int64, len(all)), sites: make([][]int64, len(all))}
	for i := range all {
		c.sites[i] = make([]int64, len(all[i].sites))
		if g.charged[g.first+i] {
			c.entries[i] = callCost(all[i].instrs)
		}
	}
	for _, e := range calls {
		if e.cut && !g.passes(e) {
			c.sites[e.caller][e.site] = callCost(all[e.caller].instrs)
		}
	}
	return c, nil
}

// byHeat lists the calls that are part of a cycle, those first that seem to run most
// often. That is told by how many places call a function: an interpreter's allocator is
// called from a thousand. A call runs no more often than either of its ends.
func (g *graph) byHeat(all []outline) []*edge {
	callers := make([]int, len(g.out))
	component := g.components()
	var list []*edge
	for i := range g.edges {
		e := &g.edges[i]
		if e.caller < 0 {
			continue
		}
		callers[e.to]++
		if component[e.from] == component[e.to] {
			list = append(list, e)
		}
	}
	heat := func(e *edge) int {
		if all[e.caller].sites[e.site].indirect {
			return callers[e.from]
		}
		return min(callers[e.from], callers[e.to])
	}
	slices.SortStableFunc(list, func(a, b *edge) int { return cmp.Compare(heat(b), heat(a)) })
	return list
}

// cutCycles cuts calls until there is no cycle, those last that come first in the list.
func (g *graph) cutCycles(list []*edge) {
	for _, e := range list {
		e.cut = true
	}
	f := newForward(g)
	for _, e := range list {
		e.cut = g.passes(e) || !f.add(e)
	}
}

// chargeEntries charges functions where they begin, in place of the calls that they make.
func (g *graph) chargeEntries(all []outline) {
	cut := make([]int, len(all))
	for i := range g.edges {
		if e := &g.edges[i]; e.cut {
			cut[e.caller]++
			if all[e.caller].sites[e.site].loops > 0 {
				cut[e.caller] += manySites
			}
		}
	}
	for i, n := range cut {
		g.charged[g.first+i] = n >= manySites
	}
}
