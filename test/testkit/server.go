package testkit

import (
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Options say how to start a server.
type Options struct {
	Dir    string   // the folder of bundles; with Run, the app's folder
	Run    string   // serve only this app of Dir, "module:callable", with wasgi run
	Listen string   // "unix:PATH"; "": a free port of 127.0.0.1
	State  string   // --state; "": a new folder
	Args   []string // further flags
}

// Server is a wasgi that runs as a process of its own.
type Server struct {
	Log     *Log
	State   string
	network string // of net.Dial
	address string
	cmd     *exec.Cmd
	exited  chan struct{} // closed when the process is gone
	stopped bool
}

// Start starts a server and returns when it has loaded its bundles, or has said why not.
// It is stopped when the test ends, and the test fails if it then breaks or has logged a
// bug.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	s := Launch(t, o)
	if o.Run != "" {
		s.loaded(t, filepath.Base(o.Dir))
		return s
	}
	manifests, err := filepath.Glob(filepath.Join(o.Dir, "*", "wasgi.toml"))
	check(t, err)
	for _, manifest := range manifests {
		s.loaded(t, filepath.Base(filepath.Dir(manifest)))
	}
	return s
}

// loaded waits until the server has tried to load a tenant's app for the first time.
func (s *Server) loaded(t testing.TB, tenant string) {
	t.Helper()
	s.Log.wait(t, 0, func(l Line) bool {
		switch l.Text("msg") {
		case "instance ready", "tenant serving", "tenant not loaded", "app not loaded":
			return l.Text("tenant") == tenant
		}
		return false
	}, "the first load of "+tenant)
}

// Launch is Start that returns as soon as the server takes connections.
func Launch(t testing.TB, o Options) *Server {
	t.Helper()
	if o.State == "" {
		o.State = t.TempDir()
	}
	if o.Listen == "" {
		o.Listen = FreePort(t)
	}
	s := &Server{Log: newLog(), State: o.State, network: "tcp", address: o.Listen, exited: make(chan struct{})}
	if path, unix := strings.CutPrefix(o.Listen, "unix:"); unix {
		s.network, s.address = "unix", path
	}
	s.cmd = exec.Command(Binary(t), o.words()...)
	s.cmd.SysProcAttr = Child()
	if o.Run != "" {
		s.cmd.Dir = o.Dir
	}
	s.start(t)
	t.Cleanup(func() { s.end(t) })
	s.await(t)
	return s
}

// words returns the command line.
func (o Options) words() []string {
	command, what := "serve", o.Dir
	if o.Run != "" {
		command, what = "run", o.Run
	}
	words := []string{command, "--log", "json", "--state", o.State, "--listen", o.Listen}
	return append(append(words, o.Args...), what)
}

func (s *Server) start(t testing.TB) {
	t.Helper()
	stderr, err := s.cmd.StderrPipe()
	check(t, err)
	check(t, s.cmd.Start())
	go func() {
		s.Log.follow(stderr)
		_ = s.cmd.Wait() // ProcessState tells the same
		close(s.exited)
	}()
}

// FreePort returns an address that nobody listens on at the moment.
func FreePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer l.Close()
	return l.Addr().String()
}

// await returns when the server takes connections.
func (s *Server) await(t testing.TB) {
	t.Helper()
	for end := time.Now().Add(2 * patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		select {
		case <-s.exited:
			t.Fatalf("the server ended at once: %v", s.cmd.ProcessState)
		default:
		}
		if conn, err := net.Dial(s.network, s.address); err == nil {
			conn.Close()
			return
		}
	}
	t.Fatalf("the server does not listen on %s", s.address)
}

// Signal sends a signal to the server.
func (s *Server) Signal(t testing.TB, sig syscall.Signal) {
	t.Helper()
	check(t, s.cmd.Process.Signal(sig))
}

// Stop asks the server to end, waits for that, and fails the test unless it ends well.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	s.Signal(t, syscall.SIGTERM)
	s.Wait(t)
}

// Wait waits until a server that was asked to end has ended.
func (s *Server) Wait(t testing.TB) {
	t.Helper()
	s.stopped = true
	select {
	case <-s.exited:
	case <-time.After(patience):
		s.Kill()
		t.Errorf("the server did not end %v after it was asked to", patience)
		return
	}
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("the server ended with exit code %d (%v), want 0", code, s.cmd.ProcessState)
	}
}

// Kill ends the server the hard way.
func (s *Server) Kill() {
	s.stopped = true
	s.cmd.Process.Kill() // fails where it has ended already, as is wanted
	<-s.exited
}

// Running tells whether the process is there.
func (s *Server) Running() bool {
	select {
	case <-s.exited:
		return false
	default:
		return true
	}
}

// end stops the server if the test has not, and looks for bugs in its log.
func (s *Server) end(t testing.TB) {
	t.Helper()
	if !s.stopped && !s.Running() {
		t.Errorf("the server ended by itself: %v", s.cmd.ProcessState)
	} else if !s.stopped {
		s.Stop(t)
	}
	for _, line := range s.Log.faults() {
		t.Errorf("the server has a bug: %s %s", line.Text("msg"), line.Text("panic"))
	}
	if t.Failed() {
		s.Log.dump(t)
	}
}
