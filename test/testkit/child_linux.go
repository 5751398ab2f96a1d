package testkit

import "syscall"

// Child is how a process is started that does not outlive a test that times out.
func Child() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
