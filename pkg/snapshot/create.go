package snapshot

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/org/shipkit/pkg/saga"
	"github.com/org/shipkit/pkg/snapshot/database"
)

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
				New: !p.run.Resumed,
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
