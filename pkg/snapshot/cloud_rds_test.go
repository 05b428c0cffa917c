package snapshot

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/org/shipkit/pkg/snapshot/database"
)

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
