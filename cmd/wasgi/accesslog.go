package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"

	"wasgi/cmd/wasgi/front"
	"wasgi/tenants"
)

// accessFile is where lines of the access log go that are not the server's log's. It is
// safe for concurrent use.
type accessFile struct {
	path string // "" for standard output

	mu  sync.Mutex
	out io.Writer
}

// openAccess opens a file to append to it, made if it is not there; "" and "-" are stdout.
func openAccess(path string, stdout io.Writer) (*accessFile, error) {
	if path == "" || path == "-" {
		return &accessFile{out: stdout}, nil
	}
	f := &accessFile{path: path}
	return f, f.reopen()
}

// reopen opens the file anew: it may have been renamed. Where that fails the old one
// stays. A nil f has none.
func (f *accessFile) reopen() error {
	if f == nil || f.path == "" {
		return nil
	}
	next, err := os.OpenFile(f.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
	if err != nil {
		return fmt.Errorf("access log: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if old, ok := f.out.(io.Closer); ok {
		old.Close()
	}
	f.out = next
	return nil
}

// Write implements io.Writer: one call is one line.
func (f *accessFile) Write(line []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.out.Write(line)
}

// access puts into cfg where the lines of requests go, as the configuration says and the
// flags, which come first. The file is nil where they go into the server's log.
func (o serveOptions) access(cfg *front.Config, policy tenants.Policy, stdout io.Writer) (*accessFile, error) {
	if !o.accessLog {
		return nil, nil
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
		cfg.Access = cfg.Log
		return nil, nil
	}
	file, err := openAccess(a.File, stdout)
	if err != nil {
		return nil, err
	}
	if a.Format == tenants.AccessCombined {
		cfg.Combined = file
	} else {
		cfg.Access, cfg.AccessClient = slog.New(slog.NewJSONHandler(file, nil)), true
	}
	return file, nil
}
