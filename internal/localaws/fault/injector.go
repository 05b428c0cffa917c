// Package fault stands between the wire and the services of local AWS: it records every call, and makes calls fail in
// the ways that AWS and networks fail: throttles, server errors, latency, stale reads, and the death of the client right
// before or right after a call took effect.
package fault

import (
	"context"
	"sync"
	"time"

	"github.com/org/shipkit/internal/localaws/clock"
	"github.com/org/shipkit/internal/localaws/wire"
)

// Injector applies rules to calls. Its Around is given to wire.NewMux.
type Injector struct {
	clock *clock.Clock

	mu     sync.Mutex
	rules  []*rule
	stale  staleReads
	lives  map[string]*life // by access key ID; "" is everybody
	record record
}

// New returns an injector without rules.
func New(c *clock.Clock) *Injector {
	return &Injector{clock: c, lives: map[string]*life{}}
}

// Around implements wire.Around.
func (j *Injector) Around(ctx context.Context, call wire.Call, next func() (any, error)) (any, error) {
	number := j.begin(call)
	out, err := j.mortal(call, func() (any, error) { return j.apply(ctx, call, next) })
	j.end(number, err)
	return out, err
}

// apply runs the call under the rules that match it.
func (j *Injector) apply(ctx context.Context, call wire.Call, next func() (any, error)) (any, error) {
	for _, r := range j.matching(call) {
		switch r.Effect {
		case Latency:
			if err := sleep(ctx, r.For); err != nil {
				return nil, err
			}
		case Throttle:
			return nil, throttled(call.Service)
		case ServerError:
			return nil, wire.Errorf("InternalFailure", 500, "A fault was injected into %s %s.", call.Service, call.Operation)
		case Deny:
			return nil, denied(call)
		case Drop:
			return nil, wire.ErrDrop
		case DropAfter:
			if _, err := next(); err != nil {
				return nil, err
			}
			return nil, wire.ErrDrop
		case Die:
			j.bury(call.Caller.AccessKeyID, r.For)
			return nil, wire.ErrDrop
		case DieAfter:
			_, _ = next() // whether it took effect: nobody learns of it
			j.bury(call.Caller.AccessKeyID, r.For)
			return nil, wire.ErrDrop
		case Stale:
			return j.stale.read(call, r.For, j.clock, next)
		}
	}
	return next()
}

// sleep waits on the wall clock: latency is a matter of the network, which local AWS does not speed up.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return wire.ErrDrop
	}
}

// throttled is the service's own throttling error. Query services say Throttling, S3 says SlowDown, the rest
// ThrottlingException: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/CommonErrors.html and each service's page.
func throttled(service string) *wire.Error {
	switch service {
	case "s3":
		return wire.Errorf("SlowDown", 503, "Please reduce your request rate.")
	case "rds", "cloudformation", "elasticloadbalancing", "iam", "sts", "sns":
		return wire.Errorf("Throttling", 400, "Rate exceeded")
	}
	return wire.Errorf("ThrottlingException", 400, "Rate exceeded")
}
