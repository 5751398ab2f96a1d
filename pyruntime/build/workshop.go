package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"golang.org/x/term"
)

// workshop is where one run of this program works: the recipe it follows, the
// cache it fills, and where its output goes.
type workshop struct {
	checkout checkout
	cache    cache
	pinned   pins      // what pins.toml says
	pins     pins      // what is used: see settle
	apt      *apt      // nil until it is needed
	say      io.Writer // for the user
	log      *logbook  // for whoever looks into a failure
}

// openWorkshop reads the recipe of the checkout around the current folder.
// The log is named after the subcommand.
func openWorkshop(name string, say io.Writer) (workshop, error) {
	root, err := findCheckout(".")
	if err != nil {
		return workshop{}, err
	}
	store, err := userCache()
	if err != nil {
		return workshop{}, err
	}
	pinned, err := loadPins(root.pinsFile())
	if err != nil {
		return workshop{}, err
	}
	log, err := openLog(store.path("logs", fmt.Sprintf("%s-%d.log", name, os.Getpid())))
	if err != nil {
		return workshop{}, err
	}
	w := workshop{checkout: root, cache: store, pinned: pinned, say: say, log: log}
	w.pins = w.recall()
	return w, nil
}

// lock waits for the cache's lock, and returns w with what other runs took in
// place of pins meanwhile, and what gives the lock back.
func (w workshop) lock(ctx context.Context) (workshop, func(), error) {
	unlock, err := w.cache.lock(ctx, w.say)
	w.pins = w.recall()
	return w, unlock, err
}

// close ends the run of a subcommand that gave err. The log is dropped, unless
// it explains err: then the error that is returned says where it is.
func (w workshop) close(name string, err error) error {
	var explained *stepError
	var failed *runError
	if errors.As(err, &failed) && !errors.As(err, &explained) {
		err = w.log.explain(name, err)
	}
	w.log.Close()
	if !errors.As(err, &explained) {
		os.Remove(w.log.path)
	}
	return err
}

// system runs programs that use the network or change the machine.
func (w workshop) system() commander { return commander{log: w.log, env: systemEnv()} }

// builder runs programs that turn sources into results, with home as their
// home.
func (w workshop) builder(home string) commander {
	return commander{log: w.log, env: buildEnv(home)}
}

// openApt opens the private apt state with the suites the pins name, unless
// it is open.
func (w workshop) openApt(ctx context.Context) (*apt, error) {
	if w.apt != nil {
		return w.apt, nil
	}
	from, err := findDebianArchive("/")
	if err != nil {
		return nil, err
	}
	list := []string{w.pins.Suites.Main}
	if w.pins.Suites.Sysroot != w.pins.Suites.Main {
		list = append(list, w.pins.Suites.Sysroot)
	}
	return openApt(ctx, w.cache.path("apt"), from, list, w.pins.Suites.Main, w.system())
}

// runSteps runs steps with progress for the user.
func (w workshop) runSteps(ctx context.Context, steps []step) error {
	p := progress{out: w.say, now: time.Now, tick: time.Second, log: w.log}
	if f, ok := w.say.(*os.File); ok {
		p.live = term.IsTerminal(int(f.Fd()))
	}
	return w.blame(p.run(ctx, steps))
}

// jobs is make's option to use every processor.
func jobs() string { return fmt.Sprintf("-j%d", runtime.NumCPU()) }
