package promotesnapshot

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/org/shipkit/internal/localaws"
	"github.com/org/shipkit/pkg/action/actiontest"
	"github.com/org/shipkit/pkg/namespace"
	"github.com/org/shipkit/pkg/saga"
)

var prod = namespace.Namespace{Customer: "xy", Project: "0146", Environment: "prod"}

// TestCrashBetweenAccounts kills a promotion that has all stages at every call
// in both accounts: masked at the source under the default key of another
// account and region, re-encrypted, shared, copied, over an earlier promotion.
func TestCrashBetweenAccounts(t *testing.T) {
	points := crashes(t, crossStage)
	if t.Logf("all %d points converge", points); points < 90 {
		t.Errorf("only %d points", points)
	}
}

func crossStage(t *testing.T) *stage {
	t.Helper()
	w := openCross(t, localaws.Options{Factor: 10000, NoData: true})
	key, cfg := w.Session("action")
	w.key = key
	cfg.Retryer = localaws.Once
	w.spec = hastened(patient{w.Clock, 5 * time.Minute}, func(ctx context.Context, in inputs) (target, source account, err error) {
		cfg := cfg
		if in.Mode == "orphans" {
			cfg.Retryer = nil // one who inspects bears a lost connection
		}
		return in.sides(ctx, cfg)
	})
	source, target := w.at(otherAccount, far), w.at(thisAccount, home)
	source.instance(t, "postgres", "alias/aws/rds")
	with := map[string]string{
		"source-database": "dev-db", "from": "dev", "source-role-arn": sourceRole, "source-region": far, "mask-command": "true",
		"source-kms-key-id": source.newKey(t, true), "kms-key-id": target.newKey(t, false), "mode": "run",
	}
	return &stage{
		Server: w.Server, target: prod, snapshots: 5,
		again: func(ctx context.Context, t testing.TB, more map[string]string) actiontest.Result {
			t.Helper()
			all := map[string]string{"mode": more["mode"]}
			for name, value := range with {
				if all[name] == "" {
					all[name] = value
				}
			}
			return w.runIn(ctx, t, all)
		},
		sees:   func(t testing.TB) scene { return crossScene(t, source, target) },
		remove: func(t *testing.T, id string) { removeSnapshot(t, source, target, id) },
	}
}

// crossScene looks at both accounts.
func crossScene(t testing.TB, source, target region) scene {
	t.Helper()
	s := scene{databases: map[string]string{}}
	for side, r := range map[string]region{"source ": source, "": target} {
		databases, err := r.DescribeDBInstances(t.Context(), &rds.DescribeDBInstancesInput{})
		if err != nil {
			t.Fatal(err)
		}
		for _, db := range databases.DBInstances {
			s.databases[side+*db.DBInstanceIdentifier] = *db.DBInstanceStatus
		}
		snapshots, err := r.DescribeDBSnapshots(t.Context(), &rds.DescribeDBSnapshotsInput{SnapshotType: new("manual")})
		if err != nil {
			t.Fatal(err)
		}
		for _, snapshot := range snapshots.DBSnapshots {
			s.snapshots = append(s.snapshots, side+*snapshot.DBSnapshotIdentifier)
		}
		stacks, err := cloudformation.NewFromConfig(r.cfg).DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{})
		if err != nil {
			t.Fatal(err)
		}
		for _, stack := range stacks.Stacks {
			s.stacks = append(s.stacks, side+*stack.StackName)
		}
	}
	slices.Sort(s.snapshots)
	slices.Sort(s.stacks)
	s.active = namespace.Timestamp(target.parameter(t, prod.Active()))
	var err error
	s.journal, err = (saga.Journal{Parameters: ssm.NewFromConfig(target.cfg), Path: prod.Parameter("db", "operation")}).Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func removeSnapshot(t *testing.T, source, target region, id string) {
	t.Helper()
	r := target
	if rest, elsewhere := strings.CutPrefix(id, "source "); elsewhere {
		r, id = source, rest
	}
	if _, err := r.DeleteDBSnapshot(t.Context(), &rds.DeleteDBSnapshotInput{DBSnapshotIdentifier: &id}); err != nil {
		t.Error(err)
	}
}
