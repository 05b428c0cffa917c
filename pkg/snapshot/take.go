package snapshot

import (
	"context"
	"time"

	"github.com/org/shipkit/pkg/saga"
	"github.com/org/shipkit/pkg/snapshot/database"
)

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
