package ecs

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/org/shipkit/internal/localaws/wire"
)

// rates are ECS's request limits of an account and region: a burst, and how many tokens come back a second.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html
var rates = map[string]struct{ burst, sustained float64 }{
	"RegisterTaskDefinition":     {20, 1},
	"UpdateService":              {50, 5},
	"DescribeServices":           {100, 20},
	"ListServiceDeployments":     {50, 20},
	"DescribeServiceDeployments": {50, 20},
	"DescribeServiceRevisions":   {50, 20},
	"ListTasks":                  {100, 20},
	"DescribeTasks":              {100, 20},
}

// throttle counts requests against the limits, in simulated time.
type throttle struct {
	now func() time.Time

	mu      sync.Mutex
	on      bool
	buckets map[string]*bucket // by account, region and operation
}

// bucket is a token bucket.
type bucket struct {
	tokens float64
	filled time.Time
}

// Throttle has calls over the wire answered with ThrottlingException beyond ECS's limits, from now on or no more.
func (s *Service) Throttle(on bool) {
	s.throttle.mu.Lock()
	defer s.throttle.mu.Unlock()
	s.throttle.on, s.throttle.buckets = on, map[string]*bucket{}
}

// take takes a token for an operation, or fails.
func (t *throttle) take(ctx context.Context, operation string) error {
	rate, limited := rates[operation]
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.on || !limited {
		return nil
	}
	id, now := wire.Caller(ctx), t.now()
	key := id.AccountID + "/" + id.Region + "/" + operation
	b := t.buckets[key]
	if b == nil {
		b = &bucket{tokens: rate.burst, filled: now}
		t.buckets[key] = b
	}
	b.tokens = min(rate.burst, b.tokens+now.Sub(b.filled).Seconds()*rate.sustained)
	b.filled = now
	if b.tokens < 1 {
		return wire.Errorf("ThrottlingException", http.StatusBadRequest, "Rate exceeded")
	}
	b.tokens--
	return nil
}

// handle registers an operation behind its limit.
func handle[I, O any](svc *wire.Service, t *throttle, name string, f func(context.Context, *I) (*O, error)) {
	wire.Handle(svc, name, func(ctx context.Context, in *I) (*O, error) {
		if err := t.take(ctx, name); err != nil {
			return nil, err
		}
		return f(ctx, in)
	})
}
