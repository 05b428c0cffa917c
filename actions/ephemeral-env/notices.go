package ephemeralenv

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sesv2"

	"github.com/org/shipkit/pkg/environment"
	"github.com/org/shipkit/pkg/namespace"
	"github.com/org/shipkit/pkg/notify"
)

// channels are those whom to tell.
func (j *job) channels() []notify.Channel {
	return j.in.Channels(func() (notify.SESClient, error) { return sesv2.NewFromConfig(j.cfg), nil })
}

// tell sends a notice, and tells whether anybody got it. What does not arrive
// is a warning: the environment is not the worse for it.
func (j *job) tell(ctx context.Context, m notify.Message) bool {
	channels := j.channels()
	if len(channels) == 0 || !j.in.Wants(m.Status) {
		return false
	}
	patience := time.Minute
	if ctx.Err() != nil {
		patience = 3 * time.Second // a cancelled step is killed soon
	}
	m.Link = j.rt.GitHub().RunURL
	deliveries := notify.Send(context.WithoutCancel(ctx), channels, m, notify.Options{Timeout: patience, Progress: j.rt.Progress()})
	j.rt.Annotate(notify.Warnings(deliveries)...)
	return slices.ContainsFunc(deliveries, func(d notify.Delivery) bool { return d.Err == nil })
}

// tellFailure tells why a command failed, unless it was cancelled, which
// somebody knows about.
func (j *job) tellFailure(ctx context.Context, what string, err error) {
	if err != nil && ctx.Err() == nil {
		j.tell(ctx, failedNotice(what, err))
	}
}

// tellEnds warns of ends that are near, of each once.
func (j *job) tellEnds(ctx context.Context, records []environment.Record) error {
	soon := j.manager.Expiring(records, j.in.NoticeBefore)
	if len(j.channels()) == 0 || !j.in.Wants(notify.Warning) {
		return nil
	}
	var mine []environment.Record
	for _, r := range soon {
		n, err := namespace.Parse(r.Namespace)
		if err != nil {
			continue // no environment of ours has such a name
		}
		won, err := j.manager.Tell(ctx, n, r.Expires)
		if err != nil {
			return err
		}
		if won {
			mine = append(mine, r)
		}
	}
	if len(mine) == 0 || j.tell(ctx, endingNotice(mine, time.Now())) {
		return nil
	}
	// Nobody has heard: the next reap tries again.
	for _, r := range mine {
		n, err := namespace.Parse(r.Namespace)
		if err == nil {
			err = j.manager.Untell(ctx, n)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
