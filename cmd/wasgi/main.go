// Command wasgi serves Python web apps (WSGI), each in a WebAssembly sandbox of its own.
package main

import (
	"context"
	"os"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
