package snapshot

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/namespace"
	"github.com/org/shipkit/pkg/saga"
	"github.com/org/shipkit/pkg/snapshot/database"
)

var (
	errDead     = errors.New("the process is dead")
	errThrottle = errors.New("ThrottlingException: rate exceeded")
)

// cloud is a small model of an account in which every call can fail, and after
// every call of which the invariants are checked.
type cloud struct {
	mu         sync.Mutex
	parameters map[string]string
	databases  map[string]*row
	snapshots  map[string]*snapshotRow
	stacks     map[string]*stackRow
	serving    namespace.Timestamp // what the service's running revision uses
	made       map[string]int
	calls      int
	violations []string

	// fault decides what happens to call number n; nil means nothing.
	fault func(n int, name string) fault
	dead  bool
	kill  context.CancelFunc

	brokenStack, brokenSnapshot, brokenRollout bool

	born    map[string]time.Time // when a thing or parameter was created
	missing bool                 // this read misses what is young
}

type fault int

const (
	none fault = iota
	dieBefore
	dieAfter
	throttleBefore
	throttleAfter // it took effect, but the answer was lost
	stale         // a read that does not see what was created a moment ago
)

// staleFor is how long a read may miss what was created.
const staleFor = 5 * time.Second

type row struct {
	ready   time.Time
	backup  time.Time // until when a snapshot is taken of it
	stopped bool
	rows    string // what is inside
	tags    map[string]string
	guarded bool
}

type snapshotRow struct {
	ready  time.Time
	failed bool
	rows   string
	tags   map[string]string
}

type stackRow struct {
	ready, gone time.Time
	failed      string
	tags        map[string]string
}

const pause = 90 * time.Second // how long everything takes

func newCloud() *cloud {
	c := &cloud{
		parameters: map[string]string{}, databases: map[string]*row{}, snapshots: map[string]*snapshotRow{},
		stacks: map[string]*stackRow{}, made: map[string]int{}, born: map[string]time.Time{},
	}
	c.databases["dev-db"] = &row{rows: "orders of dev"}
	// Something of another team, which must never be touched.
	c.databases["xy-0146-staging-db-19990101t000000z"] = &row{rows: "theirs"}
	c.stacks["xy-0146-staging-db-19990101t000000z"] = &stackRow{tags: map[string]string{"owner": "them"}}
	return c
}

func (c *cloud) call(name string, effect func() error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dead {
		return errDead
	}
	c.calls++
	f := none
	if c.fault != nil {
		f = c.fault(c.calls, name)
	}
	if f == dieBefore {
		return c.die()
	}
	if f == throttleBefore {
		return errThrottle
	}
	c.missing = f == stale
	err := effect()
	c.missing = false
	c.check(name)
	switch f {
	case dieAfter:
		return c.die()
	case throttleAfter:
		return errThrottle
	default:
		return err
	}
}

// sees tells whether a read sees the thing of that name.
func (c *cloud) sees(name string) bool {
	return !c.missing || time.Since(c.born[name]) > staleFor
}

func (c *cloud) die() error {
	c.dead = true
	c.kill()
	return errDead
}

// check holds the invariants: exactly one pointer, to an available database;
// what the service uses is there; the stranger's database is there.
func (c *cloud) check(call string) {
	bad := func(format string, args ...any) {
		c.violations = append(c.violations, fmt.Sprintf("after call %d (%s): ", c.calls, call)+fmt.Sprintf(format, args...))
	}
	if active := c.parameters[staging.Active()]; active != "" {
		db := c.databases[staging.Database(namespace.Timestamp(active))]
		if db == nil || db.stopped || time.Now().Before(db.ready) {
			bad("the pointer %s refers to a database that is not available", active)
		}
	}
	if c.serving != "" {
		if db := c.databases[staging.Database(c.serving)]; db == nil || db.stopped {
			bad("the service uses %s, which is not there", c.serving)
		}
	}
	if c.databases["xy-0146-staging-db-19990101t000000z"] == nil || c.databases["dev-db"] == nil {
		bad("a database that is not ours is gone")
	}
}

// ---- Parameter Store

func (c *cloud) GetParameter(_ context.Context, in *ssm.GetParameterInput, _ ...func(*ssm.Options)) (out *ssm.GetParameterOutput, err error) {
	err = c.call("GetParameter", func() error {
		value, ok := c.parameters[*in.Name]
		if !ok || !c.sees(*in.Name) {
			return &types.ParameterNotFound{}
		}
		out = &ssm.GetParameterOutput{Parameter: &types.Parameter{Name: in.Name, Value: &value}}
		return nil
	})
	return out, err
}

func (c *cloud) GetParameters(_ context.Context, in *ssm.GetParametersInput, _ ...func(*ssm.Options)) (out *ssm.GetParametersOutput, err error) {
	err = c.call("GetParameters", func() error {
		out = &ssm.GetParametersOutput{}
		for _, name := range in.Names {
			if value, ok := c.parameters[name]; ok && c.sees(name) {
				out.Parameters = append(out.Parameters, types.Parameter{Name: aws.String(name), Value: aws.String(value)})
			}
		}
		return nil
	})
	return out, err
}

func (c *cloud) GetParametersByPath(_ context.Context, in *ssm.GetParametersByPathInput, _ ...func(*ssm.Options)) (out *ssm.GetParametersByPathOutput, err error) {
	err = c.call("GetParametersByPath", func() error {
		out = &ssm.GetParametersByPathOutput{}
		for name, value := range c.parameters {
			if strings.HasPrefix(name, *in.Path+"/") && c.sees(name) {
				out.Parameters = append(out.Parameters, types.Parameter{Name: aws.String(name), Value: aws.String(value)})
			}
		}
		return nil
	})
	return out, err
}

func (c *cloud) PutParameter(_ context.Context, in *ssm.PutParameterInput, _ ...func(*ssm.Options)) (*ssm.PutParameterOutput, error) {
	return &ssm.PutParameterOutput{}, c.call("PutParameter", func() error {
		_, ok := c.parameters[*in.Name]
		if ok && !aws.ToBool(in.Overwrite) {
			return &types.ParameterAlreadyExists{}
		}
		if !ok {
			c.born[*in.Name] = time.Now()
		}
		c.parameters[*in.Name] = *in.Value
		return nil
	})
}

func (c *cloud) DeleteParameter(_ context.Context, in *ssm.DeleteParameterInput, _ ...func(*ssm.Options)) (*ssm.DeleteParameterOutput, error) {
	return &ssm.DeleteParameterOutput{}, c.call("DeleteParameter", func() error {
		if _, ok := c.parameters[*in.Name]; !ok {
			return &types.ParameterNotFound{}
		}
		delete(c.parameters, *in.Name)
		return nil
	})
}

// ---- RDS

type engine struct{ *cloud }

func (c engine) Database(_ context.Context, id string) (db *database.Database, err error) {
	err = c.call("DescribeDBInstances", func() error {
		if r := c.databases[id]; r != nil {
			status := database.Available
			switch {
			case time.Now().Before(r.ready):
				status = "creating"
			case r.stopped:
				status = "stopped"
			case time.Now().Before(r.backup):
				status = "backing-up"
			}
			db = &database.Database{ID: id, ARN: "arn:" + id, Status: status, Endpoint: id + ".rds", Port: 5432, Engine: "postgres", EngineVersion: "15.4", Class: "db.t4g.medium", StorageGB: 100, Tags: r.tags, DeletionProtection: r.guarded}
		}
		return nil
	})
	return db, err
}

func (c engine) Stop(_ context.Context, id string) error {
	return c.call("StopDBInstance", func() error {
		if r := c.databases[id]; r != nil && !time.Now().Before(r.backup) {
			r.stopped = true
		}
		return nil
	})
}

func (c engine) Start(_ context.Context, id string) error {
	return c.call("StartDBInstance", func() error {
		if r := c.databases[id]; r != nil && r.stopped {
			r.stopped, r.ready = false, time.Now().Add(pause)
		}
		return nil
	})
}

func (c engine) Protect(_ context.Context, id string, on bool) error {
	return c.call("ModifyDBInstance", func() error {
		r := c.databases[id]
		if r != nil && (r.stopped || time.Now().Before(r.ready) || time.Now().Before(r.backup)) {
			return fmt.Errorf("InvalidDBInstanceState: %s is not available", id)
		}
		if r != nil {
			r.guarded = on
		}
		return nil
	})
}

func (c engine) Snapshot(_ context.Context, id string) (s *database.Snapshot, err error) {
	err = c.call("DescribeDBSnapshots", func() error {
		if r := c.snapshots[id]; r != nil && c.sees("snapshot "+id) {
			status := database.Available
			if time.Now().Before(r.ready) {
				status = "creating"
			} else if r.failed {
				status = "failed"
			}
			s = &database.Snapshot{ID: id, ARN: "arn:" + id, Status: status, Engine: "postgres", EngineVersion: "15.4", StorageGB: 100, Tags: r.tags}
		}
		return nil
	})
	return s, err
}

func (c engine) Take(_ context.Context, databaseID, id string, tags map[string]string) error {
	return c.call("CreateDBSnapshot", func() error {
		db := c.databases[databaseID]
		if db == nil || db.stopped || time.Now().Before(db.ready) || time.Now().Before(db.backup) {
			return fmt.Errorf("InvalidDBInstanceState: %s is not available", databaseID)
		}
		if c.snapshots[id] != nil {
			return nil
		}
		db.backup = time.Now().Add(pause)
		c.snapshots[id] = &snapshotRow{ready: time.Now().Add(pause), rows: db.rows, tags: tags, failed: c.brokenSnapshot}
		c.made["snapshot "+id]++
		c.born["snapshot "+id] = time.Now()
		return nil
	})
}

func (c engine) Copy(_ context.Context, cp database.Copy) error {
	return c.call("CopyDBSnapshot", func() error {
		source := c.snapshots[strings.TrimPrefix(cp.SourceARN, "arn:")]
		if source == nil {
			return fmt.Errorf("DBSnapshotNotFound: %s", cp.SourceARN)
		}
		if c.snapshots[cp.ID] == nil {
			c.snapshots[cp.ID] = &snapshotRow{ready: time.Now().Add(pause), rows: source.rows, tags: cp.Tags}
			c.made["snapshot "+cp.ID]++
		}
		return nil
	})
}

func (c engine) Share(context.Context, string, string) error {
	return c.call("ModifyDBSnapshotAttribute", func() error { return nil })
}

func (c engine) DeleteSnapshot(_ context.Context, id string) error {
	return c.call("DeleteDBSnapshot", func() error {
		if r := c.snapshots[id]; r != nil && time.Now().Before(r.ready) {
			return fmt.Errorf("InvalidDBSnapshotState: %s is creating", id)
		}
		delete(c.snapshots, id)
		return nil
	})
}

func (c engine) Quotas(context.Context) (q database.Quotas, err error) {
	err = c.call("DescribeAccountAttributes", func() error {
		q.Snapshots = database.Quota{Used: len(c.snapshots), Max: 100}
		return nil
	})
	return q, err
}

func (c engine) Family(_ context.Context, _, version string) (family string, err error) {
	err = c.call("DescribeDBEngineVersions", func() error {
		if version == "15.4" {
			family = "postgres15"
		}
		return nil
	})
	return family, err
}

func (c engine) ParameterGroup(context.Context, string) (string, error) { return "postgres15", nil }

func (c engine) SubnetGroup(context.Context, string) (string, error) { return "vpc-1", nil }

// ---- CloudFormation

type stacks struct{ *cloud }

func (c stacks) state(name string) *Stack {
	r := c.stacks[name]
	if r == nil {
		return nil
	}
	if !r.gone.IsZero() && !time.Now().Before(r.gone) {
		delete(c.stacks, name)
		return nil
	}
	return &Stack{
		Name: name, ID: "arn:" + name, Tags: r.tags, Deleting: !r.gone.IsZero(),
		Ready:  r.failed == "" && r.gone.IsZero() && !time.Now().Before(r.ready),
		Failed: r.failed,
	}
}

func (c stacks) Look(_ context.Context, name string) (s *Stack, err error) {
	err = c.call("DescribeStacks", func() error {
		if c.sees("stack " + name) {
			s = c.state(name)
		}
		return nil
	})
	return s, err
}

func (c stacks) Create(_ context.Context, r StackRequest) error {
	return c.call("CreateChangeSet", func() error {
		if c.stacks[r.Name] != nil {
			return nil
		}
		snapshot := c.snapshots[r.Parameters["SnapshotIdentifier"]]
		if snapshot == nil || time.Now().Before(snapshot.ready) {
			return fmt.Errorf("snapshot %s is not there", r.Parameters["SnapshotIdentifier"])
		}
		c.made["stack "+r.Name]++
		c.born["stack "+r.Name] = time.Now()
		c.stacks[r.Name] = &stackRow{ready: time.Now().Add(pause), tags: r.Tags}
		if c.brokenStack {
			c.stacks[r.Name].failed = "the subnet group has no free address"
			return nil
		}
		c.databases[r.Parameters["DatabaseIdentifier"]] = &row{
			ready: time.Now().Add(pause), rows: snapshot.rows, tags: r.Tags, guarded: true,
		}
		return nil
	})
}

func (c stacks) Delete(_ context.Context, name string) error {
	return c.call("DeleteStack", func() error {
		r := c.stacks[name]
		if r == nil {
			return nil
		}
		if db := c.databases[name]; db != nil && db.guarded {
			return fmt.Errorf("DELETE_FAILED: %s has deletion protection", name)
		}
		r.gone = time.Now().Add(pause)
		delete(c.databases, name)
		return nil
	})
}

func (c stacks) List(_ context.Context, n namespace.Namespace) (list []Stack, err error) {
	err = c.call("ListStacks", func() error {
		for name := range c.stacks {
			if s := c.state(name); s != nil && s.Tags[namespace.TagNamespace] == n.String() {
				list = append(list, *s)
			}
		}
		return nil
	})
	return list, err
}

// ---- ECS

type deployer struct{ *cloud }

func (c deployer) Problems(context.Context) (diag.List, error) { return nil, nil }

func (c deployer) Serves(_ context.Context, ts namespace.Timestamp) (ok bool, err error) {
	err = c.call("DescribeServiceDeployments", func() error {
		ok = c.serving == ts
		return nil
	})
	return ok, err
}

func (c deployer) Deploy(_ context.Context, ts namespace.Timestamp, _ bool) error {
	return c.call("UpdateService", func() error {
		if c.parameters[staging.Version(ts, factEndpoint)] == "" {
			return fmt.Errorf("ResourceInitializationError: %s is not there", staging.Version(ts, factEndpoint))
		}
		if c.brokenRollout {
			return errors.New("rolled back: the task exited with 1")
		}
		c.serving = ts
		return nil
	})
}

func (c deployer) Restore(_ context.Context, ts namespace.Timestamp) error {
	return c.call("UpdateService", func() error {
		if c.serving == ts {
			c.serving = namespace.Timestamp(c.parameters[staging.Active()])
		}
		return nil
	})
}

func (c deployer) References(context.Context) (used []namespace.Timestamp, err error) {
	err = c.call("DescribeServices", func() error {
		if c.serving != "" {
			used = append(used, c.serving)
		}
		return nil
	})
	return used, err
}

// ---- the user's tasks

type tasks struct {
	*cloud
	broken Purpose
}

func (c tasks) Run(_ context.Context, purpose Purpose, db database.Database) error {
	return c.call("RunTask "+string(purpose), func() error {
		if purpose == c.broken {
			return errors.New("task exited with 1")
		}
		if purpose == Mask && !strings.HasPrefix(c.databases[db.ID].rows, "masked ") {
			c.databases[db.ID].rows = "masked " + c.databases[db.ID].rows
		}
		return nil
	})
}

var (
	dev     = namespace.Namespace{Customer: "xy", Project: "0146", Environment: "dev"}
	staging = namespace.Namespace{Customer: "xy", Project: "0146", Environment: "staging"}
)

func (c *cloud) promoter(holder string) *Promoter {
	return &Promoter{
		Source:     Side{Namespace: dev, Account: "111111111111", Region: "eu-west-1", Databases: engine{c}},
		Target:     Side{Namespace: staging, Account: "111111111111", Region: "eu-west-1", Databases: engine{c}},
		Parameters: c, Stacks: stacks{c}, SourceStacks: stacks{c}, Deployer: deployer{c}, Tasks: tasks{cloud: c},
		Holder:  saga.Holder{ID: holder},
		Options: saga.Options{Transient: func(err error) bool { return errors.Is(err, errThrottle) }},
	}
}

// process runs one process until its end or its death.
func (c *cloud) process(work func(context.Context) (Result, error)) (Result, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c.dead, c.kill = false, cancel
	return work(ctx)
}
