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

	"github.com/org/shipkit/pkg/namespace"
	"github.com/org/shipkit/pkg/saga"
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
