package snapshot

import (
	"time"

	"github.com/org/shipkit/pkg/saga"
)

// Expected is how long a promotion will take.
type Expected struct {
	Time time.Duration
	// Measured tells that the last promotion took that long; otherwise it is a
	// guess from the steps and the amount of data.
	Measured bool
}

// What the steps take by experience with RDS: a base, and more with each GB.
const (
	snapshotTime, snapshotPerGB = 4 * time.Minute, 2 * time.Second
	restoreTime, restorePerGB   = 10 * time.Minute, 2 * time.Second
	rolloutTime                 = 5 * time.Minute
)

func (p *Promoter) expected(plan *Plan, request Request, last *saga.Operation) Expected {
	if last != nil && last.Kind == Operation && last.Status == saga.Done {
		return Expected{Time: last.Updated.Sub(last.Started).Round(time.Second), Measured: true}
	}
	snapshots, restores := 0, 1
	for _, taken := range []bool{request.Artifact == "", request.SourceKMSKey != "", p.crosses(), plan.Current != nil, request.Mask} {
		if taken {
			snapshots++
		}
	}
	if request.Mask {
		restores++
	}
	data := time.Duration(subjectOf(plan).storage)
	total := time.Duration(snapshots)*(snapshotTime+data*snapshotPerGB) + time.Duration(restores)*(restoreTime+data*restorePerGB)
	if p.Deployer != nil {
		total += rolloutTime
	}
	return Expected{Time: total.Round(time.Minute)}
}
