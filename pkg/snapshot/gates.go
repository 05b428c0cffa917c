package snapshot

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/org/shipkit/pkg/namespace"
	"github.com/org/shipkit/pkg/snapshot/database"
	"github.com/org/shipkit/pkg/snapshot/sql"
)

// gatekeeper checks everything before anything is created.
type gatekeeper struct {
	*Promoter
	request Request
	gates   Gates
	plan    *Plan
	subject subject
}

// subject is what the new database will be made of; its kind is empty if that
// is not there.
type subject struct {
	kind                       database.Kind
	engine, version, key, name string
	encrypted                  bool
	storage                    int
}

func subjectOf(plan *Plan) subject {
	switch {
	case plan.Artifact != nil:
		a := plan.Artifact
		return subject{a.Kind, a.Engine, a.EngineVersion, a.KMSKeyID, a.ID, a.Encrypted, a.StorageGB}
	case plan.Source != nil:
		s := plan.Source
		return subject{s.Kind, s.Engine, s.EngineVersion, s.KMSKeyID, s.ID, s.Encrypted, s.StorageGB}
	default:
		return subject{}
	}
}

// all collects what stands in the way. What depends on the source is left out
// while there is none.
func (g gatekeeper) all(ctx context.Context) error {
	g.subject = subjectOf(g.plan)
	g.source()
	g.target()
	g.protection()
	checks := []func(context.Context) error{g.quotas, g.network, g.services, g.tasks}
	if g.subject.kind != "" {
		g.language()
		checks = append(checks, g.keys, g.version)
	}
	for _, check := range checks {
		if err := check(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (g gatekeeper) source() {
	findings := &g.plan.Findings
	artifact, source := g.plan.Artifact, g.plan.Source
	name, foreign := g.foreign(g.request.Artifact)
	switch {
	case foreign:
		findings.Errorf("give the account's role in source-role-arn, and source-region: "+name.Region,
			"snapshot %q is of account %s in %s, but the source is account %s in %s",
			g.request.Artifact, name.AccountID, name.Region, g.Source.Account, g.Source.Region)
	case g.request.Artifact != "" && artifact == nil:
		findings.Errorf("list them with: aws rds describe-db-snapshots --snapshot-type manual",
			"snapshot %q is not there", g.request.Artifact)
	case artifact != nil && artifact.Status != database.Available:
		findings.Errorf("wait until it is available, or name another", "snapshot %q is %s", g.request.Artifact, artifact.Status)
	case artifact != nil && g.plan.Active != "" && !g.request.AllowOlder && dated(artifact).Before(g.plan.Active):
		findings.Errorf("allow-older: true, if that is what you want",
			"snapshot %q of %s is older than the active database %s", g.request.Artifact, dated(artifact), g.plan.Active)
	case g.request.Artifact == "" && source == nil:
		findings.Errorf("check the identifier and the region "+g.Source.Region,
			"source database %q is not there", g.request.Database)
	case source != nil && source.Status != database.Available:
		findings.Errorf("start it, or wait until it is available",
			"source database %q is %s, which cannot be snapshotted", g.request.Database, source.Status)
	}
}

// dated is the version that a snapshot is of, or else when it was taken.
func dated(s *database.Snapshot) namespace.Timestamp {
	if ts, err := namespace.ParseTimestamp(s.Tags[namespace.TagTimestamp]); err == nil {
		return ts
	}
	return namespace.TimestampOf(s.Created)
}

// foreign finds a snapshot whose ARN is of another account or region than the
// source's: it could be read, but not shared or restored from.
func (p *Promoter) foreign(artifact string) (arn.ARN, bool) {
	name, err := arn.Parse(artifact)
	return name, err == nil && (name.AccountID != p.Source.Account || name.Region != p.Source.Region)
}

func (g gatekeeper) target() {
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
}

func (g gatekeeper) services(ctx context.Context) error {
	if g.Deployer == nil {
		return nil
	}
	problems, err := g.Deployer.Problems(ctx)
	g.plan.Findings = append(g.plan.Findings, problems...)
	return err
}

func (g gatekeeper) tasks(ctx context.Context) error {
	if g.gates.Tasks == nil {
		return nil
	}
	problems, err := g.gates.Tasks(ctx)
	g.plan.Findings = append(g.plan.Findings, problems...)
	return err
}

// protection warns of databases that a slip of the hand could delete or make
// smaller.
func (g gatekeeper) protection() {
	if g.request.Parameters["DeletionProtection"] == "false" {
		g.plan.Findings.Warnf("leave DeletionProtection out of template-parameters",
			"the new database is not protected against deletion")
	}
	if g.plan.Current != nil && !g.plan.Current.DeletionProtection {
		g.plan.Findings.Warnf("switch its deletion protection on",
			"database %s, which serves until the new one does, is not protected against deletion", g.plan.Current.ID)
	}
	if class := g.request.class(); class != "" && g.plan.Current != nil && g.plan.Current.Class != "" && g.plan.Current.Class != class {
		g.plan.Findings.Warnf("instance-class: "+g.plan.Current.Class,
			"the new database is a %s, the one that it takes over from a %s", class, g.plan.Current.Class)
	}
}

// language refuses SQL files for engines that we do not speak to.
func (g gatekeeper) language() {
	if sql.Speaks(g.subject.engine) {
		return
	}
	for _, input := range g.gates.SQL {
		g.plan.Findings.Errorf("do it in a task or a command, such as mask-command and verify-command",
			"input %s: SQL files are for PostgreSQL and MySQL, and %s is %s", input, g.subject.name, g.subject.engine)
	}
}
