package container

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/api/pkg/authconfig"
	"github.com/moby/moby/api/types/registry"
	"github.com/moby/moby/client"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/org/shipkit/internal/localaws/owner"
)

// label marks the containers of one engine, so that Close finds them.
const label = "shipkit.local"

// Docker is the local Docker engine.
type Docker struct {
	source
	client *client.Client
	id     string
	owner  string // this process

	mu     sync.Mutex
	images []string // references to remove
	pause  string   // the image of the container that holds a pod's network, once loaded
}

var _ Engine = (*Docker)(nil)

// NoDockerError reports that no Docker engine answers.
type NoDockerError struct {
	Host string // where: unix:///var/run/docker.sock
	Err  error
}

func (e *NoDockerError) Error() string {
	return fmt.Sprintf("no docker engine answers at %s: %v", e.Host, e.Err)
}

func (e *NoDockerError) Unwrap() error { return e.Err }

// NewDocker connects to the Docker engine that DOCKER_HOST names, or to the default one. Images of ECR come from the
// given registry, which may be nil. What a killed process left on the engine is removed.
func NewDocker(ctx context.Context, r Registry) (*Docker, error) {
	c, err := client.New(client.FromEnv)
	if err != nil {
		return nil, &NoDockerError{Host: os.Getenv(client.EnvOverrideHost), Err: err}
	}
	if _, err := c.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true}); err != nil {
		_ = c.Close()
		return nil, &NoDockerError{Host: c.DaemonHost(), Err: err}
	}
	d := &Docker{source: source{r}, client: c, id: strings.ToLower(rand.Text()[:10]), owner: owner.Self()}
	if err := d.sweep(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return d, nil
}

// Pull implements Engine.
func (d *Docker) Pull(ctx context.Context, ref, platform string) (Image, error) {
	found, err := d.resolve(ctx, ref, platform)
	if err != nil {
		return Image{}, err
	}
	local := found.ref.String()
	d.mu.Lock()
	have := slices.Contains(d.images, local)
	d.mu.Unlock()
	if have {
		return Image{Ref: local, Digest: found.digest}, nil
	}
	if err := d.pull(ctx, found, platform); err != nil {
		return Image{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.images = append(d.images, local)
	return Image{Ref: local, Digest: found.digest}, nil
}

func (d *Docker) pull(ctx context.Context, found *resolved, platform string) error {
	options := client.ImagePullOptions{}
	os, arch, _ := strings.Cut(platform, "/")
	options.Platforms = []ocispec.Platform{{OS: os, Architecture: arch}}
	auth, err := d.auth(found.ref).Authorization()
	if err != nil {
		return fmt.Errorf("credentials for %s: %w", found.ref, err)
	}
	if auth.Username != "" {
		options.RegistryAuth, err = authconfig.Encode(registry.AuthConfig{Username: auth.Username, Password: auth.Password})
		if err != nil {
			return fmt.Errorf("encode the credentials for %s: %w", found.ref, err)
		}
	}
	resp, err := d.client.ImagePull(ctx, found.ref.String(), options)
	if err == nil {
		err = resp.Wait(ctx)
	}
	if err != nil {
		return &PullError{Ref: found.ref.String(), Reason: err.Error()}
	}
	return nil
}

// Close implements Engine.
func (d *Docker) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	var errs []error
	list, err := d.client.ContainerList(ctx, client.ContainerListOptions{
		All: true, Filters: client.Filters{}.Add("label", label+"="+d.id),
	})
	if err != nil {
		errs = append(errs, fmt.Errorf("list the containers to remove: %w", err))
	}
	for _, c := range list.Items {
		errs = append(errs, d.remove(ctx, c.ID))
	}
	d.mu.Lock()
	images := d.images
	if d.pause != "" {
		images = append(images, d.pause)
	}
	d.images, d.pause = nil, ""
	d.mu.Unlock()
	for _, ref := range images {
		// An image that another program uses by now stays.
		_, _ = d.client.ImageRemove(ctx, ref, client.ImageRemoveOptions{PruneChildren: true})
	}
	return errors.Join(append(errs, d.client.Close())...)
}

// remove kills and removes a container; one that is gone is no error.
func (d *Docker) remove(ctx context.Context, id string) error {
	_, err := d.client.ContainerRemove(ctx, id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	if err != nil && !gone(err) {
		return fmt.Errorf("remove the container %s: %w", id, err)
	}
	return nil
}
