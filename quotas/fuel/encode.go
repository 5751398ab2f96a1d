package fuel

// encode writes a module. A start function is not written: there is none any more.
func (m *module) encode() []byte {
	w := &writer{m: m, b: []byte(header)}
	w.customs(sectionCustom)
	vector(w, sectionType, m.types, appendSignature)
	vector(w, sectionImport, m.imports, appendImport)
	vector(w, sectionFunction, m.functions, appendU32)
	vector(w, sectionTable, m.tables, appendRaw)
	vector(w, sectionMemory, m.memories, appendRaw)
	vector(w, sectionGlobal, m.globals, appendGlobal)
	vector(w, sectionExport, m.exports, appendExport)
	w.customs(sectionStart)
	vector(w, sectionElement, m.elements, appendElement)
	if len(m.data) > 0 {
		w.section(sectionDataCount, appendU32(nil, uint32(len(m.data))))
	}
	w.customs(sectionDataCount)
	vector(w, sectionCode, m.bodies, appendBody)
	vector(w, sectionData, m.data, appendData)
	return w.b
}

type writer struct {
	m *module
	b []byte
}

// vector writes a section of items, if there are any, and the custom sections after it.
func vector[T any](w *writer, id int, items []T, item func([]byte, T) []byte) {
	if len(items) > 0 {
		b := appendU32(nil, uint32(len(items)))
		for _, i := range items {
			b = item(b, i)
		}
		w.section(id, b)
	}
	w.customs(id)
}

func (w *writer) section(id int, b []byte) {
	w.b = append(appendU32(append(w.b, byte(id)), uint32(len(b))), b...)
}

// customs writes the custom sections that come after a section.
func (w *writer) customs(after int) {
	for _, c := range w.m.customs {
		if c.after == after {
			w.section(sectionCustom, append(appendName(nil, c.name), c.bytes...))
		}
	}
}

func appendRaw(b, raw []byte) []byte { return append(b, raw...) }

func appendSignature(b []byte, s signature) []byte {
	b = append(b, 0x60)
	b = append(appendU32(b, uint32(len(s.params))), s.params...)
	return append(appendU32(b, uint32(len(s.results))), s.results...)
}

func appendImport(b []byte, i imported) []byte {
	b = append(appendName(appendName(b, i.module), i.name), i.kind)
	if i.kind == kindFunction {
		return appendU32(b, i.typ)
	}
	return append(b, i.desc...)
}

func appendGlobal(b []byte, g global) []byte {
	return appendExpression(append(b, g.typ...), g.init)
}

func appendExpression(b []byte, e expression) []byte {
	if e.op == opRefFunc {
		return append(appendU32(append(b, byte(e.op)), e.index), byte(opEnd))
	}
	return append(b, e.raw...)
}

func appendExport(b []byte, e exported) []byte {
	return appendU32(append(appendName(b, e.name), e.kind), e.index)
}

func appendElement(b []byte, e element) []byte {
	b = append(appendU32(b, e.flags), e.head...)
	b = appendU32(b, uint32(len(e.items)))
	for _, i := range e.items {
		if e.flags&4 != 0 {
			b = appendExpression(b, i)
		} else {
			b = appendU32(b, i.index)
		}
	}
	return b
}

func appendBody(b []byte, f body) []byte {
	b = appendU32(b, uint32(len(f.locals)+len(f.code)))
	return append(append(b, f.locals...), f.code...)
}

func appendData(b []byte, s segment) []byte {
	return append(appendU32(append(b, 1), uint32(len(s.bytes))), s.bytes...)
}
