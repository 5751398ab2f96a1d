package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// commander runs other programs. What they print goes to log; the
// environment is env and nothing else, so that a build does not depend on who
// runs it.
type commander struct {
	log io.Writer
	env []string
}

// with returns a commander that also sets these NAME=value variables.
func (c commander) with(env ...string) commander {
	c.env = append(append([]string{}, c.env...), env...)
	return c
}

// run runs a program in dir and waits for it. Its error names the program and
// how it ended; what it printed is in the log. When ctx ends, the program and
// all it started get SIGTERM.
func (c commander) run(ctx context.Context, dir string, args ...string) error {
	fmt.Fprintf(c.log, "$ cd %s && %s\n", dir, strings.Join(args, " "))
	cmd := c.command(ctx, dir, args)
	cmd.Stdout, cmd.Stderr = c.log, c.log
	if err := cmd.Run(); err != nil {
		return &runError{Program: args[0], Err: ended(ctx, err), Stopped: ctx.Err() != nil}
	}
	return nil
}

// output is run, but returns what the program wrote to its standard output,
// also when it fails.
func (c commander) output(ctx context.Context, dir string, args ...string) (string, error) {
	fmt.Fprintf(c.log, "$ cd %s && %s\n", dir, strings.Join(args, " "))
	cmd := c.command(ctx, dir, args)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, io.MultiWriter(c.log, &complaint)
	if err := cmd.Run(); err != nil {
		return out.String(), &runError{
			Program: strings.Join(args, " "), Err: ended(ctx, err), Stopped: ctx.Err() != nil, Said: lastLine(complaint.String()),
		}
	}
	return out.String(), nil
}

// runError says that a program could not be run, or failed. What it printed is
// in the log.
type runError struct {
	Program string
	Err     error
	Stopped bool   // by us, because the build was interrupted
	Said    string // its last complaint, if it is short enough to repeat
}

func (e *runError) Error() string {
	text := fmt.Sprintf("run %s: %v", e.Program, e.Err)
	if e.Said != "" {
		text += ": " + e.Said
	}
	return text
}

func (e *runError) Unwrap() error { return e.Err }

// command prepares a program in a process group of its own.
func (c commander) command(ctx context.Context, dir string, args []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir, cmd.Env = dir, c.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// ended prefers the reason why the program was stopped to how it died of it.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// lastLine returns the last line of text that is not blank.
func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}

// systemEnv is the environment for programs that change the machine or use
// the network: the user's, because it may name a proxy, in plain English.
func systemEnv() []string {
	return append(os.Environ(), "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive")
}

// buildEnv is the environment for programs that turn sources into results.
// home is a folder of the build's own. Nothing in it varies from one machine
// to another.
func buildEnv(home string) []string {
	return []string{
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=" + home,
		"LC_ALL=C.UTF-8",
		"TZ=UTC",
		"PYTHONHASHSEED=0",
		"PYTHONDONTWRITEBYTECODE=1",
	}
}
