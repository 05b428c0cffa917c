// Package localaws is an AWS on one machine: exactly the operations that the suite calls, over the real wire protocols,
// with real things behind them (containers, PostgreSQL, a registry, a load balancer). Point AWS_ENDPOINT_URL at it.
//
// It is for tests, the demo and cmd/shipkit-local. The released binary never imports it.
package localaws

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/org/shipkit/internal/localaws/clock"
	"github.com/org/shipkit/internal/localaws/fault"
	"github.com/org/shipkit/internal/localaws/keyring"
	"github.com/org/shipkit/internal/localaws/owner"
	"github.com/org/shipkit/internal/localaws/registry"
	"github.com/org/shipkit/internal/localaws/wire"
)

// Options of Start. The zero value is right for a test.
type Options struct {
	Factor float64 // how many simulated seconds pass in a second; zero means 1
	Addr   string  // host:port of the endpoint; empty: a free port on loopback
	Dir    string  // keeps the state across restarts; empty: memory only
	Engine Engine  // what runs tasks
	NoData bool    // databases have states but no server; for tests of the control plane

	Registry registry.Profile // how the registry departs from the specification, as ECR's and GHCR's do
}

// Server is a running local AWS.
type Server struct {
	Services

	URL    string // of the endpoint: http://127.0.0.1:port
	Clock  *clock.Clock
	Faults *fault.Injector

	options Options
	keys    *keyring.Ring
	mux     *wire.Mux
	http    *http.Server
	served  chan struct{}
	states  []state
	closers []closer
	saving  *saver
	release func() error // of the state's folder
	close   func() error

	docker bool // tasks run on a Docker engine

	stopped  chan struct{}
	stopOnce sync.Once
}

// Start brings local AWS up and returns once it serves. It stops with Close, not with ctx.
func Start(ctx context.Context, o Options) (*Server, error) {
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", o.Addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", o.Addr, err)
	}
	s := &Server{URL: "http://" + listener.Addr().String(), Clock: clock.New(o.Factor), keys: keyring.New(), options: o,
		stopped: make(chan struct{})}
	s.Faults = fault.New(s.Clock)
	s.mux = wire.NewMux(s.keys, s.Faults.Around)
	s.mux.Mount(adminPrefix, s.admin())
	s.own("clock", clockState{s.Clock}) // the first to be loaded: timers of the others depend on it
	s.own("keys", s.keys)
	s.close = sync.OnceValue(s.shutdown)
	if err := s.prepare(ctx); err != nil {
		_ = listener.Close() // the first error is the one to tell
		return nil, errors.Join(err, s.close())
	}
	s.http = &http.Server{Handler: s.mux, ReadHeaderTimeout: 10 * time.Second}
	s.served = make(chan struct{})
	go func() {
		defer close(s.served)
		_ = s.http.Serve(listener) // ends with ErrServerClosed
	}()
	return s, nil
}

// prepare composes the services and gives them back what they knew.
func (s *Server) prepare(ctx context.Context) error {
	if s.options.Dir != "" {
		release, err := owner.Claim(s.options.Dir)
		if err != nil {
			return fmt.Errorf("keep the state: %w", err)
		}
		s.release = release
	}
	if err := s.compose(ctx); err != nil {
		return err
	}
	if s.options.Dir == "" {
		return nil
	}
	s.saving = newSaver(s.options.Dir, s.states)
	return s.saving.start()
}

// Close stops everything that was started, and returns once nothing of it is left.
func (s *Server) Close() error { return s.close() }

func (s *Server) shutdown() error {
	var errs []error
	if s.http != nil {
		errs = append(errs, s.http.Close())
		<-s.served
	}
	if s.saving != nil {
		errs = append(errs, s.saving.stop())
	}
	for i := len(s.closers) - 1; i >= 0; i-- { // what was built on others goes first
		errs = append(errs, s.closers[i].Close())
	}
	s.Clock.Close()
	if s.release != nil {
		errs = append(errs, s.release())
	}
	return errors.Join(errs...)
}

// Calls returns the record of all calls, oldest first.
func (s *Server) Calls() []fault.Call { return s.Faults.Calls() }

// Operations lists what is there, by the services' signing names.
func (s *Server) Operations() map[string][]string {
	all := map[string][]string{}
	for name, service := range s.mux.Services() {
		all[name] = service.Operations()
	}
	return all
}
