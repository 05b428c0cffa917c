package promotesnapshot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/smithy-go/middleware"

	"github.com/org/shipkit/internal/localaws"
	"github.com/org/shipkit/internal/localaws/fault"
)

// mortal is a process that writes down what it calls in both accounts, and
// dies at one of these calls.
type mortal struct {
	at    string // such as "CopyDBSnapshot 2"; "" lives on
	when  fault.Moment
	kill  context.CancelFunc
	dead  bool
	calls []string
	count map[string]int
}

var errDead = errors.New("the process is dead")

// watch puts the process between an account's clients and AWS.
func (m *mortal) watch(cfg *aws.Config) {
	around := middleware.InitializeMiddlewareFunc("mortal", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (
		out middleware.InitializeOutput, metadata middleware.Metadata, err error) {
		if m.dead {
			return out, metadata, errDead
		}
		operation := awsmiddleware.GetOperationName(ctx)
		m.count[operation]++
		call := fmt.Sprint(operation, " ", m.count[operation])
		if service := awsmiddleware.GetServiceID(ctx); (service == "RDS" || service == "CloudFormation") && !strings.HasPrefix(operation, "Describe") {
			m.calls = append(m.calls, call)
		}
		if call == m.at && m.when == fault.Before {
			return out, metadata, m.die()
		}
		out, metadata, err = next.HandleInitialize(ctx, in)
		if call == m.at {
			return out, metadata, m.die()
		}
		return out, metadata, err
	})
	cfg.APIOptions = append(slices.Clone(cfg.APIOptions), func(stack *middleware.Stack) error {
		return stack.Initialize.Add(around, middleware.Before)
	})
}

func (m *mortal) die() error {
	m.dead = true
	m.kill()
	return errDead
}

// masked is a promotion that has all stages: from the default key of another
// account and region, masked there.
func (w *cross) masked(ctx context.Context, t *testing.T, with map[string]string, m *mortal) (phase string, calls []string) {
	t.Helper()
	ctx, m.kill = context.WithCancel(ctx)
	defer m.kill()
	m.count = map[string]int{}
	one := *w
	one.spec = hastened(w.Clock, func(ctx context.Context, in inputs) (target, source account, err error) {
		if target, source, err = connect(ctx, in); err == nil {
			m.watch(&target.cfg)
			m.watch(&source.cfg)
		}
		return target, source, err
	})
	got := one.runIn(ctx, t, with)
	if m.at == "" && got.ExitCode != 0 {
		t.Fatalf("%+v", got)
	}
	return got.Outputs["phase"], m.calls
}

// TestCrashBetweenAccounts kills a promotion right before and right after each
// of its changes in RDS and CloudFormation, in both accounts, and runs it
// again: it ends as if nothing had happened, without orphans and doubles. The
// second CopyDBSnapshot is only signed, for the copy between regions.
func TestCrashBetweenAccounts(t *testing.T) {
	calls := crashBetweenAccounts(t, "", fault.Before)
	if len(calls) < 11 {
		t.Errorf("only %v", calls)
	}
	for _, call := range calls {
		for _, when := range []fault.Moment{fault.Before, fault.After} {
			crashBetweenAccounts(t, call, when)
		}
	}
	t.Logf("all %d points converge", 2*len(calls))
}

func crashBetweenAccounts(t *testing.T, at string, when fault.Moment) (calls []string) {
	t.Helper()
	t.Run(fmt.Sprint(at, " ", when), func(t *testing.T) {
		w := startCross(t, localaws.Options{NoData: true})
		source, target := w.at(otherAccount, far), w.at(thisAccount, home)
		source.instance(t, "postgres", "alias/aws/rds")
		with := map[string]string{
			"source-database": "dev-db", "from": "dev", "source-role-arn": sourceRole, "source-region": far, "mask-command": "true",
			"source-kms-key-id": source.newKey(t, true), "kms-key-id": target.newKey(t, false),
		}
		if at != "" {
			if phase, _ := w.masked(t.Context(), t, with, &mortal{at: at, when: when}); phase == "done" {
				t.Fatal("it was not killed")
			}
		}
		var phase string
		if phase, calls = w.masked(t.Context(), t, with, &mortal{}); phase != "done" {
			t.Fatalf("it is %s", phase)
		}
		ts := target.pointer(t)
		got := fmt.Sprintln(source.databases(t), target.databases(t), source.snapshots(t), target.snapshots(t))
		want := fmt.Sprintln([]string{"dev-db"}, []string{"xy-0146-prod-db-" + ts},
			[]string{"xy-0146-dev-safe-" + ts, "xy-0146-dev-snap-" + ts, "xy-0146-dev-snap-" + ts + "-key"}, []string{"xy-0146-prod-snap-" + ts})
		if got != want {
			t.Errorf("got  %swant %s", got, want)
		}
	})
	return calls
}

func (r region) databases(t *testing.T) (ids []string) {
	t.Helper()
	out, err := r.DescribeDBInstances(t.Context(), &rds.DescribeDBInstancesInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, db := range out.DBInstances {
		ids = append(ids, *db.DBInstanceIdentifier)
	}
	slices.Sort(ids)
	return ids
}

func (r region) snapshots(t *testing.T) (ids []string) {
	t.Helper()
	out, err := r.DescribeDBSnapshots(t.Context(), &rds.DescribeDBSnapshotsInput{SnapshotType: new("manual")})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range out.DBSnapshots {
		ids = append(ids, *s.DBSnapshotIdentifier)
	}
	slices.Sort(ids)
	return ids
}
