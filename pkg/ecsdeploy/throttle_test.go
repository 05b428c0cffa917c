package ecsdeploy

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// limits are ECS's token buckets by operation: how many calls at once, and how
// many a second.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html
var limits = map[string]struct{ burst, rate float64 }{
	"RegisterTaskDefinition": {20, 1}, "UpdateService": {50, 5}, "DescribeServices": {100, 20},
	"ListServiceDeployments": {50, 20}, "DescribeServiceDeployments": {50, 20}, "DescribeServiceRevisions": {50, 20},
}

// Twenty deployments that start in the same instant are not throttled.
func TestTwentyAtOnceAreNotThrottled(t *testing.T) {
	f := newFake(t)
	f.services = nil
	var names []string
	for i := range 20 {
		name := fmt.Sprintf("web%d", i)
		names = append(names, name)
		f.addService(name, 2)
		f.course[name] = ends(types.ServiceDeploymentStatusSuccessful, 10*time.Minute, "")
	}
	var mu sync.Mutex
	made := map[string][]time.Time{}
	f.onCall = func(operation string) {
		mu.Lock()
		defer mu.Unlock()
		made[operation] = append(made[operation], time.Now())
	}
	synctest.Test(t, func(t *testing.T) {
		var group sync.WaitGroup
		for _, name := range names {
			group.Go(func() {
				p, err := NewPlan(t.Context(), f.clients(), request(name))
				if err != nil {
					t.Error(err)
					return
				}
				if r, err := Apply(t.Context(), f.clients(), p, Hooks{}); err != nil || r.Err() != nil {
					t.Error(err, r.Err())
				}
			})
		}
		group.Wait()
	})
	for operation, limit := range limits {
		times := made[operation]
		slices.SortFunc(times, time.Time.Compare)
		tokens, last := limit.burst, time.Time{}
		for i, at := range times {
			if i > 0 {
				tokens = min(limit.burst, tokens+at.Sub(last).Seconds()*limit.rate)
			}
			if tokens, last = tokens-1, at; tokens < 0 {
				t.Errorf("%s: call %d of %d would be throttled", operation, i+1, len(times))
				break
			}
		}
	}
}
