// Package snapshots measures what begins with a snapshot, or goes back to one: tenants
// that are asked for the first time, servers that start again, many tenants on one server.
package snapshots

import (
	"os"
	"testing"

	"wasgi/test/testkit"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }
