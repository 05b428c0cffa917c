package demo

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/org/shipkit/internal/githubtest"
	"github.com/org/shipkit/internal/localaws"
	"github.com/org/shipkit/internal/localaws/seed"
	"github.com/org/shipkit/internal/release"
	"github.com/org/shipkit/pkg/namespace"
)

// speed is how many times faster than the wall clock the demo's AWS runs.
const speed = 60

const stagingNamespace = "xy-0146-staging"

// world is a local AWS with a development environment, a staging environment
// that runs an old image, and a runner's environment that points at it.
type world struct {
	aws *localaws.Server
	// github is the API that the pull request's environment is told of.
	github *githubtest.Server
	// dir is for what the runs leave.
	dir string
	// url is where staging answers, devURL where dev does, and the pull
	// request's environment in front of it; image is the repository.
	url, devURL, image string
	env                map[string]string
	// docker tells that an engine answers; without one, tasks are processes, and
	// the demo packs the image itself.
	docker bool
	// keys are the access keys of the actions, and actionEnv what gives them
	// one each, so that it can be told who called what.
	keys      map[string]string
	actionEnv map[string]map[string]string
}

func newWorld(ctx context.Context, root string) (*world, error) {
	dir, err := os.MkdirTemp("", fmt.Sprintf("shipkit-demo-%d-", os.Getpid()))
	if err != nil {
		return nil, fmt.Errorf("make a folder for the demo: %w", err)
	}
	w := &world{dir: dir, github: githubtest.Start("example/app"), docker: exec.CommandContext(ctx, "docker", "version").Run() == nil}
	engine := localaws.Process
	if w.docker {
		engine = localaws.Docker
	}
	w.aws, err = localaws.Start(ctx, localaws.Options{Factor: speed, Engine: engine})
	if err != nil {
		w.github.Close()
		return nil, errors.Join(fmt.Errorf("start local AWS: %w", err), os.RemoveAll(dir))
	}
	w.github.Pulls = []githubtest.Pull{{Number: 7, State: "open"}}
	if err := w.prepare(ctx, root); err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

func (w *world) prepare(ctx context.Context, root string) error {
	seeded, err := seed.Run(ctx, w.aws, "v0")
	if err != nil {
		return err //nolint:wrapcheck // says what it was seeding
	}
	w.image, w.devURL = seeded.Repository, seeded.ServiceURL
	if w.url, err = seed.RunService(ctx, w.aws, stagingNamespace, w.image+":v0"); err != nil {
		return fmt.Errorf("run staging: %w", err)
	}
	return w.runner(ctx, root)
}

// runner makes what a self-hosted runner has: credentials of AWS and of the
// registry, an engine, a compiler's cache.
func (w *world) runner(ctx context.Context, root string) error {
	cache, err := exec.CommandContext(ctx, "go", "env", "GOCACHE").Output()
	if err != nil {
		return fmt.Errorf("find the compiler's cache: %w", err)
	}
	engine := os.Getenv("DOCKER_HOST")
	if engine == "" {
		engine = "unix:///var/run/docker.sock"
	}
	w.env = map[string]string{
		"DOCKER_HOST": engine, "DOCKER_CONFIG": filepath.Join(w.dir, "docker"), "GOCACHE": strings.TrimSpace(string(cache)),
		"STAGING_URL": w.url, "DEV_URL": w.devURL,
	}
	if w.env["DEV_LISTENER"], err = w.listener(ctx); err != nil {
		return err
	}
	maps.Copy(w.env, variables(w.aws.Env()))
	names, err := release.ActionNames(root)
	if err != nil {
		return fmt.Errorf("give each action an access key: %w", err)
	}
	if !w.docker {
		w.env["PACK"] = filepath.Join(w.dir, "pack")
		build := exec.CommandContext(ctx, "go", "build", "-o", w.env["PACK"], "./cmd/shipkit-demo")
		build.Dir = root
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("build what packs the image: %w: %s", err, out)
		}
	}
	w.keys, w.actionEnv = map[string]string{}, map[string]map[string]string{}
	for _, name := range names {
		key, env := w.aws.SessionEnv(name)
		w.keys[name], w.actionEnv[name] = key, variables(env)
		w.actionEnv[name]["GITHUB_API_URL"] = w.github.URL
	}
	return errors.Join(w.login(), w.plugBuildx(root))
}

// variables reads the form of os.Environ.
func variables(pairs []string) map[string]string {
	env := map[string]string{}
	for _, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		env[name] = value
	}
	return env
}

// greetings are what staging's database says, which Parameter Store points at.
func (w *world) greetings(ctx context.Context) ([]string, error) {
	staging, err := namespace.Parse(stagingNamespace)
	if err != nil {
		return nil, fmt.Errorf("find the database of staging: %w", err)
	}
	get := func(name string) (string, error) {
		out, err := w.aws.SSM.GetParameter(ctx, &ssm.GetParameterInput{Name: &name})
		if err != nil {
			return "", fmt.Errorf("find the database of staging: %w", err)
		}
		return *out.Parameter.Value, nil
	}
	active, err := get(staging.Active())
	if err != nil {
		return nil, err
	}
	host, err := get(staging.Version(namespace.Timestamp(active), "endpoint"))
	if err != nil {
		return nil, err
	}
	port, err := get(staging.Version(namespace.Timestamp(active), "port"))
	if err != nil {
		return nil, err
	}
	return seed.Greetings(ctx, net.JoinHostPort(host, port)) //nolint:wrapcheck // names the database
}

// listener is that of dev's load balancer.
func (w *world) listener(ctx context.Context) (string, error) {
	balancers, err := w.aws.ELB.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{Names: []string{seed.Namespace}})
	if err != nil {
		return "", fmt.Errorf("find the load balancer of dev: %w", err)
	}
	listeners, err := w.aws.ELB.DescribeListeners(ctx, &elb.DescribeListenersInput{
		LoadBalancerArn: balancers.LoadBalancers[0].LoadBalancerArn,
	})
	if err != nil {
		return "", fmt.Errorf("find the listener of dev: %w", err)
	}
	return *listeners.Listeners[0].ListenerArn, nil
}

// login leaves credentials where Docker's clients look.
func (w *world) login() error {
	user, password := w.aws.ECR.Credentials()
	login := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	text, err := json.Marshal(map[string]any{"auths": map[string]any{w.aws.ECR.Host(): map[string]string{"auth": login}}})
	if err != nil {
		return fmt.Errorf("write the registry's credentials: %w", err)
	}
	if err := os.MkdirAll(w.env["DOCKER_CONFIG"], 0o700); err != nil {
		return fmt.Errorf("write the registry's credentials: %w", err)
	}
	if err := os.WriteFile(filepath.Join(w.env["DOCKER_CONFIG"], "config.json"), text, 0o600); err != nil {
		return fmt.Errorf("write the registry's credentials: %w", err)
	}
	return nil
}

// plugBuildx gives Docker's client the buildx that `make tools` installs. A
// client from version 23 on builds nothing without one, an older one does.
func (w *world) plugBuildx(root string) error {
	buildx, err := filepath.Abs(filepath.Join(root, ".bin", "buildx"))
	if err != nil {
		return fmt.Errorf("find buildx: %w", err)
	}
	if _, err := os.Stat(buildx); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	plugins := filepath.Join(w.env["DOCKER_CONFIG"], "cli-plugins")
	if err := os.MkdirAll(plugins, 0o700); err != nil {
		return fmt.Errorf("plug in buildx: %w", err)
	}
	if err := os.Symlink(buildx, filepath.Join(plugins, "docker-buildx")); err != nil {
		return fmt.Errorf("plug in buildx: %w", err)
	}
	return nil
}

// removeImages removes what the engine keeps of the builds; build-image labels
// it with the commit.
func (w *world) removeImages(ctx context.Context) error {
	if !w.docker {
		return nil
	}
	repositories, err := filepath.Glob(filepath.Join(w.dir, "run*", "repository"))
	if err != nil {
		return fmt.Errorf("list the builds: %w", err)
	}
	for _, repository := range repositories {
		commit, err := exec.CommandContext(ctx, "git", "-C", repository, "rev-parse", "HEAD").Output()
		if err != nil {
			return fmt.Errorf("find the commit of a build: %w", err)
		}
		filter := "label=org.opencontainers.image.revision=" + strings.TrimSpace(string(commit))
		images, err := exec.CommandContext(ctx, "docker", "images", "--quiet", "--filter", filter).Output()
		if err != nil {
			return fmt.Errorf("find a built image: %w", err)
		}
		for _, image := range strings.Fields(string(images)) {
			if out, err := exec.CommandContext(ctx, "docker", "rmi", "--force", image).CombinedOutput(); err != nil {
				return fmt.Errorf("remove a built image: %w: %s", err, out)
			}
		}
	}
	return nil
}

// close removes everything. Containers go first, since they use the images.
func (w *world) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	w.github.Close()
	return errors.Join(w.aws.Close(), w.removeImages(ctx), os.RemoveAll(w.dir))
}

// get is what curl would show.
func get(ctx context.Context, url string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return "", fmt.Errorf("ask %s: %w", url, err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", fmt.Errorf("ask %s: %w", url, err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<16))
	if err != nil {
		return "", fmt.Errorf("ask %s: %w", url, err)
	}
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("ask %s: %s: %s", url, response.Status, body)
	}
	return strings.TrimSpace(string(body)), nil
}
