package test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"wasgi/test/testkit"
)

// TestDrain ends a server while it answers, and starts another in its place.
func TestDrain(t *testing.T) {
	t.Parallel()
	dir, state := t.TempDir(), t.TempDir()
	testkit.Write(t, filepath.Join(dir, "one"), says("done"))
	address := "unix:" + filepath.Join(t.TempDir(), "socket")
	server := testkit.Start(t, testkit.Options{Dir: dir, State: state, Listen: address})
	idle := server.Dial(t)
	idle.Say(testkit.Head("one.localhost", "/"))
	if got, err := idle.Hear(http.MethodGet); err != nil || got.Text != "done" {
		t.Fatalf("%q, %v", got.Text, err)
	}
	slow := openSlow(t, server)
	mark := server.Log.Mark()
	server.Signal(t, syscall.SIGTERM)
	server.Log.Wait(t, mark, testkit.Match{Text: "shutting down"})
	refused(t, address[len("unix:"):])
	if !server.Running() {
		t.Fatal("the server ended before its request did")
	}
	letGoOn(t, server, "one")
	if rest, err := io.ReadAll(slow); err != nil || string(rest) != "done" {
		t.Errorf("the request in flight ends with %q, %v", rest, err)
	}
	server.Wait(t)
	again := testkit.Start(t, testkit.Options{Dir: dir, State: state, Listen: address})
	again.Browser(t, "one.localhost").Get("/slow").Want(t, http.StatusOK, "begun, done")
}

// refused waits until nobody listens on a socket any more.
func refused(t *testing.T, path string) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("unix", path)
		if err != nil {
			return
		}
		conn.Close()
	}
	t.Error("the server takes new connections while it shuts down")
}

// TestDrainInterrupt ends a server by SIGINT while nothing is in flight.
func TestDrainInterrupt(t *testing.T) {
	t.Parallel()
	server := testkit.Start(t, testkit.Options{Dir: testkit.StageAll(t, testkit.App{Name: "hello"})})
	server.Browser(t, helloHost).Get("/plain").Want(t, http.StatusOK, "Hello, world!\n")
	server.Signal(t, syscall.SIGINT)
	server.Wait(t)
}

// TestKilled kills a server in the middle of a request: the next one starts on the same
// state, and finds the socket that nobody listens on.
func TestKilled(t *testing.T) {
	t.Parallel()
	dir, state := t.TempDir(), t.TempDir()
	testkit.Write(t, filepath.Join(dir, "one"), says("done"))
	address := "unix:" + filepath.Join(t.TempDir(), "socket")
	server := testkit.Start(t, testkit.Options{Dir: dir, State: state, Listen: address})
	openSlow(t, server)
	server.Kill()
	again := testkit.Start(t, testkit.Options{Dir: dir, State: state, Listen: address})
	again.Browser(t, "one.localhost").Get("/").Want(t, http.StatusOK, "done")
}

// TestStart asks a server that has only just begun to listen: the request waits for its
// app, and is not told that there is none.
func TestStart(t *testing.T) {
	t.Parallel()
	server := testkit.Launch(t, testkit.Options{Dir: testkit.StageAll(t, testkit.App{Name: "hello"})})
	server.Browser(t, helloHost).Get("/plain").Want(t, http.StatusOK, "Hello, world!\n")
}

// TestListenTwice refuses to take a socket away from a server that listens on it.
func TestListenTwice(t *testing.T) {
	t.Parallel()
	dir := testkit.StageAll(t, testkit.App{Name: "hello"})
	address := "unix:" + filepath.Join(t.TempDir(), "socket")
	server := testkit.Start(t, testkit.Options{Dir: dir, Listen: address})
	got := testkit.Command(t, "", "serve", "--state", t.TempDir(), "--listen", address, dir)
	if got.Code != 1 || got.Errors == "" {
		t.Errorf("a second server on %s: exit code %d, %q", address, got.Code, got.Errors)
	}
	server.Browser(t, helloHost).Get("/plain").Want(t, http.StatusOK, "Hello, world!\n")
}

// TestSlowClient lets a client that does not read wait: others are served meanwhile.
func TestSlowClient(t *testing.T) {
	t.Parallel()
	server := testkit.Start(t, testkit.Options{Dir: testkit.StageAll(t, testkit.App{Name: "responses"}, testkit.App{Name: "hello"})})
	slow := server.Dial(t)
	slow.Say(testkit.Head(responsesHost, "/large"))
	got, err := http.ReadResponse(bufio.NewReader(slow), nil)
	if err != nil {
		t.Fatal(err)
	}
	server.Browser(t, helloHost).Get("/plain").Want(t, http.StatusOK, "Hello, world!\n")
	server.Browser(t, "127.0.0.1").Get("/").Want(t, http.StatusNotFound, "no app is served")
	if n, err := io.Copy(io.Discard, got.Body); err != nil || n != 64*65536 {
		t.Errorf("the slow client got %d bytes, %v", n, err)
	}
}
