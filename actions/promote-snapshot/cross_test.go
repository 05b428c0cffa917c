package promotesnapshot

import (
	"context"
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/org/shipkit/internal/localaws"
	"github.com/org/shipkit/internal/localaws/fault"
	"github.com/org/shipkit/internal/policytest"
	"github.com/org/shipkit/pkg/action"
	"github.com/org/shipkit/pkg/action/actiontest"
)

// The places of the promotions: the action's account holds the target.
const (
	thisAccount  = "111122223333"
	otherAccount = "444455556666"
	home         = "eu-west-1"
	far          = "eu-central-1"
	sourceRole   = "arn:aws:iam::" + otherAccount + ":role/shipkit-source"
)

// region is the databases of one account and region.
type region struct {
	*rds.Client
	cfg aws.Config
}

// cross is a local AWS of several accounts and regions, whose time the action
// lives in.
type cross struct {
	*localaws.Server
	key  string // access key of the action
	spec action.Spec
	// readmes have the policies that the action works under.
	readmes []string
}

// startCross runs local AWS with states and metadata, without servers, for an
// action that finds it by its environment.
func startCross(t *testing.T, o localaws.Options) *cross {
	t.Helper()
	o.Factor = 2000
	w := openCross(t, o)
	var env []string
	w.key, env = w.SessionEnv("action")
	for _, line := range env {
		name, value, _ := strings.Cut(line, "=")
		t.Setenv(name, value)
	}
	w.spec = hastened(w.Clock, connect)
	return w
}

func openCross(t *testing.T, o localaws.Options) *cross {
	t.Helper()
	server, err := localaws.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	w := &cross{Server: server, readmes: []string{"README.md"}}
	t.Cleanup(func() {
		policytest.Covers(t, server.Calls(), w.key, w.readmes...)
		roles := map[string]bool{}
		for _, call := range server.Calls() {
			if call.AccountID == otherAccount && assumed(call) && !roles[call.AccessKeyID] {
				roles[call.AccessKeyID] = true
				if len(policytest.Needed(server.Calls(), call.AccessKeyID)) == 0 {
					continue // it died before it did anything
				}
				policytest.Covers(t, server.Calls(), call.AccessKeyID, section(t, "## Another account, another region"))
			}
		}
	})
	return w
}

// assumed tells whether the action made a call with the source's role.
func assumed(call fault.Call) bool { return strings.HasPrefix(call.AccessKeyID, "ASIA") }

// section is a file with one section of the README.
func section(t *testing.T, heading string) string {
	t.Helper()
	_, text, _ := strings.Cut(read(t, "README.md"), heading+"\n")
	text, _, _ = strings.Cut(text, "\n## ")
	return write(t, "section.md", text)
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path) //nolint:gosec // the test names it
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// keyPolicy is the README's for the source's key, with the accounts of the
// test.
func keyPolicy(t *testing.T) string {
	t.Helper()
	for block := range strings.SplitSeq(read(t, section(t, "## Another account, another region")), "```") {
		if policy, ok := strings.CutPrefix(block, "json\n"); ok && strings.Contains(policy, "kms:ReEncrypt*") {
			return strings.ReplaceAll(policy, "111111111111", thisAccount)
		}
	}
	t.Fatal("the README has no policy of the source's key")
	return ""
}

func (w *cross) at(account, name string) region {
	cfg := w.ConfigFor(account, name)
	return region{rds.NewFromConfig(cfg), cfg}
}

// run runs the action for the target in the default account.
func (w *cross) run(t *testing.T, with map[string]string) actiontest.Result {
	t.Helper()
	return w.runIn(t.Context(), t, with)
}

func (w *cross) runIn(ctx context.Context, t testing.TB, with map[string]string) actiontest.Result {
	t.Helper()
	all := map[string]string{"namespace": "xy-0146-prod", "data-authority": "source", "database-password": password}
	maps.Copy(all, with)
	return actiontest.Run(ctx, t, actiontest.Step{Spec: w.spec, With: all})
}

// promote is run that must succeed.
func (w *cross) promote(t *testing.T, with map[string]string) actiontest.Result {
	t.Helper()
	got := w.run(t, with)
	if got.ExitCode != 0 || got.Outputs["phase"] != "done" {
		t.Fatalf("exit %d: %v\n%s", got.ExitCode, got.Outputs, got.Log)
	}
	return got
}

// newKey makes a customer's key, which the target's account may use too if it
// is shared, under the policy that the README gives.
func (r region) newKey(t *testing.T, shared bool) string {
	t.Helper()
	in := &kms.CreateKeyInput{}
	if shared {
		in.Policy = aws.String(keyPolicy(t))
	}
	out, err := kms.NewFromConfig(r.cfg).CreateKey(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return *out.KeyMetadata.Arn
}

// instance makes a database "dev-db".
func (r region) instance(t *testing.T, engine, key string) {
	t.Helper()
	in := &rds.CreateDBInstanceInput{
		DBInstanceIdentifier: new("dev-db"), DBInstanceClass: new("db.t4g.micro"), Engine: &engine, MasterUsername: new("shop"),
		MasterUserPassword: new(password), AllocatedStorage: new(int32(20)), DBName: new("shop"), CopyTagsToSnapshot: new(true),
		Tags: []types.Tag{{Key: new("cost-center"), Value: new("0146")}},
	}
	if key != "" {
		in.KmsKeyId, in.StorageEncrypted = &key, new(true)
	}
	if _, err := r.CreateDBInstance(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	err := rds.NewDBInstanceAvailableWaiter(r, func(o *rds.DBInstanceAvailableWaiterOptions) {
		o.MinDelay, o.MaxDelay = 20*time.Millisecond, 50*time.Millisecond
	}).Wait(t.Context(), &rds.DescribeDBInstancesInput{DBInstanceIdentifier: new("dev-db")}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
}

// cluster makes an Aurora cluster "dev-db" with a writer.
func (r region) cluster(t *testing.T, engine, key string) {
	t.Helper()
	in := &rds.CreateDBClusterInput{
		DBClusterIdentifier: new("dev-db"), Engine: &engine, MasterUsername: new("shop"), MasterUserPassword: new(password),
		DatabaseName: new("shop"), CopyTagsToSnapshot: new(true), Tags: []types.Tag{{Key: new("cost-center"), Value: new("0146")}},
	}
	if key != "" {
		in.KmsKeyId, in.StorageEncrypted = &key, new(true)
	}
	if _, err := r.CreateDBCluster(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if _, err := r.CreateDBInstance(t.Context(), &rds.CreateDBInstanceInput{
		DBInstanceIdentifier: new("dev-db-1"), DBClusterIdentifier: new("dev-db"), Engine: &engine, DBInstanceClass: new("db.r6g.large"),
	}); err != nil {
		t.Fatal(err)
	}
	err := rds.NewDBClusterAvailableWaiter(r, func(o *rds.DBClusterAvailableWaiterOptions) {
		o.MinDelay, o.MaxDelay = 20*time.Millisecond, 50*time.Millisecond
	}).Wait(t.Context(), &rds.DescribeDBClustersInput{DBClusterIdentifier: new("dev-db")}, time.Minute)
	if err == nil { // a member becomes available after its cluster
		err = rds.NewDBInstanceAvailableWaiter(r, func(o *rds.DBInstanceAvailableWaiterOptions) {
			o.MinDelay, o.MaxDelay = 20*time.Millisecond, 50*time.Millisecond
		}).Wait(t.Context(), &rds.DescribeDBInstancesInput{DBInstanceIdentifier: new("dev-db-1")}, time.Minute)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// promoted returns the active database of an instance promotion, as the target
// has it.
func (r region) promoted(t *testing.T, ts string) types.DBInstance {
	t.Helper()
	out, err := r.DescribeDBInstances(t.Context(), &rds.DescribeDBInstancesInput{DBInstanceIdentifier: aws.String("xy-0146-prod-db-" + ts)})
	if err != nil {
		t.Fatal(err)
	}
	return out.DBInstances[0]
}

func (r region) promotedCluster(t *testing.T, ts string) types.DBCluster {
	t.Helper()
	out, err := r.DescribeDBClusters(t.Context(), &rds.DescribeDBClustersInput{DBClusterIdentifier: aws.String("xy-0146-prod-db-" + ts)})
	if err != nil {
		t.Fatal(err)
	}
	return out.DBClusters[0]
}

// pointer is the active version.
func (r region) pointer(t *testing.T) string {
	t.Helper()
	return r.parameter(t, "/xy-0146-prod/db/active")
}

// parameter is a parameter's value; "" if it is not there.
func (r region) parameter(t testing.TB, name string) string {
	t.Helper()
	out, err := ssm.NewFromConfig(r.cfg).GetParameter(t.Context(), &ssm.GetParameterInput{Name: &name})
	var missing *ssmtypes.ParameterNotFound
	if errors.As(err, &missing) {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	return *out.Parameter.Value
}

func tagsOf(list []types.Tag) map[string]string {
	tags := map[string]string{}
	for _, tag := range list {
		tags[*tag.Key] = *tag.Value
	}
	return tags
}

// writes are the operations of the action that changed something, by either
// account; not those on the lock.
func (w *cross) writes() (names []string) {
	for _, call := range w.Calls() {
		ours := call.AccessKeyID == w.key || assumed(call)
		lock := call.Service == "ssm" && strings.Contains(call.Resource, "/lock")
		if ours && !lock && !call.InProcess && !reads(call) {
			names = append(names, call.Service+":"+call.Operation)
		}
	}
	return names
}

func reads(call fault.Call) bool {
	return slices.ContainsFunc([]string{"Get", "List", "Describe", "AssumeRole"},
		func(verb string) bool { return strings.HasPrefix(call.Operation, verb) })
}
