package testkit

// Address returns where the server listens, HOST:PORT or a path.
func (s *Server) Address() string { return s.address }

// Pid returns the number of the server's process.
func (s *Server) Pid() int { return s.cmd.Process.Pid }
