package runtime

import "bytes"

// longestLine is where a line without an end is cut, in bytes.
const longestLine = 8 << 10

// lineWork is what a line costs besides its text, in bytes that are moved.
const lineWork = 1 << 10

// lines cuts what a guest prints into lines and tells which request printed them. A
// nil one discards.
type lines struct {
	exchange *exchange
	stream   string
	log      func(request, stream, line string)
	partial  []byte
}

// Write implements io.Writer. It takes everything.
func (l *lines) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		line, rest, ended := bytes.Cut(p, []byte{'\n'})
		if room := longestLine - len(l.partial); len(line) > room {
			l.partial = append(l.partial, line[:room]...)
			p = p[room:]
			l.flush()
			continue
		}
		l.partial = append(l.partial, line...)
		p = rest
		if ended {
			l.emit()
		}
	}
	return n, nil
}

// flush ends a line that has begun.
func (l *lines) flush() {
	if l != nil && len(l.partial) > 0 {
		l.emit()
	}
}

func (l *lines) emit() {
	l.exchange.meter.work(lineWork + len(l.partial))
	id := ""
	if l.exchange.request != nil {
		id = l.exchange.request.ID
	}
	l.log(id, l.stream, string(bytes.ToValidUTF8(bytes.TrimSuffix(l.partial, []byte{'\r'}), []byte("\uFFFD"))))
	l.partial = l.partial[:0]
}
