package main

import (
	"context"
	"fmt"
	"os"
	"strings"
)

// installTools makes sure that the Debian packages are installed on the
// machine. It names those that are missing before it installs them, and says
// nothing if there are none.
func (w workshop) installTools(ctx context.Context, names []string) error {
	missing, err := w.missingTools(ctx, names)
	if err != nil || len(missing) == 0 {
		return err
	}
	line := "apt-get install -y --no-install-recommends " + strings.Join(missing, " ")
	if os.Geteuid() != 0 {
		return fmt.Errorf("missing Debian packages, and only root can install them: %s", line)
	}
	fmt.Fprintf(w.say, "installing Debian packages: %s\n", strings.Join(missing, " "))
	if err := w.install(ctx, strings.Fields(line)); err != nil {
		return fmt.Errorf("install Debian packages: %s: %w", line, err)
	}
	return nil
}

// install runs an apt-get line, and if it fails runs it again with fresh
// lists: a new machine has none, an old one lists versions that are gone.
func (w workshop) install(ctx context.Context, line []string) error {
	first := w.system().run(ctx, "/", line...)
	if first == nil || ctx.Err() != nil {
		return first
	}
	if err := w.system().run(ctx, "/", "apt-get", "update", "-q"); err != nil {
		return err
	}
	return w.system().run(ctx, "/", line...)
}

// missingTools returns the packages that are not installed.
func (w workshop) missingTools(ctx context.Context, names []string) ([]string, error) {
	versions, err := w.toolVersions(ctx, names)
	if err != nil {
		return nil, err
	}
	var missing []string
	for _, name := range names {
		if versions[name] == "" {
			missing = append(missing, name)
		}
	}
	return missing, nil
}

// toolVersions returns the installed versions of Debian packages, by name.
func (w workshop) toolVersions(ctx context.Context, names []string) (map[string]string, error) {
	query := []string{"dpkg-query", "--show", "--showformat", `${db:Status-Status} ${Package} ${Version}\n`}
	text, err := w.system().output(ctx, "/", append(query, names...)...)
	if err != nil && ctx.Err() != nil {
		return nil, err // any other error means that a name is unknown, hence not installed
	}
	versions := map[string]string{}
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "installed" {
			versions[f[1]] = f[2]
		}
	}
	return versions, nil
}
