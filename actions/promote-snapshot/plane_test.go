package promotesnapshot

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/org/shipkit/internal/awstest/image"
	"github.com/org/shipkit/internal/localaws"
	"github.com/org/shipkit/internal/localaws/clock"
	"github.com/org/shipkit/internal/policytest"
	"github.com/org/shipkit/pkg/action"
	"github.com/org/shipkit/pkg/action/actiontest"
	"github.com/org/shipkit/pkg/awsclient"
	"github.com/org/shipkit/pkg/saga"
	"github.com/org/shipkit/pkg/snapshot/rollout"
)

// plane is a local AWS whose databases and services have all their states, but
// no data and no tasks, so that a whole promotion over the wire takes little:
// it is repeated for every single call.
type plane struct {
	*stage
	cfg aws.Config // with it
	rds *rds.Client
	ssm *ssm.Client
	ecs *ecs.Client
	// patience is how long a run waits at least between two looks.
	patience time.Duration
}

// patient is the clock of local AWS for one who looks rarely: what it waits for
// is there at the next look, and a promotion has few calls to die at.
type patient struct {
	*clock.Clock
	patience time.Duration
}

// Sleep implements saga.Clock.
func (c patient) Sleep(ctx context.Context, d time.Duration) error {
	return c.Clock.Sleep(ctx, d+c.patience) //nolint:wrapcheck // as the interface says
}

func newPlane(t testing.TB) (w *plane) {
	t.Helper()
	server, err := localaws.Start(t.Context(), localaws.Options{Factor: 10000, Engine: localaws.Process, NoData: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { policytest.Covers(t, server.Calls(), w.key, "README.md", "../deploy-ecs/README.md") })
	w = &plane{stage: &stage{Server: server}, patience: 5 * time.Minute}
	w.key, w.cfg = server.Session("action")
	w.stage = w.play()
	w.cfg.Retryer = localaws.Once
	cfg := server.Config()
	w.rds, w.ssm, w.ecs = rds.NewFromConfig(cfg), ssm.NewFromConfig(cfg), ecs.NewFromConfig(cfg)
	w.prepare(t)
	return w
}

// prepare makes a database in dev, and a service in staging.
func (w *plane) prepare(t testing.TB) {
	t.Helper()
	_, err := w.rds.CreateDBInstance(t.Context(), &rds.CreateDBInstanceInput{
		DBInstanceIdentifier: new("dev-db"), DBInstanceClass: new("db.t4g.micro"), Engine: new("postgres"),
		MasterUsername: new("shop"), MasterUserPassword: new(password), AllocatedStorage: new(int32(20)), DBName: new("shop"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.ecs.CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: new("staging")}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.ECR.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: new("web")}); err != nil {
		t.Fatal(err)
	}
	user, secret := w.ECR.Credentials()
	ref := w.ECR.Host() + "/web:1"
	if _, err := image.Push(t.Context(), ref, image.Web{Mode: "mute"}, remote.WithAuth(&authn.Basic{Username: user, Password: secret})); err != nil {
		t.Fatal(err)
	}
	if _, err := w.ecs.RegisterTaskDefinition(t.Context(), &ecs.RegisterTaskDefinitionInput{
		Family: new("web"), ContainerDefinitions: []ecstypes.ContainerDefinition{{Name: new("web"), Image: &ref, Memory: new(int32(64))}},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.ecs.CreateService(t.Context(), &ecs.CreateServiceInput{
		Cluster: new("staging"), ServiceName: new("web"), TaskDefinition: new("web"), DesiredCount: new(int32(1)),
	}); err != nil {
		t.Fatal(err)
	}
	for w.status(t, "dev-db") != "available" {
		w.Clock.Advance(time.Minute)
	}
}

func (w *plane) status(t testing.TB, id string) string {
	t.Helper()
	out, err := w.rds.DescribeDBInstances(t.Context(), &rds.DescribeDBInstancesInput{DBInstanceIdentifier: &id})
	if err != nil {
		t.Fatal(err)
	}
	return *out.DBInstances[0].DBInstanceStatus
}

func (w *plane) parameter(t testing.TB, name string) string {
	t.Helper()
	out, err := w.ssm.GetParameter(t.Context(), &ssm.GetParameterInput{Name: &name})
	if err != nil {
		t.Fatal(err)
	}
	return *out.Parameter.Value
}

// run is one process of the same job.
func (w *plane) run(ctx context.Context, t testing.TB, with map[string]string) actiontest.Result {
	t.Helper()
	return w.runAs(ctx, t, "promote", w.clock(), with)
}

func (w *plane) clock() saga.Clock { return patient{w.Clock, w.patience} }

// runAs is one process: the action, but for its credentials and its clock.
func (w *plane) runAs(ctx context.Context, t testing.TB, job string, clock saga.Clock, with map[string]string) actiontest.Result {
	t.Helper()
	cfg := w.cfg
	if with["mode"] == "orphans" {
		cfg.Retryer = nil // one who inspects bears a lost connection
	}
	side := account{cfg: cfg, caller: awsclient.Caller{AccountID: "123456789012", ARN: "arn:aws:iam::123456789012:user/action"}}
	spec := hastened(clock, func(context.Context, inputs) (target, source account, err error) { return side, side, nil })
	all := map[string]string{
		"namespace": "xy-0146-staging", "source-database": "dev-db", "data-authority": "source", "cluster": "staging", "services": "web",
	}
	for name, value := range with {
		all[name] = value
	}
	return actiontest.Run(ctx, t, actiontest.Step{Spec: spec, With: all, Env: map[string]string{
		"GITHUB_REPOSITORY": "acme/shop", "GITHUB_RUN_ID": "1", "GITHUB_JOB": job, "GITHUB_SERVER_URL": "https://github.com",
	}})
}

// hastened is the action in another time.
func hastened(clock saga.Clock, connect connection) action.Spec {
	return action.Define("promote-snapshot", metadata, func(ctx context.Context, rt *action.Runtime, in inputs) error {
		job, err := newJob(ctx, rt, in, connect)
		if err != nil {
			return err
		}
		job.promoter.Options.Clock = clock
		for _, s := range []any{job.promoter.Stacks, job.promoter.SourceStacks} {
			s.(stacks).driver.Poll = 10 * time.Millisecond //nolint:forcetypeassert // it fails the test
		}
		job.promoter.Tasks.(*tasks).poll = 10 * time.Millisecond //nolint:forcetypeassert // it fails the test
		if services, ok := job.promoter.Deployer.(rollout.Services); ok {
			services.Wait.Poll = 10 * time.Millisecond
			job.promoter.Deployer = services
		}
		return job.perform(ctx, rt, in)
	})
}
