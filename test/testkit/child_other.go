//go:build !linux

package testkit

import "syscall"

// Child is how a process is started; here one outlives a test that times out.
func Child() *syscall.SysProcAttr { return nil }
