package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"wasgi/tenants"
)

// streams are the standard streams of a command.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// exitCode ends the process with a code, and without a word.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

// run is the whole program but for the process around it.
func run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	root := rootCommand(streams{in, out, errs})
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errs)
	err := root.ExecuteContext(ctx)
	var code exitCode
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	}
	fmt.Fprintf(errs, "wasgi: %v\n", err)
	return 1
}

func rootCommand(std streams) *cobra.Command {
	root := &cobra.Command{
		Use:           "wasgi",
		Short:         "Serve Python web apps (WSGI), each in a WebAssembly sandbox of its own",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	e := &environment{std: std}
	flags := root.PersistentFlags()
	flags.StringVar(&e.pyruntime, "pyruntime", "", "use the Python runtime in this folder, not the one in this binary")
	flags.StringVar(&e.state, "state", "", "keep the tenants' data in this folder (default: by the apps' folder, in the user's state folder)")
	flags.StringVar(&e.config, "config", "", "read what the tenants may have from this file (see wasgi-server.toml in the README)")
	flags.StringVar(&e.logFormat, "log", "auto", "text, json, or auto: text on a terminal")
	flags.BoolVarP(&e.verbose, "verbose", "v", false, "log more")
	root.AddCommand(runCommand(e), serveCommand(e), checkCommand(e), execCommand(e), logsCommand(e), versionCommand(e))
	return root
}

func runCommand(e *environment) *cobra.Command {
	opts := serveOptions{}
	c := &cobra.Command{
		Use:   "run [flags] MODULE:CALLABLE",
		Short: "Serve one app from the current folder, for every host",
		Long: `Serve one app from the current folder, for every host.

MODULE:CALLABLE is the WSGI app, "app:application", or a factory, "app:create_app()".
A wasgi.toml in the folder gives the rest: env, limits, path. The folder itself, its
site-packages and the site-packages of a virtual environment in it are on sys.path.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return e.runApp(c.Context(), args[0], opts)
		},
	}
	opts.flags(c)
	c.Flags().BoolVar(&opts.reload, "reload", false, "reload the app when its files change")
	return c
}

func serveCommand(e *environment) *cobra.Command {
	opts := serveOptions{reload: true}
	c := &cobra.Command{
		Use:   "serve [flags] DIR",
		Short: "Serve every bundle under a folder",
		Long: `Serve every bundle under a folder: each folder in DIR with a wasgi.toml.

A bundle whose files change is reloaded, and so is every changed bundle on SIGHUP;
requests in flight finish on the old version. SIGTERM and SIGINT let requests in
flight finish and end the server.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return e.serveFolder(c.Context(), args[0], opts)
		},
	}
	opts.flags(c)
	return c
}

func checkCommand(e *environment) *cobra.Command {
	return &cobra.Command{
		Use:   "check DIR",
		Short: "Validate bundles, import the apps and say what is wrong",
		Long: `Validate the bundle in DIR, or every bundle under it: read the manifest, import the
app, and say what is wrong. The exit code is 1 if anything is.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return e.check(c.Context(), args[0])
		},
	}
}

func execCommand(e *environment) *cobra.Command {
	app := ""
	c := &cobra.Command{
		Use:   "exec [--app DIR] -- -c CODE | -m MODULE | FILE [ARGS...]",
		Short: "Run the sandboxed interpreter, as python3 would run",
		Long: `Run the sandboxed interpreter, as python3 would run.

The folder given with --app, or else the current one, is /app, read-only and the
current folder; FILE is a file in it. With a wasgi.toml, its env and path hold, and
/data is the tenant's own: so migrations run as the server runs the app.`,
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			return e.exec(c.Context(), app, args)
		},
	}
	c.Flags().StringVar(&app, "app", ".", "the app's folder")
	c.Flags().SetInterspersed(false)
	return c
}

func logsCommand(e *environment) *cobra.Command {
	follow := false
	c := &cobra.Command{
		Use:   "logs [--follow] DIR NAME",
		Short: "Print what is kept of a tenant's log",
		Long: `Print what is kept of a tenant's log: what its app printed, and its tracebacks, each line
with its time, the id of its request and its stream. DIR is the folder that is served,
NAME the bundle's folder in it. How much is kept is log_keep in wasgi.toml.`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			state, err := e.stateFolder(args[0])
			if err != nil {
				return err
			}
			return tenants.PrintLog(c.Context(), state, args[1], e.std.out, follow)
		},
	}
	c.Flags().BoolVarP(&follow, "follow", "f", false, "go on with what is logged from now on")
	return c
}

func versionCommand(e *environment) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Tell the versions of wasgi and its Python",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return e.version() },
	}
}
