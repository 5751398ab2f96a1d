package testkit

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Conn is a connection on which a test says each byte itself.
type Conn struct {
	net.Conn
	t  testing.TB
	in *bufio.Reader
}

// Dial opens a connection.
func (s *Server) Dial(t testing.TB) *Conn {
	t.Helper()
	conn, err := net.Dial(s.network, s.address)
	check(t, err)
	t.Cleanup(func() { conn.Close() })
	check(t, conn.SetReadDeadline(time.Now().Add(patience)))
	return &Conn{Conn: conn, t: t, in: bufio.NewReader(conn)}
}

// Say sends text. A server that has closed the connection meanwhile is no failure: what
// it answered tells why.
func (c *Conn) Say(text string) { io.WriteString(c.Conn, text) }

// Hear reads the answer to a request with that method.
func (c *Conn) Hear(method string) (Response, error) {
	r, err := http.ReadResponse(c.in, &http.Request{Method: method})
	if err != nil {
		return Response{}, err
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	return Response{Response: r, Text: string(text), Err: err}, nil
}

// Rest returns what the server sends until it closes the connection. A server that
// keeps it open fails the test.
func (c *Conn) Rest() string {
	c.t.Helper()
	text, err := io.ReadAll(c.in)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		c.t.Errorf("the server keeps the connection open after %q", text)
	}
	return string(text)
}

// Raw sends text on a connection of its own, ends the sending side and returns all that
// comes back.
func (s *Server) Raw(t testing.TB, text string) string {
	t.Helper()
	c := s.Dial(t)
	c.Say(text)
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite() // fails where the server was faster
	}
	return c.Rest()
}

// Statuses returns the status of each answer in text, in order.
func Statuses(text string) []int {
	var codes []int
	in := bufio.NewReader(strings.NewReader(text))
	for {
		r, err := http.ReadResponse(in, nil)
		if err != nil {
			return codes
		}
		codes = append(codes, r.StatusCode)
		io.Copy(io.Discard, r.Body) // a body cut short ends the next loop
	}
}

// Head returns a GET request's head with further header lines.
func Head(host, target string, lines ...string) string {
	return fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", target, host, joinLines(lines))
}

func joinLines(lines []string) string {
	var b strings.Builder
	for _, line := range lines {
		b.WriteString(line + "\r\n")
	}
	return b.String()
}
