package main

import (
	"fmt"
	"io"
	"os"

	"wasgi/cmd/wasgi/front"
	"wasgi/tenants"
)

// accessLog is where lines of requests go.
type accessLog struct {
	*front.Lines
	path string // "" for standard output, or the server's log
	file *os.File
}

// openAccess opens a file to append to it, made if it is not there; "" and "-" are stdout.
func openAccess(path string, stdout io.Writer) (*accessLog, error) {
	l := &accessLog{Lines: front.NewLines(stdout)}
	if path == "" || path == "-" {
		return l, nil
	}
	l.path = path
	return l, l.reopen()
}

// reopen opens the file anew: it may have been renamed. Where that fails the old one
// stays.
func (l *accessLog) reopen() error {
	if l.path == "" {
		return nil
	}
	next, err := os.OpenFile(l.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
	if err != nil {
		return fmt.Errorf("access log: %w", err)
	}
	err = l.Turn(next)
	if l.file != nil {
		l.file.Close()
	}
	l.file = next
	if err != nil {
		return fmt.Errorf("access log: %w", err)
	}
	return nil
}

// access puts into cfg where the lines of requests go, as the configuration says and the
// flags, which come first. own are those of the server's log.
func (o serveOptions) access(cfg *front.Config, policy tenants.Policy, e *environment, own *front.Lines) (*accessLog, error) {
	if !o.accessLog {
		return &accessLog{Lines: own}, nil
	}
	a := policy.Access
	if o.accessFormat != "" {
		a.Format = o.accessFormat
	}
	if o.accessFile != "" {
		a.File = o.accessFile
	}
	if err := a.Validate(); err != nil {
		return nil, fmt.Errorf("access log: %w", err)
	}
	if a.Format == "" || a.Format == tenants.AccessServerLog {
		if e.logsJSON() {
			cfg.JSON = own
		} else {
			cfg.Access = cfg.Log
		}
		return &accessLog{Lines: own}, nil
	}
	file, err := openAccess(a.File, e.std.out)
	if err != nil {
		return nil, err
	}
	if a.Format == tenants.AccessCombined {
		cfg.Combined = file.Lines
	} else {
		cfg.JSON, cfg.AccessClient = file.Lines, true
	}
	return file, nil
}
