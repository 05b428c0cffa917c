package snapshot

import (
	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/namespace"
	"github.com/org/shipkit/pkg/saga"
)

// forgotten refuses to leave services behind: going on with an operation that
// moves them, or after one that moved them, needs to know them too.
func (p *Promoter) forgotten(op saga.Operation) error {
	if p.Deployer != nil || op.Data[keyServices] == "" {
		return nil
	}
	var findings diag.List
	findings.Errorf("name them in services, and their cluster",
		"input services: nothing given, but the promotion moved %s, which would be left at a database that is stopped", op.Data[keyServices])
	return findings.Err() //nolint:wrapcheck // it names the input
}

// servedBy is the version that an operation left its services at.
func servedBy(op *saga.Operation) namespace.Timestamp {
	switch {
	case op.Status == saga.Undone:
		return namespace.Timestamp(op.Data[keyPrevious])
	case op.Kind == kindUndo:
		return namespace.Timestamp(op.Data[keyBackTo])
	default:
		return op.Timestamp
	}
}
