package snapshot

import (
	"context"

	"github.com/org/shipkit/pkg/snapshot/database"
)

// gatekeeper checks everything before anything is created.
type gatekeeper struct {
	*Promoter
	request Request
	gates   Gates
	plan    *Plan
}

func (g gatekeeper) all(ctx context.Context) error {
	for _, check := range []func(context.Context) error{
		g.source, g.keys, g.quota, g.version, g.subnets, g.target,
	} {
		if err := check(ctx); err != nil {
			return err
		}
	}
	return nil
}

// subject is what the new database will be made of.
func (g gatekeeper) subject() (engine, version, key string, encrypted, known bool) {
	switch {
	case g.plan.Artifact != nil:
		a := g.plan.Artifact
		return a.Engine, a.EngineVersion, a.KMSKeyID, a.Encrypted, true
	case g.plan.Source != nil:
		s := g.plan.Source
		return s.Engine, s.EngineVersion, s.KMSKeyID, s.Encrypted, true
	default:
		return "", "", "", false, false
	}
}

func (g gatekeeper) source(context.Context) error {
	findings := &g.plan.Findings
	switch {
	case g.request.Artifact != "" && g.plan.Artifact == nil:
		findings.Errorf("list them with: aws rds describe-db-snapshots --snapshot-type manual",
			"snapshot %q is not there", g.request.Artifact)
	case g.request.Artifact != "" && g.plan.Artifact.Status != database.Available:
		findings.Errorf("wait until it is available, or name another",
			"snapshot %q is %s", g.request.Artifact, g.plan.Artifact.Status)
	case g.request.Artifact == "" && g.plan.Source == nil:
		findings.Errorf("check the identifier and the region "+g.Source.Region,
			"source database %q is not there", g.request.Database)
	case g.request.Artifact == "" && g.plan.Source.Status != database.Available:
		findings.Errorf("start it, or wait until it is available",
			"source database %q is %s, which cannot be snapshotted", g.request.Database, g.plan.Source.Status)
	}
	return nil
}

func (g gatekeeper) keys(ctx context.Context) error {
	_, _, key, encrypted, known := g.subject()
	if known && !encrypted && g.request.SourceKMSKey == "" {
		g.plan.Findings.Warnf("give a customer managed key in source-kms-key-id: the snapshot is encrypted with it first",
			"the source is not encrypted, and so the new database is not either")
	}
	if !known || !encrypted || !g.crosses() {
		return nil
	}
	if g.request.TargetKMSKey == "" {
		g.plan.Findings.Errorf("give the ARN of a customer managed key of the target's region in kms-key-id",
			"the snapshot is encrypted: its copy in %s needs a key there", g.Target.Region)
	}
	if g.Source.Account == g.Target.Account || g.request.SourceKMSKey != "" || g.gates.Shareable == nil {
		return nil
	}
	shareable, err := g.gates.Shareable(ctx, key)
	if err == nil && !shareable {
		g.plan.Findings.Errorf("give a customer managed key in source-kms-key-id: the snapshot is re-encrypted with it first",
			"the source is encrypted with key %s, which AWS manages and which cannot be shared with account %s",
			key, g.Target.Account)
	}
	return err
}

func (g gatekeeper) quota(ctx context.Context) error {
	if g.gates.SnapshotQuota <= 0 {
		return nil
	}
	source, target := 0, 0
	if g.request.Artifact == "" {
		source++
	}
	if g.request.Mask {
		source++
	}
	if g.request.SourceKMSKey != "" {
		source++
	}
	if g.crosses() {
		target++
	}
	if g.plan.Current != nil {
		target++ // the final snapshot
	}
	if !g.crosses() {
		return g.sideQuota(ctx, g.Source, source+target)
	}
	if err := g.sideQuota(ctx, g.Source, source); err != nil {
		return err
	}
	return g.sideQuota(ctx, g.Target, target)
}

func (g gatekeeper) sideQuota(ctx context.Context, side Side, needed int) error {
	have, err := side.Databases.Manual(ctx)
	if err == nil && have+needed > g.gates.SnapshotQuota {
		g.plan.Findings.Errorf("delete old manual snapshots, or raise the quota and say so in snapshot-quota",
			"account %s has %d manual snapshots in %s and needs %d more: the quota is %d",
			side.Account, have, side.Region, needed, g.gates.SnapshotQuota)
	}
	return err
}

func (g gatekeeper) version(ctx context.Context) error {
	engine, version, _, _, known := g.subject()
	if !known {
		return nil
	}
	offered, err := g.Target.Databases.VersionOffered(ctx, engine, version)
	if err == nil && !offered {
		g.plan.Findings.Errorf("upgrade the source first, or promote to a region that offers it",
			"%s %s is not offered in %s", engine, version, g.Target.Region)
	}
	return err
}

func (g gatekeeper) subnets(ctx context.Context) error {
	name := g.request.Parameters["SubnetGroup"]
	if name == "" || g.gates.SubnetGroup == nil {
		return nil
	}
	there, err := g.gates.SubnetGroup(ctx, name)
	if err == nil && !there {
		g.plan.Findings.Errorf("create it, or name another in subnet-group",
			"DB subnet group %q is not there in %s", name, g.Target.Region)
	}
	return err
}

func (g gatekeeper) target(context.Context) error {
	if g.plan.Active != "" && g.plan.Current == nil {
		g.plan.Findings.Errorf("point "+g.Target.Namespace.Active()+" at an existing version, or remove the parameter",
			"the pointer names database %s, which is not there", g.plan.Active)
	}
	if g.plan.Current != nil && g.plan.Source != nil && g.plan.Current.ARN == g.plan.Source.ARN {
		g.plan.Findings.Errorf("choose another source or target", "source and target are the same database %s", g.plan.Source.ID)
	}
	if g.plan.Active != "" {
		g.plan.Findings.Warnf("",
			"what was written to %s since its promotion at %s is not in the new database",
			g.Target.Namespace, g.plan.Active)
	}
	return nil
}
