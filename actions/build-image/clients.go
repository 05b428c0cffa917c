package buildimage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"

	"github.com/org/shipkit/pkg/action"
	"github.com/org/shipkit/pkg/awsclient"
	"github.com/org/shipkit/pkg/build"
	"github.com/org/shipkit/pkg/progress"
	"github.com/org/shipkit/pkg/registry"
)

// clients is what a run talks through.
type clients struct {
	job      *job
	link     *registry.Link
	options  registry.Options
	progress progress.Func
	opened   map[name.Repository]*registry.Repository
}

func newClients(rt *action.Runtime, j *job) *clients {
	c := &clients{
		job: j, progress: rt.Progress(), opened: map[name.Repository]*registry.Repository{},
		link: registry.NewLink(registry.LinkOptions{
			BytesPerSecond: int64(j.BandwidthLimit), Concurrent: j.MaxConcurrentUploads,
		}),
	}
	c.options = registry.Options{
		Keychain: keychain(rt, j), ResumeDir: cache{j.keep}.path("uploads", ""), Patience: j.Patience,
		Documents: cache{j.keep}, Progress: c.progress,
	}
	if j.RegistryProfile != "" {
		profile := registry.Profiles[j.RegistryProfile]
		c.options.Profile = &profile
	}
	return c
}

// keychain finds credentials: Docker's own first, so that a login before this
// step counts, then ECR through the AWS chain and GHCR with the job's token.
func keychain(rt *action.Runtime, j *job) authn.Keychain {
	ecrClients := func(region string) registry.ECRTokens { return lazyECR{region: region} }
	chain := []authn.Keychain{authn.DefaultKeychain, registry.ECRKeychain(ecrClients, localECR(rt, j)...)}
	if j.GitHubToken != "" {
		chain = append(chain, registry.TokenKeychain("ghcr.io", rt.GitHub().Actor, j.GitHubToken))
	}
	return authn.NewMultiKeychain(chain...)
}

// localECR returns the registries on this machine when AWS_ENDPOINT_URL says
// that AWS is on this machine: their passwords come from its ECR.
func localECR(rt *action.Runtime, j *job) []string {
	var hosts []string
	if rt.Getenv("AWS_ENDPOINT_URL") == "" {
		return nil
	}
	for _, t := range j.targets {
		host := t.repository.RegistryStr()
		address, _, _ := net.SplitHostPort(host) // no port: "", which is no loopback
		if ip := net.ParseIP(address); address == "localhost" || ip != nil && ip.IsLoopback() {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

// lazyECR loads the AWS configuration when the first password is needed.
type lazyECR struct{ region string }

// GetAuthorizationToken implements [registry.ECRTokens].
func (l lazyECR) GetAuthorizationToken(
	ctx context.Context, in *ecr.GetAuthorizationTokenInput, opts ...func(*ecr.Options),
) (*ecr.GetAuthorizationTokenOutput, error) {
	cfg, err := awsclient.Load(ctx, awsclient.Options{Region: l.region})
	if err != nil {
		return nil, err
	}
	out, err := ecr.NewFromConfig(cfg).GetAuthorizationToken(ctx, in, opts...)
	if err != nil {
		return nil, awsclient.Explain(err)
	}
	return out, nil
}

// open authenticates to a repository, once.
func (c *clients) open(ctx context.Context, repo name.Repository) (*registry.Repository, error) {
	if c.opened[repo] == nil {
		r, err := registry.Open(ctx, c.link, repo, c.options)
		if err != nil {
			return nil, err
		}
		c.opened[repo] = r
	}
	return c.opened[repo], nil
}

func (c *clients) planner(work string) *planner {
	return newPlanner(c.job, cache{c.job.keep}, c.open, c.progress, work)
}

func (c *clients) pusher() *pusher {
	return &pusher{job: c.job, cache: cache{c.job.keep}, link: c.link, progress: c.progress}
}

// build runs the build, or opens the image that exists.
func (c *clients) build(ctx context.Context, rt *action.Runtime, work string) (*build.Built, error) {
	engine := build.Engine{Pull: c.pull(work)}
	if c.job.source != nil {
		built, err := engine.Open(ctx, *c.job.source, work)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, action.BadInput(fmt.Errorf("input source: %w", err))
		}
		return built, err
	}
	end := rt.Group("Build " + c.job.request.Context)
	defer end()
	builder := build.Builder{
		Engine: engine, Driver: build.Driver(c.job.Driver), Progress: c.progress,
		Output: func(line string) { rt.Infof("%s", line) },
	}
	built, err := builder.Build(ctx, c.job.request, work)
	if err != nil {
		return nil, fmt.Errorf("build the image: %w", err)
	}
	return built, nil
}
