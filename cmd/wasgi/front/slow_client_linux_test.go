package front

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What slow clients do, in the order in which they connect: the last are cut first. One in
// three does each.
const (
	slowReader = iota
	slowRequest
	slowHead
	slowKinds
)

// cutStep is how long it takes until a client knows that it is cut.
const cutStep = 2 * time.Millisecond

// TestSlowClients is the process of slow clients of BenchmarkFrontSlowClients: it says
// "open" and how many when all of a kind are connected, and "longest" and how long, in
// seconds, the server bore with the one that it bore with longest: after a minute where they
// return, else when all are cut.
func TestSlowClients(t *testing.T) {
	var address string
	var count int
	var returns bool
	if _, err := fmt.Sscan(os.Getenv(slowEnv), &address, &count, &returns); err != nil {
		t.Skip("is for BenchmarkFrontSlowClients")
	}
	descriptorLimit(t)
	at := netip.MustParseAddrPort(address)
	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	s := &slowCrowd{t: t, server: unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}, poll: poll, returns: returns, byFD: map[int]*slowClient{}}
	for kind := range slowKinds {
		for range count / slowKinds {
			s.add(kind)
			s.run(slowRate)
		}
		s.run(slowSettle)
		fmt.Println("open", count/slowKinds)
		s.run(slowSettle / 3) // for who measures
	}
	if returns {
		s.run(slowTime)
	}
	for end := time.Now().Add(slowTimeout); !returns && len(s.byFD) > 0 && time.Now().Before(end); {
		s.run(slowSettle) // the system tells most, not all, whose buffer is full that they are cut
	}
	fmt.Println("longest", s.longest.Seconds())
	s.run(time.Minute) // until it is ended
}

// slowCrowd is many clients in one thread: what they take of the machine, the server has not.
type slowCrowd struct {
	t       *testing.T
	server  unix.SockaddrInet4
	poll    int
	returns bool
	byFD    map[int]*slowClient // the connected
	queue   []*slowClient       // by when they are to do something
	longest time.Duration       // a connection
}

// slowClient is one of them. It does something at due; its connection, -1 for none, began
// at since.
type slowClient struct {
	kind, fd   int
	since, due time.Time
	text       string // what it says next
}

func (s *slowCrowd) add(kind int) {
	c := &slowClient{kind: kind}
	s.connect(c)
	c.due = c.since.Add(slowStep)
	s.queue = append(s.queue, c)
}

func (s *slowCrowd) connect(c *slowClient) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err == nil && c.kind == slowReader {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 1)
	}
	if err == nil {
		err = unix.Connect(fd, &s.server)
	}
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err == nil {
		err = unix.EpollCtl(s.poll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLRDHUP | unix.EPOLLET, Fd: int32(fd)})
	}
	first := map[int]string{
		slowReader:  strings.Repeat("GET /big HTTP/1.1\r\nHost: h\r\n\r\n", 1000), // more than the kernel keeps for it
		slowRequest: "POST /slow HTTP/1.1\r\nHost: h\r\nContent-Length: 60000\r\n\r\n",
		slowHead:    "G",
	}[c.kind]
	if err == nil {
		_, err = unix.Write(fd, []byte(first))
	}
	if err != nil {
		s.t.Fatal(err)
	}
	c.fd, c.since, c.text = fd, time.Now(), "ET /"
	s.byFD[fd] = c
}

// run has the clients do what they do for some time.
func (s *slowCrowd) run(long time.Duration) {
	for end := time.Now().Add(long); ; {
		now := time.Now()
		for len(s.queue) > 0 && !s.queue[0].due.After(now) {
			s.step(s.queue[0])
			s.queue = s.queue[1:]
		}
		if !now.Before(end) {
			return
		}
		next := end
		if len(s.queue) > 0 && s.queue[0].due.Before(end) {
			next = s.queue[0].due
		}
		s.untilCut(next)
	}
}

// step sends or reads a byte.
func (s *slowCrowd) step(c *slowClient) {
	switch {
	case c.fd < 0:
		return
	case c.kind == slowReader:
		unix.Read(c.fd, make([]byte, 1)) // an error is told as an event
	default:
		unix.Write(c.fd, []byte(c.text[:1]))
		c.text = c.text[1:] + "x"
	}
	c.due = c.due.Add(slowStep)
	s.queue = append(s.queue, c)
}

// untilCut waits for connections that the server ends, up to a time.
func (s *slowCrowd) untilCut(end time.Time) {
	time.Sleep(min(time.Until(end), cutStep))
	var events [64]unix.EpollEvent
	n, _ := unix.EpollWait(s.poll, events[:], 0) // after an error it is called again
	for _, event := range events[:max(0, n)] {
		c := s.byFD[int(event.Fd)]
		s.longest = max(s.longest, time.Since(c.since))
		delete(s.byFD, c.fd)
		unix.Close(c.fd)
		if c.fd = -1; s.returns {
			s.connect(c)
		}
	}
}
