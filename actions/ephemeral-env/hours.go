package ephemeralenv

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/org/shipkit/pkg/environment"
	"github.com/org/shipkit/pkg/environment/hours"
	"github.com/org/shipkit/pkg/namespace"
	"github.com/org/shipkit/pkg/saga"
)

const (
	// awake is how long an environment stays on that was made or woken outside
	// of its hours.
	awake = 4 * time.Hour
	// restart is when RDS starts a stopped database by itself
	// (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_StopInstance.html).
	restart = 7 * 24 * time.Hour
)

// turn is the state that the clock turns an environment to; "" for none. The
// schedules on AWS have switched most of them already; this does what they
// cannot know, such as a holiday, and keeps the records true.
func turn(r environment.Record, clock *hours.Hours, now time.Time) environment.State {
	since := now.Sub(r.Since)
	switch {
	case r.State == environment.Paused && since >= restart:
		return environment.Paused // its database has started again
	case clock == nil:
		return ""
	case r.State == environment.Ready && !clock.On(now) && (clock.On(r.Since) || since >= awake):
		return environment.Paused
	case r.State == environment.Paused && clock.On(now) && (!clock.On(r.Since) || since > clock.To-clock.From):
		return environment.Ready // the morning has woken it
	default:
		return ""
	}
}

// keepHours turns the environments as their hours want it. One at which
// another run is at work is left to the next reap.
func (j *job) keepHours(ctx context.Context, records []environment.Record, doomed []environment.Doomed) error {
	hasty := *j.manager
	hasty.Patience = 0
	var failures []error
	for _, record := range records {
		n, err := namespace.Parse(record.Namespace)
		gone := slices.ContainsFunc(doomed, func(d environment.Doomed) bool { return d.Record.Namespace == record.Namespace })
		if err != nil || gone || !j.manager.Owns(record) {
			continue
		}
		switch turn(record, j.subject.clock, time.Now()) {
		case environment.Paused:
			_, err = hasty.Pause(ctx, n)
		case environment.Ready:
			_, err = hasty.Wake(ctx, n)
		}
		var held *saga.HeldError
		if err != nil && !errors.As(err, &held) && !errors.Is(err, environment.ErrMissing) {
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
}
