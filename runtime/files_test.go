package runtime

import (
	"context"
	"maps"
	"slices"
	"testing"

	"github.com/tetratelabs/wazero"

	"wasgi/abi"
	"wasgi/wasi"
)

// The functions of files that abi.h lists are those that package wasi has: neither
// package knows the other.
func TestFilesFunctionsAreThoseOfTheABI(t *testing.T) {
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	defer r.Close(ctx)
	if err := wasi.Instantiate(ctx, r); err != nil {
		t.Fatal(err)
	}
	if wasi.FilesModuleName != abi.FilesModule {
		t.Fatalf("the module is %q here and %q there", wasi.FilesModuleName, abi.FilesModule)
	}
	got := slices.Sorted(maps.Keys(r.Module(abi.FilesModule).ExportedFunctionDefinitions()))
	want := slices.Sorted(slices.Values([]string{abi.FilesFdLock, abi.FilesFdLockTest, abi.FilesLockWait}))
	if !slices.Equal(got, want) {
		t.Errorf("the functions are %q here and %q there", got, want)
	}
}
