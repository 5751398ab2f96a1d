package fuel

import "fmt"

// Parts of the name section that hold indices of functions.
const (
	namesFunctions = 1
	namesLocals    = 2
	namesLabels    = 3
)

// rename adjusts the section "name": functions at and after first have moved by n,
// and those added get names. Names of locals and labels are dropped.
func (m *module) rename(first, n int, added map[int]string) error {
	for i := range m.customs {
		if c := &m.customs[i]; c.name == "name" {
			b, err := renamed(c.bytes, first, n, added, m.importedCount(kindFunction)+len(m.functions))
			if err != nil {
				return fmt.Errorf("section \"name\": %w", err)
			}
			c.bytes = b
		}
	}
	return nil
}

func renamed(section []byte, first, n int, added map[int]string, total int) ([]byte, error) {
	var out []byte
	r := &reader{b: section}
	for r.more() {
		id := r.byte()
		part := r.part(r.u32())
		switch id {
		case namesLocals, namesLabels:
			continue
		case namesFunctions:
			part = &reader{b: renamedFunctions(part, first, n, added, total), err: part.err}
		}
		if part.err != nil {
			return nil, part.err
		}
		out = append(appendU32(append(out, id), uint32(len(part.b))), part.b...)
	}
	return out, r.err
}

// renamedFunctions makes the names of functions anew, in the order of their indices.
func renamedFunctions(r *reader, first, n int, added map[int]string, total int) []byte {
	names := map[int]string{}
	r.each(func(r *reader) {
		index, name := int(r.u32()), r.name()
		if index >= first {
			index += n
		}
		names[index] = name
	})
	for index, name := range added {
		names[index] = name
	}
	var list []byte
	count := 0
	for i := range total {
		if name, ok := names[i]; ok {
			list = appendName(appendU32(list, uint32(i)), name)
			count++
		}
	}
	return append(appendU32(nil, uint32(count)), list...)
}
