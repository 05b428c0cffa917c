package snapshot

import (
	"context"
	"fmt"

	"github.com/org/shipkit/pkg/snapshot/database"
)

// needs is what a promotion adds to one account and region.
type needs struct{ snapshots, databases, members, storage int }

// needs counts for the source and the target. On one account and region they
// add up.
func (g gatekeeper) needs() (source, target needs) {
	if g.request.Artifact == "" {
		source.snapshots++
	}
	if g.request.Mask {
		source.snapshots++
		source.add(g.database())
	}
	if g.request.SourceKMSKey != "" {
		source.snapshots++
	}
	if g.crosses() {
		target.snapshots++
	}
	if g.plan.Current != nil {
		target.snapshots++ // the final one
	}
	target.add(g.database())
	return source, target
}

func (n *needs) add(more needs) {
	n.snapshots += more.snapshots
	n.databases += more.databases
	n.members += more.members
	n.storage += more.storage
}

func (g gatekeeper) database() needs {
	one := needs{databases: 1, members: 1, storage: g.subject.storage}
	if g.request.Parameters["MultiAZ"] == "true" {
		one.members++
	}
	return one
}

func (g gatekeeper) quotas(ctx context.Context) error {
	source, target := g.needs()
	if !g.crosses() {
		source.add(target)
		return g.quotasOf(ctx, g.Source, source)
	}
	if err := g.quotasOf(ctx, g.Source, source); err != nil {
		return err
	}
	return g.quotasOf(ctx, g.Target, target)
}

func (g gatekeeper) quotasOf(ctx context.Context, side Side, n needs) error {
	q, err := side.Databases.Quotas(ctx)
	if err != nil {
		return err
	}
	if own := g.gates.SnapshotQuota; own != nil {
		q.Snapshots.Max = *own
	}
	kind := "DB instances"
	if g.subject.kind == database.Cluster {
		kind = "DB clusters"
	}
	for _, gate := range []struct {
		quota database.Quota
		more  int
		what  string
		try   string
	}{
		{q.Snapshots, n.snapshots, "manual snapshots", "delete old manual snapshots, or raise the quota (snapshot-quota, if RDS does not know it)"},
		{q.Databases, n.databases, kind, "remove databases that nobody needs, or raise the quota"},
		{q.Members, n.members, "DB instances", "remove databases that nobody needs, or raise the quota"},
		{q.StorageGB, n.storage, "GB of storage", "remove databases that nobody needs, or raise the quota"},
	} {
		if gate.quota.Max > 0 && gate.quota.Used+gate.more > gate.quota.Max {
			g.plan.Findings.Errorf(gate.try, "account %s has %d %s in %s and needs %d more: the quota is %d",
				side.Account, gate.quota.Used, gate.what, side.Region, gate.more, gate.quota.Max)
		}
	}
	return nil
}

// version looks whether the target offers the engine, and whether the
// parameter group is for it.
func (g gatekeeper) version(ctx context.Context) error {
	family, err := g.Target.Databases.Family(ctx, g.subject.engine, g.subject.version)
	if err != nil {
		return err
	}
	if family == "" {
		g.plan.Findings.Errorf("upgrade the source first, or promote to a region that offers it",
			"%s %s is not offered in %s", g.subject.engine, g.subject.version, g.Target.Region)
	}
	name := g.request.Parameters["ParameterGroup"]
	if name == "" {
		return nil
	}
	switch of, err := g.Target.Databases.ParameterGroup(ctx, name); {
	case err != nil:
		return err
	case of == "":
		g.plan.Findings.Errorf("create it, or name another in parameter-group",
			"parameter group %q is not there in %s", name, g.Target.Region)
	case family != "" && of != family:
		g.plan.Findings.Errorf("name one of that family in parameter-group",
			"parameter group %q is of family %s, %s %s needs %s", name, of, g.subject.engine, g.subject.version, family)
	}
	return nil
}

// keys follows the snapshot's encryption on its way.
func (g gatekeeper) keys(ctx context.Context) error {
	if !g.subject.encrypted {
		g.plain()
	}
	shared := g.subject.key
	if g.request.SourceKMSKey != "" {
		key, err := g.key(ctx, SourceKey, "source-kms-key-id", g.request.SourceKMSKey)
		if err != nil {
			return err
		}
		shared = key.ARN
	}
	if g.request.TargetKMSKey != "" {
		if _, err := g.key(ctx, TargetKey, "kms-key-id", g.request.TargetKMSKey); err != nil {
			return err
		}
	}
	encrypted := g.subject.encrypted || g.request.SourceKMSKey != ""
	if encrypted && g.crosses() && g.request.TargetKMSKey == "" {
		g.plan.Findings.Errorf("give a key of the target's region in kms-key-id",
			"the snapshot is encrypted: its copy in %s needs a key there", g.Target.Region)
	}
	if !encrypted || shared == "" || g.Source.Account == g.Target.Account {
		return nil
	}
	return g.shared(ctx, shared)
}

// plain says how a database that is not encrypted can become so.
func (g gatekeeper) plain() {
	cluster := g.subject.kind == database.Cluster
	switch {
	case cluster && g.request.SourceKMSKey != "":
		g.plan.Findings.Errorf("leave it out and give kms-key-id: the restore encrypts",
			"input source-kms-key-id: %s is not encrypted, and RDS encrypts no copy of a cluster's snapshot", g.subject.name)
	case cluster && g.request.TargetKMSKey == "":
		g.plan.Findings.Warnf("give kms-key-id: the restore encrypts",
			"the source is not encrypted, and so the new database is not either")
	case !cluster && g.request.SourceKMSKey == "" && (!g.crosses() || g.request.TargetKMSKey == ""):
		g.plan.Findings.Warnf("give a customer managed key in source-kms-key-id: the snapshot is encrypted with it first",
			"the source is not encrypted, and so the new database is not either")
	}
}

// key looks at the key that an input names.
func (g gatekeeper) key(ctx context.Context, seen KeyView, input, id string) (Key, error) {
	if g.gates.Key == nil {
		return Key{ARN: id}, nil
	}
	key, err := g.gates.Key(ctx, seen, id)
	if err != nil {
		return key, fmt.Errorf("input %s: %w", input, err)
	}
	if key.Trouble != "" {
		g.plan.Findings.Errorf("name an enabled key of that account and region", "input %s: key %s %s", input, id, key.Trouble)
	}
	return key, nil
}

// shared looks whether the target's account can read what is under a key.
func (g gatekeeper) shared(ctx context.Context, id string) error {
	if g.gates.Key == nil {
		return nil
	}
	own, err := g.gates.Key(ctx, SourceKey, id)
	if err != nil {
		return err
	}
	if own.Managed {
		g.plan.Findings.Errorf("give a customer managed key in source-kms-key-id: the snapshot is re-encrypted with it first",
			"the snapshot would be under key %s, which AWS manages and which cannot be shared with account %s",
			id, g.Target.Account)
		return nil
	}
	outside, err := g.gates.Key(ctx, SharedKey, id)
	if err == nil && outside.Trouble != "" {
		g.plan.Findings.Errorf("allow account "+g.Target.Account+" in the key's policy: the README's \"Another account\" has it",
			"account %s: key %s of account %s %s", g.Target.Account, id, g.Source.Account, outside.Trouble)
	}
	return err
}
