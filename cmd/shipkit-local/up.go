package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os/exec"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"

	"github.com/org/shipkit/internal/localaws"
	"github.com/org/shipkit/internal/localaws/container"
	"github.com/org/shipkit/internal/localaws/owner"
	"github.com/org/shipkit/internal/localaws/rds/mariadb"
	"github.com/org/shipkit/internal/localaws/rds/postgres"
	"github.com/org/shipkit/internal/localaws/seed"
)

// settings are the flags of up.
type settings struct {
	addr, dir, engine string
	speed             float64
	seed              bool
	faults            []string
}

func parseUp(args []string, stderr io.Writer) (settings, error) {
	v := settings{}
	flags := flag.NewFlagSet("shipkit-local up", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&v.addr, "addr", "127.0.0.1:4566", "host:port to listen on")
	flags.StringVar(&v.dir, "dir", "", "folder that keeps the state across restarts (default: memory only)")
	flags.StringVar(&v.engine, "engine", "auto", "what runs tasks: docker, process or auto")
	flags.Float64Var(&v.speed, "speed", 60, "how many times faster than the wall clock AWS's time runs")
	flags.BoolVar(&v.seed, "seed", true, "seed a demo: service, load balancer, database with rows")
	flags.Func("fault", "make something go wrong once the demo stands, may be repeated: ecs.UpdateService=throttle,\n"+
		"ssm.PutParameter#2=drop-after, rds.*=latency:2s, task-exits:web, snapshot-fails:main, alarm-fires:errors",
		func(s string) error {
			v.faults = append(v.faults, s)
			return nil
		})
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return v, errHelp
	} else if err != nil {
		return v, errUsage
	}
	_, port, err := net.SplitHostPort(v.addr)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return v, usageError(stderr, "-addr %q: want host:port, such as 127.0.0.1:4566", v.addr)
	}
	for _, f := range v.faults {
		if err := localaws.CheckFault(f); err != nil {
			return v, usageError(stderr, "%v", err)
		}
	}
	switch {
	case flags.NArg() > 0:
		return v, usageError(stderr, "unexpected argument %q", flags.Arg(0))
	case v.speed < 1 || v.speed > 10000:
		return v, usageError(stderr, "-speed %g: want 1 to 10000", v.speed)
	case v.engine != "auto" && v.engine != string(localaws.Docker) && v.engine != string(localaws.Process):
		return v, usageError(stderr, "-engine %q: want docker, process or auto", v.engine)
	}
	return v, nil
}

func usageError(stderr io.Writer, format string, args ...any) error {
	_, _ = fmt.Fprintf(stderr, "shipkit-local: "+format+"\n", args...)
	return errUsage
}

func up(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	v, err := parseUp(args, stderr)
	if err != nil {
		return err
	}
	if err := preflight(v); err != nil {
		return err
	}
	s, err := localaws.Start(ctx, localaws.Options{Addr: v.addr, Dir: v.dir, Factor: v.speed, Engine: engine(v.engine)})
	if err != nil {
		return explain(err, v)
	}
	err = serve(ctx, s, v, stdout)
	_, _ = fmt.Fprintln(stdout, "stopping: containers, databases and ports go")
	err = errors.Join(err, s.Close())
	forget(s.URL) // not before all is clean: down waits for it
	return err
}

func engine(name string) localaws.Engine {
	if name == "auto" {
		return localaws.Auto
	}
	return localaws.Engine(name)
}

// serve shows the way in, seeds, and waits for the end.
func serve(ctx context.Context, s *localaws.Server, v settings, stdout io.Writer) error {
	if err := remember(s.URL); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(stdout, "local AWS serves at %s, %gx as fast as the wall clock\n", s.URL, v.speed)
	if err := mariadb.Installed(); err != nil {
		_, _ = fmt.Fprintf(stdout, "databases of MySQL have states, but no data: %v\n", err)
	}
	if v.seed {
		if err := plant(ctx, s, stdout); err != nil {
			return err
		}
	}
	for _, f := range v.faults { // not before the demo stands: it shall not fail itself
		if err := s.AddFault(f); err != nil {
			return err //nolint:wrapcheck // names the fault
		}
	}
	_, _ = fmt.Fprintf(stdout, "point your tools at it:  eval \"$(shipkit-local env)\"\nCtrl-C stops it and cleans up\n")
	select {
	case <-ctx.Done():
	case <-s.Stopped():
	}
	return nil
}

func plant(ctx context.Context, s *localaws.Server, stdout io.Writer) error {
	start := time.Now()
	_, _ = fmt.Fprintf(stdout, "seeding the demo %s: image, load balancer, service, database\n", seed.Namespace)
	demo, err := seed.Run(ctx, s, "v1")
	if err != nil {
		if ctx.Err() != nil {
			return nil // stopped while it seeded
		}
		return err //nolint:wrapcheck // says what it was seeding
	}
	if err := s.Save(); err != nil {
		return err //nolint:wrapcheck // names what it could not save
	}
	debug.FreeOSMemory() // making the image took a multiple of what is needed from now on
	if demo.ServiceURL == "" {
		_, _ = fmt.Fprintln(stdout, "the demo is there already")
		return nil
	}
	_, _ = fmt.Fprintf(stdout, "seeded in %s\n  service     %s\n  repository  %s\n  database    %s\n",
		time.Since(start).Round(100*time.Millisecond), demo.ServiceURL, demo.Repository, demo.Database)
	return nil
}

// preflight looks for what the seed needs, before anything starts.
func preflight(v settings) error {
	if !v.seed {
		return nil
	}
	if _, err := exec.LookPath("go"); err != nil {
		return errors.New("go is not installed: the demo's image is compiled; install Go, or start with -seed=false")
	}
	if err := postgres.Installed(); err != nil {
		return fmt.Errorf("%w, or start with -seed=false", err)
	}
	return nil
}

// explain adds what to do to the failures that a newcomer meets.
func explain(err error, v settings) error {
	var docker *container.NoDockerError
	var inUse *owner.InUseError
	switch {
	case errors.As(err, &inUse):
		return fmt.Errorf("%w: stop it (shipkit-local down), or choose another -dir", inUse)
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%s is taken: is another shipkit-local running (shipkit-local status)? else choose a port with -addr",
			v.addr)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%s is not an address of this machine: choose one with -addr, such as 127.0.0.1:4566", v.addr)
	case errors.As(err, &docker):
		return fmt.Errorf("docker does not answer at %s: install and start it (apt-get install docker.io), set DOCKER_HOST, or use "+
			"-engine process", docker.Host)
	}
	return err
}
