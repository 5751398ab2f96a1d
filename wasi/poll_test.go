package wasi

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"testing"
	"time"
)

// clockSub is the record of a subscription to a clock.
func clockSub(userdata uint64, id uint32, timeout uint64, flags uint16) []byte {
	b := make([]byte, subscriptionSize)
	binary.LittleEndian.PutUint64(b, userdata)
	b[8] = eventClock
	binary.LittleEndian.PutUint32(b[16:], id)
	binary.LittleEndian.PutUint64(b[24:], timeout)
	binary.LittleEndian.PutUint16(b[40:], flags)
	return b
}

// fdSub is the record of a subscription to a descriptor.
func fdSub(userdata uint64, typ byte, fd uint32) []byte {
	b := make([]byte, subscriptionSize)
	binary.LittleEndian.PutUint64(b, userdata)
	b[8] = typ
	binary.LittleEndian.PutUint32(b[16:], fd)
	return b
}

// event is one event of poll_oneoff.
type event struct {
	userdata uint64
	errno    Errno
	typ      uint8
	nbytes   uint64
	flags    uint16
}

// poll calls poll_oneoff.
func (g *guest) poll(subs ...[]byte) ([]event, Errno) {
	g.t.Helper()
	const in, out = 4096, 32768
	g.mem.Write(in, bytes.Join(subs, nil))
	if errno := g.call("poll_oneoff", in, out, len(subs), 0); errno != ESUCCESS {
		return nil, errno
	}
	var events []event
	for i := range g.u32(0) {
		b, _ := g.mem.Read(out+i*eventSize, eventSize)
		events = append(events, event{
			binary.LittleEndian.Uint64(b), Errno(binary.LittleEndian.Uint16(b[8:])), b[10],
			binary.LittleEndian.Uint64(b[16:]), binary.LittleEndian.Uint16(b[24:]),
		})
	}
	return events, ESUCCESS
}

// wantEvents fails the test unless got are events of these userdata.
func (g *guest) wantEvents(got []event, errno Errno, want ...uint64) {
	g.t.Helper()
	if errno != ESUCCESS || len(got) != len(want) {
		g.t.Fatalf("poll: %+v, %v, want events of %v", got, errno, want)
	}
	for i, e := range got {
		if e.userdata != want[i] {
			g.t.Errorf("event %d: %+v, want of %d", i, e, want[i])
		}
	}
}

func TestPollClocks(t *testing.T) {
	g := newGuest(t, Config{})
	begin := time.Now()
	ev, errno := g.poll(
		clockSub(1, clockMonotonic, uint64(time.Hour), 0),
		clockSub(2, clockMonotonic, uint64(30*time.Millisecond), 0))
	g.wantEvents(ev, errno, 2)
	if d := time.Since(begin); d < 30*time.Millisecond || d > 5*time.Second {
		t.Errorf("slept %v", d)
	}
	begin = time.Now()
	ev, errno = g.poll(clockSub(3, clockRealtime, uint64(begin.Add(20*time.Millisecond).UnixNano()), subclockAbstime))
	g.wantEvents(ev, errno, 3)
	if d := time.Since(begin); d < 20*time.Millisecond || d > 5*time.Second {
		t.Errorf("slept %v until a time", d)
	}
	ev, errno = g.poll(
		clockSub(4, clockMonotonic, 1, subclockAbstime), // long past
		clockSub(5, clockRealtime, 0, 0),
		clockSub(6, clockMonotonic, 1<<64-1, 0), // for ever
		clockSub(7, clockMonotonic, 1<<64-1, subclockAbstime))
	g.wantEvents(ev, errno, 4, 5)
}

func TestPollErrors(t *testing.T) {
	g := newGuest(t, Config{Mounts: []Mount{{"/tmp", NewTmp(Quota{})}}})
	odd := clockSub(4, 0, 0, 0)
	odd[8] = 3
	ev, errno := g.poll(
		clockSub(1, 9, 0, 0), clockSub(2, clockProcessCPU, 1, 0), clockSub(3, 0, 0, 2), odd,
		fdSub(5, eventFdRead, 77), fdSub(6, eventFdRead, 1), fdSub(7, eventFdWrite, 0))
	g.wantEvents(ev, errno, 1, 2, 3, 4, 5, 6, 7)
	want := []Errno{EINVAL, ENOTSUP, EINVAL, EINVAL, EBADF, ENOTCAPABLE, ENOTCAPABLE}
	for i, e := range ev {
		if e.errno != want[i] {
			t.Errorf("event %d: %v, want %v", i, e.errno, want[i])
		}
	}
	g.want(EINVAL, "poll_oneoff", 0, 4096, 0, 0)
	g.want(EINVAL, "poll_oneoff", 0, 4096, maxSubscriptions+1, 0)
	g.want(EFAULT, "poll_oneoff", g.mem.Size()-47, 4096, 1, 0)
	g.want(EFAULT, "poll_oneoff", 0, g.mem.Size()-31, 1, 0)
	g.want(EFAULT, "poll_oneoff", 0, 4096, 1, g.mem.Size()-3)
}

func TestPollFiles(t *testing.T) {
	g := newGuest(t, Config{Preopens: []Mount{{"/", NewTmp(Quota{})}}})
	g.put("f", "hello")
	fd := g.open("f", 0, true)
	g.ok("fd_seek", fd, 2, whenceSet, 0)
	ev, errno := g.poll(fdSub(1, eventFdRead, fd), fdSub(2, eventFdWrite, fd),
		fdSub(3, eventFdWrite, 1), clockSub(4, clockMonotonic, uint64(time.Hour), 0))
	g.wantEvents(ev, errno, 1, 2, 3)
	if ev[0].nbytes != 3 {
		t.Errorf("%d bytes can be read, want 3", ev[0].nbytes)
	}
}

func TestPollInput(t *testing.T) {
	r, w := io.Pipe()
	g := newGuest(t, Config{Stdin: r})
	ev, errno := g.poll(fdSub(1, eventFdRead, 0), clockSub(2, clockMonotonic, uint64(10*time.Millisecond), 0))
	g.wantEvents(ev, errno, 2)
	go func() { _, _ = w.Write([]byte("abc")) }()
	ev, errno = g.poll(fdSub(1, eventFdRead, 0), clockSub(2, clockMonotonic, uint64(time.Minute), 0))
	g.wantEvents(ev, errno, 1)
	if ev[0].nbytes != 3 || ev[0].flags != 0 {
		t.Errorf("event %+v, want 3 bytes", ev[0])
	}
	if s, errno := g.read(0, 2); s != "ab" || errno != ESUCCESS {
		t.Errorf("read %q, %v", s, errno)
	}
	if s, errno := g.read(0, 10); s != "c" || errno != ESUCCESS {
		t.Errorf("read %q, %v", s, errno)
	}
	go func() { _ = w.Close() }()
	ev, errno = g.poll(fdSub(1, eventFdRead, 0))
	g.wantEvents(ev, errno, 1)
	if ev[0].flags != eventHangup {
		t.Errorf("event %+v, want the end", ev[0])
	}
	if s, errno := g.read(0, 10); s != "" || errno != ESUCCESS {
		t.Errorf("read %q, %v at the end", s, errno)
	}
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	r, w := io.Pipe()
	defer w.Close() //nolint:errcheck // lets the pump's goroutine end
	waits := 0
	g := newGuest(t, Config{Stdin: r, Wait: func(block func()) { waits++; block() }})
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	g.box.SetContext(ctx)
	begin := time.Now()
	if _, errno := g.poll(clockSub(1, clockMonotonic, uint64(time.Hour), 0)); errno != EINTR {
		t.Errorf("sleep: %v, want %v", errno, EINTR)
	}
	if _, errno := g.read(0, 10); errno != EINTR {
		t.Errorf("read: %v, want %v", errno, EINTR)
	}
	if d := time.Since(begin); d > 5*time.Second {
		t.Errorf("waited %v", d)
	}
	if waits != 2 {
		t.Errorf("the host was told of %d waits, want 2", waits)
	}
	g.box.SetContext(context.Background())
	go func() { _, _ = w.Write([]byte("late")) }()
	if s, errno := g.read(0, 10); s != "late" || errno != ESUCCESS {
		t.Errorf("read %q, %v after the context", s, errno)
	}
}
