// Package test starts the real wasgi and uses it as its users do: with HTTP, signals,
// files and the command line.
package test

import (
	"os"
	"testing"

	"wasgi/test/testkit"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }
