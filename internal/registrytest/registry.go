// Package registrytest runs a real registry in the test's process and puts a
// bad line in front of it.
package registrytest

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry/handlers"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem" // the storage of the registry
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/sirupsen/logrus"
)

// Server is a distribution v3 registry on loopback.
type Server struct {
	// Host is its address, such as 127.0.0.1:41234.
	Host string
	// Line is what lies between the clients and the registry.
	Line *Line

	mutex    sync.Mutex
	requests []string
	answer   func(http.ResponseWriter, *http.Request) bool
}

// quiet keeps the registry's own log out of the tests' output.
var quiet = sync.OnceFunc(func() { logrus.SetOutput(io.Discard) })

// Start runs a registry with an empty storage until the test ends.
func Start(t testing.TB) *Server {
	t.Helper()
	s, stop, err := Serve("127.0.0.1:0", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return s
}

// Serve runs a registry at address that keeps its content in dir, until stop
// is called.
func Serve(address, dir string) (s *Server, stop func(), err error) {
	quiet()
	config := &configuration.Configuration{}
	config.Storage = configuration.Storage{
		"filesystem": configuration.Parameters{"rootdirectory": dir},
		"delete":     configuration.Parameters{"enabled": true},
	}
	config.HTTP.Secret = "the same after a restart"
	ctx, cancel := context.WithCancel(context.Background())
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		cancel()
		return nil, nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	app := handlers.NewApp(ctx, config)
	s = &Server{Host: listener.Addr().String(), Line: &Line{}}
	server := &http.Server{Handler: s.record(app), ErrorLog: log.New(io.Discard, "", 0)} //nolint:gosec // the test's own clients
	go func() { _ = server.Serve(s.Line.Listener(listener)) }()
	return s, func() {
		_ = server.Close()
		cancel()
		_ = app.Shutdown()
	}, nil
}

// Repository returns a repository of the server.
func (s *Server) Repository(t testing.TB, path string) name.Repository {
	t.Helper()
	repo, err := name.NewRepository(s.Host + "/" + path)
	if err != nil {
		t.Fatalf("name repository %s: %v", path, err)
	}
	return repo
}

// Requests returns method and path of all requests so far.
func (s *Server) Requests() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return append([]string(nil), s.requests...)
}

// Answer makes f see each request first; if it returns true it has answered.
func (s *Server) Answer(f func(http.ResponseWriter, *http.Request) bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.answer = f
}

func (s *Server) record(app http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mutex.Lock()
		s.requests = append(s.requests, r.Method+" "+r.URL.Path)
		answer := s.answer
		s.mutex.Unlock()
		if answer == nil || !answer(w, r) {
			app.ServeHTTP(w, r)
		}
	})
}
