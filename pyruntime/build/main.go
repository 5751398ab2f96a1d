// Command build makes what wasgi's guests run: CPython as a WebAssembly
// reactor with its standard library, and folders of Python packages to test
// with. Everything comes from the machine's own Debian mirror, is pinned by
// digest in pins.toml, and ends up in a cache outside the checkout.
//
//	go run ./pyruntime/build runtime              build the Python runtime
//	go run ./pyruntime/build site flask --out d   stage packages for an app
//	go run ./pyruntime/build pin --write          follow Debian's versions
//	go run ./pyruntime/build tests --out d        stage CPython's own tests
//	go run ./pyruntime/build tools wabt           install Debian packages
//
// Read runtime.go first, then layer.go: they list the steps.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := commands(os.Stdout)
	root.SetErr(os.Stderr)
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "build: %v\n", err)
		os.Exit(1)
	}
}

// commands returns the program's commands, which report to out.
func commands(out io.Writer) *cobra.Command {
	root := &cobra.Command{
		Use:           "build",
		Short:         "Build what wasgi's guests run",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(runtimeCommand(out), siteCommand(out), pinCommand(out), testsCommand(out), toolsCommand(out))
	return root
}

func runtimeCommand(out io.Writer) *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:   "runtime",
		Short: "Build python.wasm.zst, stdlib.zip and manifest.json",
		Args:  cobra.NoArgs,
	}
	c.Flags().StringVar(&dir, "out", "", "folder for the files (default pyruntime/dist of the checkout)")
	c.RunE = inWorkshop("runtime", out, func(ctx context.Context, w workshop, _ []string) error {
		if dir == "" {
			dir = w.checkout.path("pyruntime", "dist")
		}
		return w.buildRuntime(ctx, dir)
	})
	return c
}

func siteCommand(out io.Writer) *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:   "site SET…",
		Short: "Stage the Python packages of pins.toml's sets in a folder",
		Args:  cobra.MinimumNArgs(1),
	}
	c.Flags().StringVar(&dir, "out", "", "folder for the packages")
	cobra.CheckErr(c.MarkFlagRequired("out"))
	c.RunE = inWorkshop("site", out, func(ctx context.Context, w workshop, sets []string) error {
		return w.stageSite(ctx, sets, dir)
	})
	return c
}

func pinCommand(out io.Writer) *cobra.Command {
	var write bool
	c := &cobra.Command{
		Use:   "pin",
		Short: "Print pins.toml with the versions Debian offers now",
		Args:  cobra.NoArgs,
	}
	c.Flags().BoolVar(&write, "write", false, "replace pins.toml, and print what changed")
	c.RunE = inWorkshop("pin", out, func(ctx context.Context, w workshop, _ []string) error {
		text, changes, err := w.pin(ctx)
		if err != nil || !write {
			fmt.Fprint(out, text)
			return err
		}
		if len(changes) == 0 {
			changes = []string{"every version is what Debian offers now"}
		}
		for _, line := range changes {
			fmt.Fprintln(out, line)
		}
		return w.writePins(text)
	})
	return c
}

func toolsCommand(out io.Writer) *cobra.Command {
	c := &cobra.Command{
		Use:   "tools NAME…",
		Short: "Install the Debian packages that are missing",
		Args:  cobra.MinimumNArgs(1),
	}
	c.RunE = inWorkshop("tools", out, func(ctx context.Context, w workshop, names []string) error {
		return w.installTools(ctx, names)
	})
	return c
}

// inWorkshop makes a cobra handler of work.
func inWorkshop(name string, out io.Writer, work func(context.Context, workshop, []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		w, err := openWorkshop(name, out)
		if err != nil {
			return err
		}
		return w.close(name, work(c.Context(), w, args))
	}
}
