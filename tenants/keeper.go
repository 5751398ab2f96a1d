package tenants

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode"

	"wasgi/quotas"
)

// The files of a kept log. The current one is appended to; when it is half of what may
// be kept it becomes the previous one.
const (
	currentLog  = "current"
	previousLog = "previous"
)

const (
	keepDelay = 200 * time.Millisecond // until a line is on its way to the disk
	mostAhead = 4 * quotas.MiB         // of lines on their way; more are lost, and counted
)

// keeper keeps the end of a tenant's log on the disk. Lines are written by goroutines of
// its own, some at once, so that a slow disk holds up nobody; close writes the last.
// Nothing stays open between writes. It is safe for concurrent use; a nil one keeps
// nothing.
type keeper struct {
	dir    string
	tenant string
	log    *slog.Logger // told where the log cannot be kept

	mu     sync.Mutex
	most   quotas.Bytes // of both files together
	ahead  []byte
	lost   int  // lines for which ahead had no room
	due    bool // a flush is
	hurry  bool // one that does not wait is
	closed bool // each line is written at once

	disk   sync.Mutex // held while the files are written
	failed bool       // the last write did
}

// logDir is where a tenant's log is kept.
func logDir(state, tenant string) string { return filepath.Join(state, tenant, "log") }

func newKeeper(state, tenant string, most quotas.Bytes, log *slog.Logger) *keeper {
	k := &keeper{dir: logDir(state, tenant), tenant: tenant, log: log}
	k.setMost(most)
	return k
}

// setMost changes how much is kept; what is older is removed.
func (k *keeper) setMost(most quotas.Bytes) {
	if k == nil {
		return
	}
	k.mu.Lock()
	k.most = most
	k.mu.Unlock()
	k.disk.Lock()
	defer k.disk.Unlock()
	for _, name := range []string{currentLog, previousLog} {
		k.told(trim(filepath.Join(k.dir, name), int64(most/2)))
	}
}

// add keeps a line.
func (k *keeper) add(request, stream, line string) {
	if k == nil {
		return
	}
	if k.take(keptLine(time.Now(), request, stream, line)) {
		k.flush()
	}
}

// take puts a line on its way, and tells whether it must be written now.
func (k *keeper) take(line string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	room := int(min(k.most/2, mostAhead))
	if len(k.ahead)+len(line) > room {
		k.lost++
	} else {
		k.ahead = append(k.ahead, line...)
	}
	switch {
	case k.closed:
		return true
	case !k.hurry && len(k.ahead) > room/2:
		k.due, k.hurry = true, true
		go k.flush()
	case !k.due:
		k.due = true
		time.AfterFunc(keepDelay, k.flush)
	}
	return false
}

// keptLine is a line as it is kept: a person can print it, whatever an app has logged.
func keptLine(at time.Time, request, stream, line string) string {
	if request == "" {
		request = "-"
	}
	return at.UTC().Format("2006-01-02T15:04:05.000Z") + " " + request + " " + stream + " " + cut(visible(line)) + "\n"
}

// visible writes control characters, which a terminal would obey, as escapes.
func visible(line string) string {
	hidden := func(r rune) bool { return unicode.IsControl(r) && r != '\t' }
	if strings.IndexFunc(line, hidden) < 0 {
		return line
	}
	var b strings.Builder
	for _, r := range line {
		if hidden(r) {
			fmt.Fprintf(&b, `\x%02x`, r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// flush writes what is on its way.
func (k *keeper) flush() {
	k.disk.Lock()
	defer k.disk.Unlock()
	k.mu.Lock()
	lines, lost, half := k.ahead, k.lost, int64(k.most/2)
	k.ahead, k.lost, k.due, k.hurry = nil, 0, false, false
	k.mu.Unlock()
	if lost > 0 {
		lines = append(lines, keptLine(time.Now(), "", "log", fmt.Sprintf("%d lines were not kept: the disk is too slow", lost))...)
	}
	k.told(k.write(lines, half))
}

// write appends whole lines, turning to the next file where one is full. The caller
// holds disk.
func (k *keeper) write(lines []byte, half int64) error {
	for turned := false; len(lines) > 0; {
		f, err := k.open()
		if err != nil {
			return err
		}
		info, err := f.Stat()
		n := 0
		if err == nil {
			if n = fitting(lines, half-info.Size()); n > 0 {
				_, err = f.Write(lines[:n])
			}
		}
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
		if lines = lines[n:]; n > 0 {
			turned = false
			continue
		}
		if turned {
			return fmt.Errorf("a line is longer than the %d bytes of an empty file", half)
		}
		turned = true
		if err := os.Rename(filepath.Join(k.dir, currentLog), filepath.Join(k.dir, previousLog)); err != nil {
			return err
		}
	}
	return nil
}

// open opens the current file, and makes it where needed.
func (k *keeper) open() (*os.File, error) {
	const flags = os.O_WRONLY | os.O_APPEND | os.O_CREATE | syscall.O_NOFOLLOW
	name := filepath.Join(k.dir, currentLog)
	f, err := os.OpenFile(name, flags, 0o600)
	if !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	if err := os.MkdirAll(k.dir, 0o700); err != nil {
		return nil, err
	}
	return os.OpenFile(name, flags, 0o600)
}

// fitting returns how many bytes of whole lines fit into room.
func fitting(lines []byte, room int64) int {
	if room >= int64(len(lines)) {
		return len(lines)
	}
	return bytes.LastIndexByte(lines[:max(room, 0)], '\n') + 1
}

// trim keeps of a file the last lines, of no more than most bytes.
func trim(name string, most int64) error {
	from, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer from.Close()
	info, err := from.Stat()
	if err != nil || info.Size() <= most {
		return err
	}
	to, err := os.OpenFile(name+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	rest := bufio.NewReader(io.NewSectionReader(from, info.Size()-most, most))
	if _, err = rest.ReadString('\n'); err == nil { // of a line whose begin is not kept
		_, err = io.Copy(to, rest)
	}
	if err == io.EOF {
		err = nil
	}
	if err = errors.Join(err, to.Close()); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}

// told says in the server's log that the log is not kept, once until it is again. The
// caller holds disk.
func (k *keeper) told(err error) {
	if err != nil && !k.failed {
		k.log.Error("log not kept", "tenant", k.tenant, "error", err)
	}
	k.failed = err != nil
}

// close writes what is on its way. A line that comes later is written at once.
func (k *keeper) close() {
	if k == nil {
		return
	}
	k.mu.Lock()
	k.closed = true
	k.mu.Unlock()
	k.flush()
}
