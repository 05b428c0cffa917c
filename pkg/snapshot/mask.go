package snapshot

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/org/shipkit/pkg/saga"
	"github.com/org/shipkit/pkg/snapshot/database"
)

// Masking fails closed: the snapshot with real data never leaves the source,
// and the masked one is taken only after the mask task has succeeded.

func (p *promotion) quarantine() string { return p.Source.Namespace.Quarantine(p.ts) }

func (p *promotion) raw() string {
	if artifact := p.data[keyArtifact]; artifact != "" {
		return artifact
	}
	return p.Source.Namespace.Snapshot(p.ts)
}

// masked tells whether the masked snapshot is there, after which the
// quarantine is not needed again.
func (p *promotion) masked(ctx context.Context) (bool, error) {
	return p.snapshotDone(p.Source, p.Source.Namespace.Masked(p.ts))(ctx)
}

func (p *promotion) restoreQuarantine() saga.Step {
	name := p.quarantine()
	return saga.Step{
		Name: "restore quarantine " + name, Poll: 20 * time.Second,
		Done: func(ctx context.Context) (bool, error) {
			if masked, err := p.masked(ctx); err != nil || masked {
				return masked, err
			}
			return p.stackDone(p.SourceStacks, name)(ctx)
		},
		Do: func(ctx context.Context) error {
			raw, err := p.mustSnapshot(ctx, p.Source, p.raw())
			if err != nil {
				return err
			}
			parameters := p.stackParameters(name, raw)
			if p.crosses() {
				if err := p.besideSource(ctx, parameters); err != nil {
					return err
				}
			}
			return p.SourceStacks.Create(ctx, StackRequest{
				Name: name, Template: p.request.Template, Tags: p.tags(p.Source), Parameters: parameters,
				New: !p.run.Resumed,
			})
		},
		Undo: func(ctx context.Context) error { return p.takeBack(ctx, p.Source, p.SourceStacks, name) },
	}
}

// besideSource puts the quarantine of another account or region into the
// source's network, instead of the target's, which is not there.
func (p *promotion) besideSource(ctx context.Context, parameters map[string]string) error {
	delete(parameters, "KmsKeyId")
	source := &database.Database{}
	if id := p.data[keyDatabase]; id != "" {
		found, err := p.Source.Databases.Database(ctx, id)
		if err != nil {
			return err
		}
		if found != nil {
			source = found
		}
	}
	for name, value := range map[string]string{
		"SubnetGroup": source.SubnetGroup, "SecurityGroups": strings.Join(source.SecurityGroups, ","),
		"ParameterGroup": source.ParameterGroup,
	} {
		_, asked := parameters[name]
		delete(parameters, name)
		if value != "" && (p.request.ours() || asked) {
			parameters[name] = value
		}
	}
	return nil
}

func (p *promotion) maskAndSnapshot() saga.Step {
	id := p.Source.Namespace.Masked(p.ts)
	return saga.Step{
		Name: "mask and take snapshot", Poll: 15 * time.Second,
		Done: p.masked,
		Do: func(ctx context.Context) error {
			// A masked snapshot in the making was begun after the task succeeded.
			if s, err := p.Source.Databases.Snapshot(ctx, id); err != nil || s != nil {
				return err
			}
			db, err := p.Source.Databases.Database(ctx, p.quarantine())
			if err != nil {
				return err
			}
			if db == nil || db.Status != database.Available {
				return fmt.Errorf("quarantine %s is not available", p.quarantine())
			}
			if err := p.Tasks.Run(ctx, Mask, *db); err != nil {
				return fmt.Errorf("mask %s: %w", db.ID, err)
			}
			return p.Source.Databases.Take(ctx, db.ID, id, p.tags(p.Source))
		},
		Undo: p.dropSnapshot(p.Source, id),
	}
}

func (p *promotion) removeQuarantine() saga.Step {
	return saga.Step{
		Name: "remove quarantine",
		Done: func(ctx context.Context) (bool, error) {
			stack, err := p.SourceStacks.Look(ctx, p.quarantine())
			return stack == nil, err
		},
		Do: func(ctx context.Context) error {
			return p.removeStack(ctx, p.Source, p.SourceStacks, p.quarantine())
		},
	}
}
