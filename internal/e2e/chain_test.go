package e2e

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/org/shipkit/internal/acttest"
	"github.com/org/shipkit/internal/awstest/image"
	"github.com/org/shipkit/internal/localaws"
	"github.com/org/shipkit/internal/localaws/seed"
	"github.com/org/shipkit/pkg/history"
	"github.com/org/shipkit/pkg/namespace"
)

// chain is a local AWS whose staging runs version v0, as processes, and what
// ships to it.
type chain struct {
	testing.TB
	aws *localaws.Server
	// url is where staging answers.
	url string
	// images are there already, by version: they are not built here.
	images map[string]string
	env    map[string]string
}

const settings = `
customer: xy
project: "0146"
environments:
  staging:
    region: eu-west-1
    account: "111122223333"
    cluster: xy-0146-staging
    services: web
    url: ${STAGING_URL}/version
    inputs:
      deploy-ecs: {wait-max-delay-seconds: 1}
`

// ship calls ship.yml with an image that is there.
const ship = `
on: push
permissions: {contents: read, id-token: write}
jobs:
  staging:
    uses: org/shipkit/.github/workflows/ship.yml@v1
    with:
      environment: staging
      image-ref: ${{ vars.IMAGE }}
      test-command: ${{ vars.TEST_COMMAND }}
      allow-older: ${{ vars.ALLOW_OLDER == 'true' }}
`

func startChain(t testing.TB, versions ...string) *chain {
	t.Helper()
	return startFast(t, 60, versions...)
}

// startFast is startChain where time goes faster.
func startFast(t testing.TB, factor float64, versions ...string) *chain {
	t.Helper()
	server, err := localaws.Start(t.Context(), localaws.Options{Factor: factor, NoData: true, Engine: localaws.Process})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	c := &chain{TB: t, aws: server, images: map[string]string{}}
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"ecs-tasks.amazonaws.com"}}]}`
	if _, err := server.IAM.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: new("ecsTaskExecutionRole"), AssumeRolePolicyDocument: &trust}); err != nil {
		t.Fatal(err)
	}
	if _, err := server.ECR.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: new("web")}); err != nil {
		t.Fatal(err)
	}
	user, password := server.ECR.Credentials()
	login := remote.WithAuth(&authn.Basic{Username: user, Password: password})
	for _, version := range append(versions, "v0") {
		digest, err := image.Push(t.Context(), server.ECR.Host()+"/web:"+version, image.Web{Version: version}, login)
		if err != nil {
			t.Fatal(err)
		}
		c.images[version] = server.ECR.Host() + "/web@" + digest
	}
	if c.url, err = seed.RunService(t.Context(), server, "xy-0146-staging", c.images["v0"]); err != nil {
		t.Fatal(err)
	}
	c.env = map[string]string{"STAGING_URL": c.url, "DOCKER_CONFIG": c.login(user, password)}
	for _, pair := range server.Env() {
		name, value, _ := strings.Cut(pair, "=")
		c.env[name] = value
	}
	return c
}

// login leaves credentials of the registry where Docker's clients look.
func (c *chain) login(user, password string) string {
	dir := c.TempDir()
	text, err := json.Marshal(map[string]any{"auths": map[string]any{c.aws.ECR.Host(): map[string]string{
		"auth": base64.StdEncoding.EncodeToString([]byte(user + ":" + password)),
	}}})
	if err != nil {
		c.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), text, 0o600); err != nil {
		c.Fatal(err)
	}
	return dir
}

// push ships a version whose commit was made at that hour. It fails nothing by
// itself, so that it may run beside others.
func (c *chain) push(dir, version string, hour int, vars map[string]string) (acttest.Result, error) {
	all := map[string]string{"IMAGE": c.images[version]}
	maps.Copy(all, vars)
	return acttest.Execute(c.Context(), dir, acttest.Workflow{
		YAML: ship, Env: c.env, Vars: all, Stubs: acttest.OfOthers, Files: map[string]string{".shipkit.yml": settings, "version": version},
		CommitTime: time.Date(2026, 1, 2, hour, 0, 0, 0, time.UTC),
	})
}

// ships is push where nothing else runs.
func (c *chain) ships(version string, hour int, vars map[string]string) acttest.Result {
	c.Helper()
	result, err := c.push(c.TempDir(), version, hour, vars)
	if err != nil {
		c.Fatal(err)
	}
	return result
}

// serves is the version that staging answers with.
func (c *chain) serves() string {
	c.Helper()
	request, err := http.NewRequestWithContext(c.Context(), http.MethodGet, c.url+"/version", http.NoBody)
	if err != nil {
		c.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		c.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var answer struct{ Version string }
	text, err := io.ReadAll(response.Body)
	if err == nil {
		err = json.Unmarshal(text, &answer)
	}
	if err != nil {
		c.Fatalf("%s: %s: %v", c.url, text, err)
	}
	return answer.Version
}

// history is what is kept of the deployments, the newest first.
func (c *chain) history() []history.Record {
	c.Helper()
	past := history.History{
		Parameters: ssm.NewFromConfig(c.aws.Config()), Namespace: namespace.Namespace{Customer: "xy", Project: "0146", Environment: "staging"},
	}
	records, err := past.List(c.Context())
	if err != nil {
		c.Fatal(err)
	}
	return records
}
