package promotesnapshot

import (
	"context"
	"crypto/x509"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/org/shipkit/pkg/action"
	"github.com/org/shipkit/pkg/awsclient"
	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/ecsdeploy"
	"github.com/org/shipkit/pkg/namespace"
	"github.com/org/shipkit/pkg/saga"
	"github.com/org/shipkit/pkg/snapshot"
	"github.com/org/shipkit/pkg/snapshot/database"
	"github.com/org/shipkit/pkg/snapshot/rollout"
	"github.com/org/shipkit/pkg/snapshot/sql"
)

// job is everything that the modes need.
type job struct {
	promoter *snapshot.Promoter
	request  snapshot.Request
	gates    snapshot.Gates
	// replaced is the database in use when the plan was made, and its version.
	replaced      *database.Database
	replacedSince namespace.Timestamp
}

// account is one side's way into AWS.
type account struct {
	cfg    aws.Config
	caller awsclient.Caller
}

// connection loads the configurations of both sides.
type connection func(context.Context, inputs) (target, source account, err error)

func newJob(ctx context.Context, rt *action.Runtime, in inputs, connect connection) (*job, error) {
	from, to, err := in.names()
	if err != nil {
		return nil, action.BadInput(err)
	}
	prices, err := in.prices()
	if err != nil {
		return nil, action.BadInput(err)
	}
	target, source, err := connect(ctx, in)
	if err != nil {
		return nil, err
	}
	request, err := in.request(ctx, rt, source, from)
	if err != nil {
		return nil, err
	}
	kind, err := in.kind(ctx, source.cfg, target.cfg, request, to)
	if err != nil {
		return nil, err
	}
	if request.Template, err = in.template(kind); err != nil {
		return nil, err
	}
	promoter := &snapshot.Promoter{
		Source:     snapshot.Side{Namespace: from, Account: source.caller.AccountID, Region: source.cfg.Region, Databases: database.Of(kind, rds.NewFromConfig(source.cfg))},
		Target:     snapshot.Side{Namespace: to, Account: target.caller.AccountID, Region: target.cfg.Region, Databases: database.Of(kind, rds.NewFromConfig(target.cfg))},
		Parameters: ssm.NewFromConfig(target.cfg),
		Stacks:     newStacks(target.cfg, in.StackRole, rt.Progress()), SourceStacks: newStacks(source.cfg, in.quarantineRole(source, target), rt.Progress()),
		Holder:   saga.Holder{ID: rt.RunKey(), RunURL: rt.GitHub().RunURL},
		Options:  saga.Options{Detach: in.Detach, Transient: awsclient.Transient, Progress: rt.Progress()},
		Progress: rt.Progress(),
	}
	clients := ecsdeploy.FromConfig(target.cfg, target.caller.AccountID, target.caller.ARN)
	if len(in.Services) > 0 {
		promoter.Deployer = rollout.Services{
			Clients: rollout.Remember(clients), Namespace: to, Cluster: in.Cluster, Names: in.Services, Containers: in.Containers,
			Bindings: in.bindings(), Progress: rt.Progress(),
			Wait: ecsdeploy.Wait{
				Until: ecsdeploy.UntilCompleted, Timeout: time.Duration(in.Minutes) * time.Minute, FailFastAfter: 3, LogLines: 20, Rollback: true,
			},
		}
	}
	tasks, err := in.tasks(ecsdeploy.FromConfig(source.cfg, source.caller.AccountID, source.caller.ARN), clients, rt)
	if err != nil {
		return nil, err
	}
	promoter.Tasks = tasks
	return &job{promoter: promoter, request: request, gates: snapshot.Gates{
		SnapshotQuota: in.Quota, Prices: prices, Key: keys(source.cfg, target.cfg), Groups: groups(target.cfg), Tasks: tasks.Problems, SQL: in.sqlFiles(),
	}}, nil
}

// connect loads the target's configuration, and from it the source's.
func connect(ctx context.Context, in inputs) (target, source account, err error) {
	cfg, err := awsclient.Load(ctx, awsclient.Options{Region: in.Region, ExpectedAccountID: in.ExpectedAccount})
	if err != nil {
		return target, source, err //nolint:wrapcheck // the finding says it all
	}
	return in.sides(ctx, cfg)
}

// sides leads from the target's configuration to both sides: the source may be
// elsewhere.
func (in inputs) sides(ctx context.Context, cfg aws.Config) (target, source account, err error) {
	target.cfg = cfg
	if target.caller, err = awsclient.Identity(ctx, target.cfg); err != nil {
		return target, source, err //nolint:wrapcheck // the finding says it all
	}
	source = target
	source.cfg = target.cfg.Copy()
	if in.SourceRegion != "" {
		source.cfg.Region = in.SourceRegion
	}
	if in.SourceRole != "" {
		provider := stscreds.NewAssumeRoleProvider(sts.NewFromConfig(target.cfg), in.SourceRole)
		source.cfg.Credentials = aws.NewCredentialsCache(provider)
		source.caller, err = awsclient.Identity(ctx, source.cfg)
	}
	return target, source, err
}

// quarantineRole is the role that CloudFormation assumes at the source: the
// target's can be passed in its own account only.
func (in inputs) quarantineRole(source, target account) string {
	if source.caller.AccountID != target.caller.AccountID {
		return ""
	}
	return in.StackRole
}

func (in inputs) request(ctx context.Context, rt *action.Runtime, source account, from namespace.Namespace) (snapshot.Request, error) {
	request := snapshot.Request{
		Database: in.Database, Artifact: in.Snapshot, AllowOlder: in.AllowOlder, SourceKMSKey: in.SourceKey, TargetKMSKey: in.Key,
		Parameters: in.templateParameters(), Retention: in.Retention,
		Mask:     len(in.masks()) > 0,
		Verify:   in.VerifyTask != "" || in.VerifyCommand != "" || in.VerifySQL != "" || in.WarmUpSQL != "",
		Migrate:  in.MigrateTask != "",
		Services: in.moved(),
		Origin:   namespace.Origin{Operation: snapshot.Operation, Repository: rt.GitHub().Repository, RunURL: rt.GitHub().RunURL},
	}
	if !in.starts() || request.Database != "" || request.Artifact != "" {
		return request, nil
	}
	var err error
	request.Database, err = snapshot.SourceDatabase(ctx, ssm.NewFromConfig(source.cfg), from)
	return request, err //nolint:wrapcheck // the finding names the environment
}

// moved names the services for people.
func (in inputs) moved() string {
	if len(in.Services) == 0 {
		return ""
	}
	return strings.Join(in.Services, ", ") + " of cluster " + in.Cluster
}

// kind finds out whether it is about an instance or a cluster: what the user
// says, what the source is, or what the target has.
func (in inputs) kind(ctx context.Context, source, target aws.Config, request snapshot.Request, to namespace.Namespace) (database.Kind, error) {
	if in.Kind != "" {
		return database.Kind(in.Kind), nil
	}
	if !in.starts() {
		return snapshot.KindOf(ctx, ssm.NewFromConfig(target), to) //nolint:wrapcheck // it names the parameter
	}
	cluster := database.Of(database.Cluster, rds.NewFromConfig(source))
	if strings.HasPrefix(request.Artifact, "arn:") {
		if strings.Contains(request.Artifact, ":cluster-snapshot:") {
			return database.Cluster, nil
		}
		return database.Instance, nil
	}
	if request.Artifact != "" {
		if s, err := cluster.Snapshot(ctx, request.Artifact); err != nil || s != nil {
			return database.Cluster, err //nolint:wrapcheck // it names the snapshot
		}
		return database.Instance, nil
	}
	if db, err := cluster.Database(ctx, request.Database); err != nil || db != nil {
		return database.Cluster, err //nolint:wrapcheck // it names the database
	}
	return database.Instance, nil
}

func (in inputs) template(kind database.Kind) (string, error) {
	if in.Template == "" {
		return snapshot.Template(kind), nil
	}
	return readFile(in.Template)
}

func (in inputs) tasks(source, target *ecsdeploy.Clients, rt *action.Runtime) (*tasks, error) {
	mask, err := readFile(in.MaskSQL)
	if err != nil {
		return nil, err
	}
	verify, err := readFile(in.VerifySQL)
	if err != nil {
		return nil, err
	}
	warm, err := readFile(in.WarmUpSQL)
	if err != nil {
		return nil, err
	}
	login := sql.Login{User: in.User, Password: in.Password}
	if login.Authorities, err = in.authorities(); err != nil {
		return nil, err
	}
	return &tasks{
		inputs: in, source: source, target: target, login: login, environ: os.Environ(),
		hooks: ecsdeploy.Hooks{Progress: rt.Progress()}, maskSQL: mask, testSQL: verify, warmSQL: warm,
	}, nil
}

// authorities reads who may vouch for the databases; nil is not asked for.
func (in inputs) authorities() (*x509.CertPool, error) {
	text, err := readFile(in.Authorities)
	if err != nil || in.Authorities == "" {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(text)) {
		var bad diag.List
		bad.Errorf("the bundle of the region, from https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html",
			"input database-ca: %s given, which holds no certificate in PEM", in.Authorities)
		return nil, action.BadInput(bad.Err())
	}
	return pool, nil
}

func joinOrphans(orphans []snapshot.Orphan) string {
	names := make([]string, 0, len(orphans))
	for _, o := range orphans {
		names = append(names, o.Stack)
	}
	return strings.Join(names, "\n")
}
