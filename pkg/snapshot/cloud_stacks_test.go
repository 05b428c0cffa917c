package snapshot

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/namespace"
	"github.com/org/shipkit/pkg/snapshot/database"
)

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
