package fuel

import (
	"bytes"
	"errors"
	"fmt"
)

// decode reads a module. It keeps slices of b.
func decode(b []byte) (*module, error) {
	if !bytes.HasPrefix(b, []byte(header)) {
		return nil, errors.New("not a module of WebAssembly 1 (a component?)")
	}
	m := &module{start: -1}
	r := &reader{b: b, pos: len(header)}
	last := 0
	for r.more() {
		at, id := r.pos, int(r.byte())
		part := r.part(r.u32())
		if r.err != nil {
			break
		}
		if id != sectionCustom && order(id) <= order(last) {
			return nil, fmt.Errorf("offset %#x: section %d after section %d", at, id, last)
		}
		if id != sectionCustom {
			last = id
		}
		m.section(part, id, last)
		if err := part.end(); err != nil {
			return nil, fmt.Errorf("section %d: %w", id, err)
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	return m, m.consistent()
}

// order returns where a section stands in a module.
func order(id int) int {
	switch id {
	case sectionDataCount:
		return 2*sectionElement + 1
	}
	return 2 * id
}

func (m *module) section(r *reader, id, last int) {
	switch id {
	case sectionCustom:
		m.customs = append(m.customs, custom{after: last, name: r.name(), bytes: r.take(uint32(len(r.b) - r.pos))})
	case sectionType:
		r.each(m.readType)
	case sectionImport:
		r.each(m.readImport)
	case sectionFunction:
		r.each(func(r *reader) { m.functions = append(m.functions, r.u32()) })
	case sectionTable:
		r.each(func(r *reader) { m.tables = append(m.tables, readTable(r)) })
	case sectionMemory:
		r.each(func(r *reader) { m.memories = append(m.memories, readMemory(r)) })
	case sectionGlobal:
		r.each(m.readGlobal)
	case sectionExport:
		r.each(func(r *reader) {
			m.exports = append(m.exports, exported{name: r.name(), kind: r.byte(), index: r.u32()})
		})
	case sectionStart:
		m.start = int(r.u32())
	case sectionElement:
		r.each(m.readElement)
	case sectionCode:
		r.each(m.readBody)
	case sectionData:
		r.each(m.readData)
	case sectionDataCount:
		r.u32()
	default:
		r.fail(0, "not supported: section %d", id)
	}
}

// each calls f for each item of a vector.
func (r *reader) each(f func(*reader)) {
	for n := r.count(); n > 0 && r.err == nil; n-- {
		f(r)
	}
}

func (m *module) readType(r *reader) {
	at := r.pos
	if form := r.byte(); form != 0x60 {
		r.fail(at, "not supported: type of form %#x, expected a function", form)
		return
	}
	m.types = append(m.types, signature{params: r.types(), results: r.types()})
}

// types reads a vector of value types.
func (r *reader) types() []byte {
	at := r.pos
	b := r.take(r.u32())
	for _, t := range b {
		if !isValueType(t) {
			r.fail(at, "not supported: value type %#x", t)
		}
	}
	return b
}

func isValueType(t byte) bool { return t >= 0x7b && t <= typeI32 || isReference(t) }

func isReference(t byte) bool { return t == 0x70 || t == 0x6f }

func (m *module) readImport(r *reader) {
	i := imported{module: r.name(), name: r.name()}
	at := r.pos
	i.kind = r.byte()
	switch i.kind {
	case kindFunction:
		i.typ = r.u32()
	case kindTable:
		r.fail(at, "not supported: table %s.%s is imported, so who calls whom is unknown", i.module, i.name)
	case kindMemory:
		i.desc = readMemory(r)
	case kindGlobal:
		i.desc = readGlobalType(r)
		if len(i.desc) > 0 && isReference(i.desc[0]) {
			r.fail(at, "not supported: global %s.%s of a reference is imported", i.module, i.name)
		}
	default:
		r.fail(at, "not supported: import of kind %d", i.kind)
	}
	m.imports = append(m.imports, i)
}

func readTable(r *reader) []byte {
	from := r.pos
	if t := r.byte(); !isReference(t) {
		r.fail(from, "not supported: table of type %#x", t)
	}
	readLimits(r)
	return r.since(from)
}

func readMemory(r *reader) []byte {
	from := r.pos
	readLimits(r)
	return r.since(from)
}

func readLimits(r *reader) {
	at := r.pos
	switch flags := r.byte(); flags {
	case 0:
		r.u32()
	case 1:
		r.u32()
		r.u32()
	default:
		r.fail(at, "not supported: limits of kind %d (shared, or of 64 bits?)", flags)
	}
}

func readGlobalType(r *reader) []byte {
	from := r.pos
	if t := r.byte(); !isValueType(t) {
		r.fail(from, "not supported: global of type %#x", t)
	}
	if mutable := r.byte(); mutable > 1 {
		r.fail(from, "global of mutability %d", mutable)
	}
	return r.since(from)
}

// since returns what was read from a position on.
func (r *reader) since(from int) []byte {
	if r.err != nil {
		return nil
	}
	return r.b[from:r.pos]
}

func (m *module) readGlobal(r *reader) {
	g := global{typ: readGlobalType(r)}
	g.mutable = len(g.typ) == 2 && g.typ[1] == 1
	g.init = readExpression(r)
	m.globals = append(m.globals, g)
}

func readExpression(r *reader) expression {
	from := r.pos
	s := newScanner(r.b, r.base)
	s.pos, s.err = r.pos, r.err
	if !s.next() {
		r.pos, r.err = s.pos, s.err
		return expression{}
	}
	e := expression{op: s.op, index: s.arg}
	switch s.op {
	case opI32Const, opI64Const, opF32Const, opF64Const, opV128Const, opGlobalGet, opRefFunc, opRefNull:
	default:
		s.fail(from, "not supported: %v in a constant expression", s.op)
	}
	if at := s.pos; s.byte() != byte(opEnd) {
		s.fail(at, "not supported: a constant expression of more than one instruction")
	}
	r.pos, r.err = s.pos, s.err
	e.raw = r.since(from)
	return e
}

func (m *module) readElement(r *reader) {
	at := r.pos
	e := element{flags: r.u32()}
	if e.flags > 7 {
		r.fail(at, "element segment of kind %d", e.flags)
		return
	}
	from := r.pos
	if e.flags&1 == 0 {
		if e.flags&2 != 0 {
			r.u32()
		}
		e.offset = readExpression(r)
	}
	if e.flags&3 != 0 {
		at = r.pos
		if t := r.byte(); e.flags&4 != 0 && !isReference(t) || e.flags&4 == 0 && t != 0 {
			r.fail(at, "not supported: element segment of type %#x", t)
		}
	}
	e.head = r.since(from)
	r.each(func(r *reader) {
		if e.flags&4 != 0 {
			e.items = append(e.items, readExpression(r))
		} else {
			e.items = append(e.items, expression{op: opRefFunc, index: r.u32()})
		}
	})
	m.elements = append(m.elements, e)
}

func (m *module) readBody(r *reader) {
	p := r.part(r.u32())
	b := body{}
	p.each(func(p *reader) {
		b.count += uint64(p.u32())
		if t := p.byte(); !isValueType(t) {
			p.fail(p.pos-1, "not supported: local of type %#x", t)
		}
	})
	b.locals = p.since(0)
	b.base = p.base + p.pos
	b.code = p.take(uint32(len(p.b) - p.pos))
	if p.err != nil && r.err == nil {
		r.fail(0, "function %d: %v", m.importedCount(kindFunction)+len(m.bodies), p.err)
	}
	m.bodies = append(m.bodies, b)
}

func (m *module) readData(r *reader) {
	at := r.pos
	s := segment{}
	switch flags := r.u32(); flags {
	case 0:
		s.active, s.offset = true, readExpression(r)
	case 1:
	case 2:
		if memory := r.u32(); memory != 0 {
			r.fail(at, "not supported: data of memory %d", memory)
		}
		s.active, s.offset = true, readExpression(r)
	default:
		r.fail(at, "data segment of kind %d", flags)
	}
	s.bytes = r.take(r.u32())
	m.data = append(m.data, s)
}
