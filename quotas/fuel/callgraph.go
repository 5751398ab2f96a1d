package fuel

import "fmt"

// graph tells who may call whom. Its nodes are the functions and, after them, one
// for each different type that functions are called by through a table: an indirect
// call leads to the node of its type, and from there an edge leads to each function
// of that type whose reference is taken. Functions of the host are not in it.
type graph struct {
	edges   []edge
	out     [][]int32 // edges of each node
	first   int       // node of the first body
	charged []bool    // nodes that charge each call of them
}

type edge struct {
	from, to int32
	caller   int32 // index of the body, -1 for an edge from a type
	site     int32 // among its sites
	cut      bool  // left out: charged
}

// newGraph returns the graph of a module, with an edge for every site of its bodies.
func newGraph(m *module, all []outline) (*graph, error) {
	b := graphBuilder{m: m, types: m.functionTypes(), imports: m.importedCount(kindFunction), classes: map[string]int32{}}
	b.nodes = len(b.types)
	for i := range all {
		for j := range all[i].sites {
			if err := b.site(i, j, &all[i].sites[j]); err != nil {
				return nil, err
			}
		}
	}
	b.references(all)
	g := &graph{
		edges: b.edges, out: make([][]int32, b.nodes), first: b.imports, charged: make([]bool, b.nodes),
	}
	for i, e := range g.edges {
		g.out[e.from] = append(g.out[e.from], int32(i))
	}
	return g, nil
}

type graphBuilder struct {
	m       *module
	types   []uint32 // of functions
	imports int
	nodes   int
	classes map[string]int32 // node of each type that is called by, by structure
	edges   []edge
}

func (b *graphBuilder) site(caller, index int, s *site) error {
	e := edge{from: int32(b.imports + caller), to: int32(s.to), caller: int32(caller), site: int32(index)}
	switch {
	case s.indirect && int(s.to) >= len(b.m.types):
		return fmt.Errorf("function %d: call_indirect: type %d does not exist", e.from, s.to)
	case s.indirect:
		key := b.m.types[s.to].key()
		if _, ok := b.classes[key]; !ok {
			b.classes[key] = int32(b.nodes)
			b.nodes++
		}
		e.to = b.classes[key]
	case int(s.to) >= len(b.types):
		return fmt.Errorf("function %d: call: function %d does not exist", e.from, s.to)
	case int(s.to) < b.imports:
		return nil
	}
	b.edges = append(b.edges, e)
	return nil
}

// key is the same for the same types.
func (s signature) key() string { return string(s.params) + ">" + string(s.results) }

// references adds the edges from types.
func (b *graphBuilder) references(all []outline) {
	taken := make([]bool, len(b.types))
	b.m.eachExpression(func(e *expression) error {
		if e.op == opRefFunc {
			taken[e.index] = true
		}
		return nil
	})
	for i := range all {
		for _, f := range all[i].refs {
			if int(f) < len(taken) {
				taken[f] = true
			}
		}
	}
	for f := b.imports; f < len(taken); f++ {
		if class, ok := b.classes[b.m.types[b.types[f]].key()]; ok && taken[f] {
			b.edges = append(b.edges, edge{from: class, to: int32(f), caller: -1})
		}
	}
}

// components numbers the strongly connected components.
func (g *graph) components() []int32 {
	n := len(g.out)
	t := tarjan{g: g, component: make([]int32, n), low: make([]int32, n), next: make([]int32, n)}
	for i := range t.component {
		t.component[i] = -1
	}
	for n := range g.out {
		if t.low[n] == 0 {
			t.visit(int32(n))
		}
	}
	return t.component
}

// tarjan finds components without recursion: a guest may have a million functions.
type tarjan struct {
	g         *graph
	component []int32
	low       []int32 // least number reached; 0 for a node not seen
	next      []int32 // which of its edges is next
	path      []int32 // nodes being visited
	waiting   []int32 // nodes without a component yet
	numbers   []int32 // of the path's nodes
	seen      int32
	found     int32
}

func (t *tarjan) visit(root int32) {
	t.push(root)
	for len(t.path) > 0 {
		n := t.path[len(t.path)-1]
		if int(t.next[n]) == len(t.g.out[n]) {
			t.pop(n)
			continue
		}
		e := &t.g.edges[t.g.out[n][t.next[n]]]
		t.next[n]++
		switch {
		case t.low[e.to] == 0:
			t.push(e.to)
		case t.component[e.to] < 0:
			t.low[n] = min(t.low[n], t.low[e.to])
		}
	}
}

func (t *tarjan) push(n int32) {
	t.seen++
	t.low[n] = t.seen
	t.path, t.numbers, t.waiting = append(t.path, n), append(t.numbers, t.seen), append(t.waiting, n)
}

func (t *tarjan) pop(n int32) {
	last := len(t.path) - 1
	number := t.numbers[last]
	t.path, t.numbers = t.path[:last], t.numbers[:last]
	if last > 0 {
		up := t.path[last-1]
		t.low[up] = min(t.low[up], t.low[n])
	}
	if t.low[n] != number {
		return
	}
	for {
		w := t.waiting[len(t.waiting)-1]
		t.waiting = t.waiting[:len(t.waiting)-1]
		t.component[w] = t.found
		if w == n {
			break
		}
	}
	t.found++
}

// passes tells whether who goes along an edge meets a function that charges.
func (g *graph) passes(e *edge) bool { return g.charged[e.from] || g.charged[e.to] }
