package snapshot

import (
	"context"
	"fmt"

	"github.com/org/shipkit/pkg/namespace"
	"github.com/org/shipkit/pkg/saga"
)

// deploy is own unless it goes back to an earlier version.
func (p *promotion) deploy(own bool) saga.Step {
	return saga.Step{
		Name: "deploy services", Own: own, Quick: true,
		Done: func(ctx context.Context) (bool, error) { return p.Deployer.Serves(ctx, p.ts) },
		Do: func(ctx context.Context) error {
			if _, err := p.unedited(ctx); err != nil {
				return err
			}
			return p.Deployer.Deploy(ctx, p.ts, p.run.Resumed)
		},
		Undo: func(ctx context.Context) error { return p.Deployer.Restore(ctx, p.ts) },
	}
}

func (p *promotion) movePointer() saga.Step {
	return saga.Step{
		Name: "point at the new database", Own: true, Quick: true, Commit: true, Asks: true,
		Done: func(ctx context.Context) (bool, error) {
			active, err := p.book.active(ctx)
			return active == p.ts, err
		},
		Do: func(ctx context.Context) error {
			at, err := p.unedited(ctx)
			if err != nil {
				return err
			}
			if err := p.book.put(ctx, p.Target.Namespace.Version(p.ts, factPrevious), orNone(string(p.previous()))); err != nil {
				return err
			}
			err = p.point(ctx, at)
			p.moved = err == nil
			return err
		},
	}
}

// unedited asks whether the operation is still ours, and in the same call
// whether the version's parameters are what RDS says. It returns where the
// pointer is.
func (p *promotion) unedited(ctx context.Context) (at namespace.Timestamp, err error) {
	if p.database == nil {
		if _, err := p.newDatabase(ctx); err != nil {
			return "", err
		}
	}
	values, err := p.run.Read(ctx, append(p.book.names(p.ts), p.Target.Namespace.Active())...)
	if err != nil {
		return "", err //nolint:wrapcheck // it names the parameters
	}
	if err := p.book.edited(p.ts, values, p.database).Err(); err != nil {
		return "", err //nolint:wrapcheck // it names the parameters
	}
	return p.book.version(values[p.Target.Namespace.Active()])
}

// point moves the pointer from where it was when the operation began. It
// refuses if it is elsewhere, because somebody else has moved it then.
func (p *promotion) point(ctx context.Context, at namespace.Timestamp) error {
	switch at {
	case p.ts:
		return nil
	case p.previous():
		return p.book.put(ctx, p.Target.Namespace.Active(), string(p.ts))
	default:
		return fmt.Errorf("parameter %s is %q, not %q as when the operation began: somebody moved it",
			p.Target.Namespace.Active(), at, p.previous())
	}
}
