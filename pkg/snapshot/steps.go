package snapshot

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/org/shipkit/pkg/namespace"
	"github.com/org/shipkit/pkg/saga"
	"github.com/org/shipkit/pkg/snapshot/database"
)

// The choices that a resumed run must not make again, kept in the journal.
const (
	keyPrevious = "previous" // the version that was active at the start
	keyDatabase = "database" // the source's identifier
	keyArtifact = "artifact" // an existing snapshot to promote
	keyVerified = "verified" // purposes of tasks that have succeeded
	keyRunURL   = "run-url"  // the run that began it: tags must not change when another goes on
)

// promotion is one operation under way.
type promotion struct {
	*Promoter
	request Request
	run     *saga.Run
	ts      namespace.Timestamp
	book    book
	data    map[string]string

	// What steps have seen, so that later ones need not ask again.
	snapshots map[string]*database.Snapshot
	missed    map[string]int // looks that missed what was seen, from 1
	stack     *Stack
	database  *database.Database
	moved     bool // the pointer is at ts
	noted     bool // until when the old database is kept
}

func (p *Promoter) promotion(request Request, run *saga.Run) *promotion {
	op := run.Operation()
	return &promotion{
		Promoter: p, request: request, run: run, ts: op.Timestamp, data: op.Data,
		book: book{parameters: p.Parameters, namespace: p.Target.Namespace}, snapshots: map[string]*database.Snapshot{},
		missed: map[string]int{},
	}
}

// steps lists a promotion from the first to the last, in the order of time.
func (p *promotion) steps() []saga.Step {
	var steps []saga.Step
	if p.data[keyArtifact] == "" {
		steps = append(steps, p.takeSnapshot())
	}
	if p.request.Mask {
		steps = append(steps, p.restoreQuarantine(), p.maskAndSnapshot(), p.removeQuarantine())
	}
	if p.request.SourceKMSKey != "" {
		steps = append(steps, p.rekey())
	}
	if p.crosses() {
		steps = append(steps, p.shareAndCopy())
	}
	steps = append(steps, p.createDatabase(), p.publishFacts())
	if p.request.Migrate {
		steps = append(steps, p.task(Migrate))
	}
	if p.request.Verify {
		steps = append(steps, p.task(Verify))
	}
	if p.Deployer != nil {
		steps = append(steps, p.deploy(true))
	}
	steps = append(steps, p.movePointer())
	if p.previous() != "" {
		steps = append(steps, p.saveOld(), p.stopOld())
		if p.request.Retention == 0 {
			steps = append(steps, p.removeOld())
		}
	}
	return steps
}

func (p *promotion) previous() namespace.Timestamp { return namespace.Timestamp(p.data[keyPrevious]) }

func (p *promotion) tags(side Side) map[string]string {
	origin := p.request.Origin
	origin.RunURL = p.data[keyRunURL]
	return side.Namespace.Tags(p.ts, origin)
}

// inherited are our tags over those of the snapshot that a copy is made of.
// RDS copies no tags to another account.
func (p *promotion) inherited(side Side, of *database.Snapshot) map[string]string {
	tags := maps.Clone(of.Tags)
	maps.DeleteFunc(tags, func(name, _ string) bool { return strings.HasPrefix(name, "aws:") })
	if tags == nil {
		tags = map[string]string{}
	}
	maps.Copy(tags, p.tags(side))
	return tags
}

// artifact is the snapshot in the source that carries the data.
func (p *promotion) artifact() string {
	switch {
	case p.request.Mask:
		return p.Source.Namespace.Masked(p.ts)
	case p.data[keyArtifact] != "":
		return p.data[keyArtifact]
	default:
		return p.Source.Namespace.Snapshot(p.ts)
	}
}

// rekeyed is the artifact under a key that can be shared.
func (p *promotion) rekeyed() string {
	if p.request.SourceKMSKey == "" {
		return p.artifact()
	}
	return p.Source.Namespace.Snapshot(p.ts) + "-key"
}

// restorable is the snapshot that the new database is created from.
func (p *promotion) restorable() string {
	if p.crosses() {
		return p.Target.Namespace.Snapshot(p.ts)
	}
	return p.rekeyed()
}

func (p *promotion) takeSnapshot() saga.Step {
	id := p.Source.Namespace.Snapshot(p.ts)
	return saga.Step{
		Name: "take snapshot", Own: true, Poll: 15 * time.Second,
		Done: p.snapshotDone(p.Source, id),
		Do: func(ctx context.Context) error {
			if s := p.snapshots[id]; s != nil {
				return p.mine(p.Source, s) // under way: its database takes no other meanwhile
			}
			return p.Source.Databases.Take(ctx, p.data[keyDatabase], id, p.tags(p.Source))
		},
		Undo: p.dropSnapshot(p.Source, id),
	}
}

func (p *promotion) rekey() saga.Step {
	id := p.rekeyed()
	return saga.Step{
		Name: "re-encrypt snapshot", Own: true, Poll: 15 * time.Second,
		Done: p.snapshotDone(p.Source, id),
		Do: func(ctx context.Context) error {
			source, err := p.mustSnapshot(ctx, p.Source, p.artifact())
			if err != nil {
				return err
			}
			return p.Source.Databases.Copy(ctx, database.Copy{
				SourceARN: source.ARN, ID: id, KMSKeyID: p.request.SourceKMSKey, Tags: p.inherited(p.Source, source),
			})
		},
		Undo: p.dropSnapshot(p.Source, id),
	}
}

func (p *promotion) shareAndCopy() saga.Step {
	id := p.restorable()
	return saga.Step{
		Name: "copy snapshot to " + p.Target.Namespace.Environment, Own: true, Poll: 15 * time.Second,
		Done: p.snapshotDone(p.Target, id),
		Do: func(ctx context.Context) error {
			source, err := p.mustSnapshot(ctx, p.Source, p.rekeyed())
			if err != nil {
				return err
			}
			if p.Source.Account != p.Target.Account {
				if err := p.Source.Databases.Share(ctx, source.ID, p.Target.Account); err != nil {
					return err
				}
			}
			c := database.Copy{SourceARN: source.ARN, ID: id, KMSKeyID: p.request.TargetKMSKey, Tags: p.inherited(p.Target, source)}
			if source.Kind == database.Cluster && !source.Encrypted {
				c.KMSKeyID = "" // RDS encrypts none; the restore does
			}
			if p.Source.Region != p.Target.Region {
				c.SourceRegion = p.Source.Region
			}
			return p.Target.Databases.Copy(ctx, c)
		},
		Undo: p.dropSnapshot(p.Target, id),
	}
}

func (p *promotion) createDatabase() saga.Step {
	name := p.Target.Namespace.Database(p.ts)
	return saga.Step{
		Name: "create database " + name, Own: true, Poll: 20 * time.Second,
		Done: p.stackDone(p.Stacks, name),
		Do: func(ctx context.Context) error {
			s, err := p.mustSnapshot(ctx, p.restorableSide(), p.restorable())
			if err != nil {
				return err
			}
			return p.Stacks.Create(ctx, StackRequest{
				Name: name, Template: p.request.Template, Tags: p.tags(p.Target), Parameters: p.stackParameters(name, s),
			})
		},
		Undo: func(ctx context.Context) error { return p.takeBack(ctx, p.Target, p.Stacks, name) },
	}
}

// stackParameters are those of shipkit's templates. A cluster needs its engine
// and version named and may be given a key, an instance takes them from the
// snapshot.
func (p *promotion) stackParameters(identifier string, s *database.Snapshot) map[string]string {
	parameters := map[string]string{"DatabaseIdentifier": identifier, "SnapshotIdentifier": s.ID}
	if s.Kind == database.Cluster {
		parameters["Engine"], parameters["EngineVersion"] = s.Engine, s.EngineVersion
	}
	maps.Copy(parameters, p.request.Parameters)
	if s.Kind == database.Instance {
		delete(parameters, "KmsKeyId")
	}
	return parameters
}

func (p *promotion) publishFacts() saga.Step {
	return saga.Step{
		Name: "publish endpoint", Own: true, Quick: true,
		Done: func(ctx context.Context) (bool, error) {
			endpoint, err := p.book.get(ctx, p.Target.Namespace.Version(p.ts, factEndpoint))
			return endpoint != "", err
		},
		Do: func(ctx context.Context) error {
			db, err := p.newDatabase(ctx)
			if err != nil {
				return err
			}
			return p.book.publish(ctx, p.ts, *db)
		},
		Undo: func(ctx context.Context) error { return p.book.forget(ctx, p.ts) },
	}
}

func (p *promotion) newDatabase(ctx context.Context) (*database.Database, error) {
	id := p.Target.Namespace.Database(p.ts)
	db, err := p.Target.Databases.Database(ctx, id)
	if err != nil {
		return nil, err
	}
	if db == nil || db.Endpoint == "" {
		return nil, fmt.Errorf("database %s: the stack is there, but the database has no endpoint: "+
			"does the template use the parameter DatabaseIdentifier?", id)
	}
	p.database = db
	return db, nil
}

// task runs the user's task once it has not been recorded as done. A task may
// run twice if the process dies between its end and the record, as migrations
// and checks must bear anyway.
func (p *promotion) task(purpose Purpose) saga.Step {
	key := keyVerified + "-" + string(purpose)
	return saga.Step{
		Name: string(purpose) + " database",
		Done: func(context.Context) (bool, error) {
			return p.run.Operation().Data[key] == string(p.ts), nil
		},
		Do: func(ctx context.Context) error {
			db, err := p.newDatabase(ctx)
			if err != nil {
				return err
			}
			if err := p.Tasks.Run(ctx, purpose, *db); err != nil {
				return fmt.Errorf("%s database %s: %w", purpose, db.ID, err)
			}
			return p.run.Remember(ctx, key, string(p.ts))
		},
	}
}

// deploy is own unless it goes back to an earlier version.
func (p *promotion) deploy(own bool) saga.Step {
	return saga.Step{
		Name: "deploy services", Own: own,
		Done: func(ctx context.Context) (bool, error) { return p.Deployer.Serves(ctx, p.ts) },
		Do:   func(ctx context.Context) error { return p.Deployer.Deploy(ctx, p.ts, p.run.Resumed) },
		Undo: func(ctx context.Context) error { return p.Deployer.Restore(ctx, p.ts) },
	}
}

func (p *promotion) movePointer() saga.Step {
	return saga.Step{
		Name: "point at the new database", Own: true, Quick: true, Commit: true,
		Done: func(ctx context.Context) (bool, error) {
			active, err := p.book.active(ctx)
			return active == p.ts, err
		},
		Do: func(ctx context.Context) error {
			if err := p.book.put(ctx, p.Target.Namespace.Version(p.ts, factPrevious), orNone(string(p.previous()))); err != nil {
				return err
			}
			err := p.book.point(ctx, p.previous(), p.ts)
			p.moved = err == nil
			return err
		},
	}
}
