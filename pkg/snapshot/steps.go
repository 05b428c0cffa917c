package snapshot

import (
	"maps"
	"strings"

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
	keyServices = "services" // what is moved with the database
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
