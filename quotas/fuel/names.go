package fuel

import "slices"

// Parts of the name section.
const (
	namesModule    = 0
	namesFunctions = 1
)

// rename adjusts the section "name": functions at and after first have moved by n,
// and those added get names. Other names than the module's and the functions' are
// dropped, and a section that cannot be read is, as nothing depends on it.
func (m *module) rename(first, n int, added map[int]string) {
	total := m.importedCount(kindFunction) + len(m.functions)
	m.customs = slices.DeleteFunc(m.customs, func(c custom) bool {
		return c.name == "name" && new(names).read(c.bytes) != nil
	})
	for i := range m.customs {
		if c := &m.customs[i]; c.name == "name" {
			var was names
			was.read(c.bytes)
			c.bytes = was.moved(first, n, added).encode(total)
		}
	}
}

// names are what a name section holds.
type names struct {
	module    string
	functions map[int]string
}

func (n *names) read(section []byte) error {
	n.functions = map[int]string{}
	r := &reader{b: section}
	for r.more() {
		id := r.byte()
		part := r.part(r.u32())
		switch id {
		case namesModule:
			n.module = part.name()
		case namesFunctions:
			part.each(func(r *reader) { n.functions[int(r.u32())] = r.name() })
		default:
			continue
		}
		if err := part.end(); err != nil {
			return err
		}
	}
	return r.err
}

func (n *names) moved(first, by int, added map[int]string) *names {
	now := &names{module: n.module, functions: map[int]string{}}
	for index, name := range n.functions {
		if index >= first {
			index += by
		}
		now.functions[index] = name
	}
	for index, name := range added {
		now.functions[index] = name
	}
	return now
}

// encode writes the names of so many functions, in the order of their indices.
func (n *names) encode(total int) []byte {
	var list []byte
	count := uint32(0)
	for i := range total {
		if name, ok := n.functions[i]; ok {
			list = appendName(appendU32(list, uint32(i)), name)
			count++
		}
	}
	list = append(appendU32(nil, count), list...)
	module := appendName(nil, n.module)
	b := append(appendU32([]byte{namesModule}, uint32(len(module))), module...)
	return append(appendU32(append(b, namesFunctions), uint32(len(list))), list...)
}
