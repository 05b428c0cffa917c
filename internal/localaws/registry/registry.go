// Package registry is a container registry on a loopback port: distribution v3 in this process, behind a front
// that asks for credentials and that can behave as Amazon ECR or GitHub's registry do where they leave the
// specification.
package registry

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry/handlers"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem" // storage "filesystem"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/inmemory"   // storage "inmemory"
	"github.com/sirupsen/logrus"
)

// Options say where a registry keeps its blobs and how it behaves.
type Options struct {
	// Dir keeps the blobs on disk; empty keeps them in memory.
	Dir string
	// Addr is the address to listen at; empty takes a free loopback port, in a folder that was used before the same one
	// again: image references name it.
	Addr string
	// Profile is how the registry departs from the specification. The zero value does not.
	Profile Profile
	// Auth guards every request; nil lets everyone in.
	Auth Auth
	// Policy decides about repositories and tags before the registry stores anything; nil allows all.
	Policy Policy
}

// A Policy is what a registry's control plane knows about repositories.
type Policy interface {
	// Exists reports whether a push or a pull may use the repository.
	Exists(repository string) bool
	// Immutable reports whether a tag of the repository may not move.
	Immutable(repository, tag string) bool
	// Mountable reports whether a push may mount a blob of another repository, where the profile refuses it by default.
	Mountable() bool
	// Pushed tells that a manifest was stored; tag is empty for a push by digest.
	Pushed(repository, tag string, manifest Manifest)
}

// A Manifest is what was pushed.
type Manifest struct {
	Digest, MediaType string
	Body              []byte
}

// A Registry serves the OCI distribution protocol until Close.
type Registry struct {
	app      *handlers.App
	handler  http.Handler
	listener net.Listener
	server   *http.Server
	stop     context.CancelFunc
	close    sync.Once
}

// Start serves a registry. The caller closes it.
func Start(ctx context.Context, o Options) (*Registry, error) {
	config, err := storage(o.Dir)
	if err != nil {
		return nil, err
	}
	listener, err := listen(ctx, o)
	if err != nil {
		return nil, err
	}
	quiet.Do(func() { logrus.SetOutput(io.Discard) })

	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	app := handlers.NewApp(ctx, config)
	r := &Registry{app: app, listener: listener, stop: stop}
	r.handler = front(o, app, r.Host())
	r.server = &http.Server{Handler: r.handler, ReadHeaderTimeout: 30 * time.Second}
	go func() { _ = r.server.Serve(listener) }()
	return r, nil
}

// quiet silences distribution's process-wide logger, whose lines would land in the middle of a user's output.
var quiet sync.Once

// listen opens the registry's port.
func listen(ctx context.Context, o Options) (net.Listener, error) {
	addr, note := o.Addr, filepath.Join(o.Dir, "address")
	if addr == "" && o.Dir != "" {
		before, _ := os.ReadFile(note) // missing at first
		addr = string(before)
	}
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen for the registry: %w", err)
	}
	if o.Dir == "" {
		return listener, nil
	}
	if err := os.WriteFile(note, []byte(listener.Addr().String()), 0o600); err != nil {
		_ = listener.Close()
		return nil, fmt.Errorf("note the registry's address: %w", err)
	}
	return listener, nil
}

// storage is the configuration of a registry that keeps blobs in dir, or in memory.
func storage(dir string) (*configuration.Configuration, error) {
	driver := configuration.Storage{"inmemory": configuration.Parameters{}}
	if dir != "" {
		// distribution panics on a root that it cannot use: find out first.
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, fmt.Errorf("make the registry's folder: %w", err)
		}
		driver = configuration.Storage{"filesystem": configuration.Parameters{"rootdirectory": dir}}
	}
	driver["delete"] = configuration.Parameters{"enabled": true}
	driver["maintenance"] = configuration.Parameters{"uploadpurging": map[any]any{"enabled": false}}

	secret := make([]byte, 16)
	if _, err := rand.Read(secret); err != nil {
		return nil, fmt.Errorf("make the registry's upload secret: %w", err)
	}
	config := &configuration.Configuration{Storage: driver}
	config.HTTP.Secret = hex.EncodeToString(secret)
	config.HTTP.RelativeURLs = true
	config.Catalog.MaxEntries = 1000
	config.Log.Level = "panic"
	config.Log.AccessLog.Disabled = true
	return config, nil
}

// Host is host:port, the first part of an image reference.
func (r *Registry) Host() string { return r.listener.Addr().String() }

// Transport reaches the registry's storage without the network, credentials or quirks: the control plane's way in.
func (r *Registry) Transport() http.RoundTripper { return handlerTransport{r.app} }

// Close stops serving and drops what was kept in memory.
func (r *Registry) Close() error {
	var err error
	r.close.Do(func() {
		err = r.server.Close()
		r.stop()
		if e := r.app.Shutdown(); err == nil {
			err = e
		}
	})
	if err != nil {
		return fmt.Errorf("close the registry: %w", err)
	}
	return nil
}
