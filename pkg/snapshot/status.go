package snapshot

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/namespace"
	"github.com/org/shipkit/pkg/saga"
	"github.com/org/shipkit/pkg/snapshot/database"
)

// Version is one promoted database of the target.
type Version struct {
	Timestamp namespace.Timestamp
	Active    bool
	// RetireAfter is when it may be deleted; zero while it is active.
	RetireAfter time.Time
	// Database is nil if it is gone.
	Database *database.Database
}

// Status is where the target stands.
type Status struct {
	Active    namespace.Timestamp
	Operation *saga.Operation // the last one, nil if there was none
	Versions  []Version       // the newest first
	// Findings are parameters that are not what RDS says.
	Findings diag.List
}

// Status looks at the target and changes nothing.
func (p *Promoter) Status(ctx context.Context) (Status, error) {
	book := book{parameters: p.Parameters, namespace: p.Target.Namespace}
	var status Status
	var err error
	if status.Active, err = book.active(ctx); err != nil {
		return status, err
	}
	if status.Operation, err = p.journal().Where(ctx); err != nil {
		return status, err
	}
	facts, err := book.facts(ctx)
	if err != nil {
		return status, err
	}
	kept, err := book.retireAfter(facts)
	if err != nil {
		return status, err
	}
	versions := slices.Sorted(maps.Keys(facts))
	slices.Reverse(versions)
	for _, ts := range versions {
		db, err := p.Target.Databases.Database(ctx, p.Target.Namespace.Database(ts))
		if err != nil {
			return status, err
		}
		if db == nil && ts == status.Active {
			status.Findings.Add(book.absent(ts, facts[ts][factKind]))
		}
		status.Findings = append(status.Findings, book.edited(ts, book.byParameter(ts, facts[ts]), db)...)
		status.Versions = append(status.Versions, Version{
			Timestamp: ts, Active: ts == status.Active, RetireAfter: kept[ts], Database: db,
		})
	}
	return status, nil
}
